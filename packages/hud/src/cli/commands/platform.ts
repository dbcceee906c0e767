import { platformSettings, readSetting } from '../../host/settings.ts';
import { HudError } from '../../protocol/errors.ts';
import { defineCommand, type Command, type Context, type Result } from '../command.ts';
import { integer, text } from '../options.ts';
import { packageVersion } from '../package-origin.ts';
import { loadPlatformPackage, type PlatformPackage } from '../platform-package.ts';
import { listed, plural } from '../terminal/wording.ts';
import { UsageError } from '../usage-error.ts';
import { saveUserSettings } from '../user-settings.ts';

interface PlatformFlags {
  port: number;
  host: string;
  dir: string;
  database: string;
  to: string;
  toBucket: string;
}

/** Every flag has its setting; a flag wins. */
const SETTING_OF = { port: 'HUD_PLATFORM_PORT', host: 'HUD_PLATFORM_HOST', dir: 'HUD_PLATFORM_DIR', database: 'DATABASE_URL' } as const;

/** Its help lists every setting, which the platform's own package knows. */
export async function loadPlatformCommand(): Promise<Command> {
  const pkg = await loadPlatformPackage();
  return defineCommand<PlatformFlags>({
    arguments: { '[action]': 'start (the default), or migrate: move everything to another database' },
    options: {
      port: integer('-p, --port <n>', 'port; 0 takes any free one', { min: 0, max: 65_535 }),
      host: text('--host <address>', 'address to listen on; anything but loopback needs TLS in front'),
      dir: text('--dir <folder>', 'folder of the database and of blobs'),
      database: text('--database <url>', 'postgres://… in place of the database in the folder'),
      to: text('--to <place>', 'for migrate: postgres://…, or a folder'),
      toBucket: text('--to-bucket <name>', 'for migrate: the S3 bucket that blobs go to (default: the folder)'),
    },
    notes: notes(pkg),
    run: async ({ args: [action = 'start'], options }, context) => {
      if (action === 'start') return await start(pkg, settings(pkg, options, context), context);
      if (action === 'migrate') return await migrate(pkg, settings(pkg, options, context), options, context);
      throw new UsageError(`hud platform can't '${action}'.`, { hint: 'It can start and migrate.' });
    },
  });
}

function notes({ describeConfig }: PlatformPackage): string {
  const lines = describeConfig().flatMap(({ name, description, standard }) => [
    `  ${name}${standard === undefined ? '' : ` (default: ${standard})`}`,
    `      ${description}`,
  ]);
  return `Runs until Ctrl-C. The first start makes a key, prints it once, and saves it with the address for this user's hud.

Settings, in the environment:
${lines.join('\n')}`;
}

/** Keys of vendors may be among the user's saved settings. */
function settings(pkg: PlatformPackage, flags: Partial<PlatformFlags>, { env }: Context): Record<string, string | undefined> {
  const saved = Object.fromEntries(pkg.describeConfig().map(({ name }) => [name, readSetting(name)]));
  const given = Object.entries(SETTING_OF).flatMap(([flag, name]) => {
    const value = flags[flag as keyof typeof SETTING_OF];
    return value === undefined ? [] : [[name, String(value)]];
  });
  return { ...env, ...saved, ...Object.fromEntries(given) };
}

async function start(pkg: PlatformPackage, env: Record<string, string | undefined>, context: Context): Promise<Result> {
  await using platform = await pkg.startPlatform(pkg.readConfig(env), { version: packageVersion() });
  const { url, firstKey } = platform;
  const isSaved = await saveAddress(url, firstKey, context);
  const loginLink = await platform.loginLink();
  if (context.isJson)
    context.out.line(JSON.stringify({ url, login_link: loginLink, ...(firstKey === undefined ? {} : { api_key: firstKey }) }));
  else for (const line of announcement({ url, firstKey, loginLink, isSaved }, context)) context.out.line(line);
  await new Promise<void>((resolve) => {
    if (context.signal.aborted) resolve();
    context.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  context.note('Stopping …');
  await platform.close();
  context.note('Stopped.');
  return { json: undefined };
}

interface Announced {
  url: string;
  firstKey: string | undefined;
  loginLink: string;
  isSaved: boolean;
}

function announcement({ url, firstKey, loginLink, isSaved }: Announced, { out }: Context): string[] {
  return [
    `${out.bold('Platform')}   ${url}`,
    `Browser    ${loginLink}   (signs you in, once)`,
    ...(firstKey === undefined ? [] : [`First key  ${firstKey}   (shown this once)`]),
    isSaved
      ? 'Every hud of this user finds it now: run `hud eval` in another terminal.'
      : 'Your settings name another platform and stay as they are; `hud set HUD_BASE_URL=… HUD_API_KEY=…` changes them.',
    'Ctrl-C ends it.',
  ];
}

/** @returns false when the user's settings name a platform on another machine, or another one's key has to be kept */
async function saveAddress(url: string, key: string | undefined, { note }: Context): Promise<boolean> {
  const { apiUrl, apiKey } = platformSettings();
  if (apiUrl === url && key === undefined) return true;
  if (apiUrl !== undefined && !isLoopback(apiUrl)) return false;
  if (key === undefined && apiKey === undefined) {
    note('No key is set for it: sign in with the link below and make one, or run `hud login`.');
  }
  await saveUserSettings({ HUD_BASE_URL: url, ...(key === undefined ? {} : { HUD_API_KEY: key }) });
  return true;
}

function isLoopback(url: string): boolean {
  return URL.canParse(url) && /^(127\.|\[::1\]$|localhost$)/.test(new URL(url).hostname);
}

async function migrate(
  pkg: PlatformPackage,
  env: Record<string, string | undefined>,
  { to, toBucket }: Partial<PlatformFlags>,
  { isJson, note, signal }: Context,
): Promise<Result> {
  if (to === undefined) throw new UsageError('hud platform migrate needs --to.', { hint: 'For example: --to postgres://user@host/hud' });
  const place = /^postgres(ql)?:/.test(to) ? { DATABASE_URL: to } : { DATABASE_URL: undefined, HUD_PLATFORM_DIR: to };
  const from = pkg.readConfig(env);
  const target = pkg.readConfig({ ...env, HUD_PLATFORM_S3_BUCKET: toBucket, ...place });
  const moved = await pkg.moveRecord(from, target, {
    signal,
    onProgress: ({ table, done, total }) => (isJson ? undefined : note(`${table}: ${done} of ${total}`)),
  });
  if (moved.tables.length === 0) throw new HudError('BAD_ARGUMENT', `There is no record in ${from.DATABASE_URL ?? from.HUD_PLATFORM_DIR}.`);
  const rows = moved.tables.reduce((sum, table) => sum + table.rows, 0);
  const parts = [
    `${plural(rows, 'row')} of ${plural(moved.tables.length, 'table')}`,
    plural(moved.blobs, 'blob'),
    plural(moved.weights, 'file of weights', 'files of weights'),
  ];
  return { json: moved, text: () => [`Moved ${listed(parts)}; counts and hashes agree.`] };
}
