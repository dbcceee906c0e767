/**
 * `npm start`: the whole loop without a key. Starts a platform of its own on a free port, measures the small model that
 * comes along on a task that it can't do, trains it on the rewards of the task's environment, and measures again. In a
 * terminal the platform stays until Ctrl-C, so that the curves can be looked at; without one it ends by itself.
 *
 *   npm start                     forty steps, about a minute
 *   npm start -- --steps 10       fewer
 *   npm start -- --dir <folder>   everything in that folder, in place of `.hud` here
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readConfig, startPlatform, type Platform } from '@hud/platform';
import { root } from './run-tool.ts';

const HUD = join(root, 'packages', 'hud', 'bin', 'hud.js');
const EXAMPLE = join('examples', 'largest-digit');
const MODEL = 'tiny-chat';
/** Each start trains a fork of its own, so that their curves can be compared. */
const FORK = /^largest-digit-\d+$/;
/** What the record of that many starts takes is no more than some 100 MB: the next one begins anew. */
const MOST_STARTS = 5;
const OPTIONS = { steps: { type: 'string', default: '40' }, dir: { type: 'string', default: join(root, '.hud') } } as const;

interface Place {
  /** Of the record. */
  record: string;
  /** Of this platform alone: no other one, and no settings of the user, are touched. */
  folder: string;
}

const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stop.abort());
process.exitCode = await main().catch((error: unknown) => {
  const { message, hint } = error as Error & { hint?: string };
  process.stderr.write(`${message}\n${hint === undefined ? '' : `${hint}\n`}`);
  return 1;
});

async function main(): Promise<number> {
  const { values } = parseArgs({ options: OPTIONS });
  if (!/^[1-9]\d{0,5}$/.test(values.steps)) throw new Error(`--steps takes a whole number of at least 1, not '${values.steps}'.`);
  const record = resolve(values.dir);
  const place = { record, folder: join(record, 'start') };
  const isWatched = process.stdin.isTTY && process.stdout.isTTY;
  await using platform = await ownPlatform(place);
  const key = await keyOf(platform, place);
  const fork = await freeName(platform, key);
  const [tasks, heldOut] = [join(EXAMPLE, 'training.ts'), join(EXAMPLE, 'held-out.ts')];
  const training = ['--steps', values.steps, '--learning-rate', '0.0005', '--max-tokens', '8', '--shared', '64'];
  say('A tiny model that comes along is asked which of five digits is the largest. It guesses.');
  say('Now it learns from the rewards of its answers alone, on this machine:\n');
  say(`$ hud train ${tasks} --eval ${heldOut} --model ${MODEL} ${training.join(' ')}\n`);
  const args = ['train', join(root, tasks), '--eval', join(root, heldOut), '--model', MODEL, '--fork', fork, ...training];
  const code = await run(args, place, { HUD_BASE_URL: platform.url, HUD_API_KEY: key });
  if (code !== 0) return code;
  say('');
  const folder = relative(process.cwd(), place.folder);
  if (isWatched) await showUntilStopped(platform, await pageOf(platform, key, fork), join(folder, 'key'));
  else say(`The curves in a browser: run \`npm start\` in a terminal, or\n  npm run hud -- platform --dir ${folder}\n`);
  say(whatNext());
  return 0;
}

/** With room for one more start. */
async function ownPlatform(place: Place): Promise<Platform> {
  const platform = await openPlatform(place);
  try {
    const earlier = (await modelsOf(platform, await keyOf(platform, place))).filter(({ name }) => FORK.test(name));
    if (earlier.length < MOST_STARTS) return platform;
  } catch (error) {
    await platform.close();
    throw error;
  }
  await platform.close();
  await rm(place.folder, { recursive: true });
  say(`What the last ${MOST_STARTS} starts left in ${relative(process.cwd(), place.folder)} is deleted.\n`);
  return await openPlatform(place);
}

async function openPlatform({ folder }: Place): Promise<Platform> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { version } = JSON.parse(await readFile(join(root, 'packages', 'platform', 'package.json'), 'utf8')) as { version: string };
  // Every step can be asked, and the newest ones be trained on.
  const kept = { HUD_TRAIN_KEEP_SAMPLERS: '50', HUD_TRAIN_KEEP_STATES: '5' };
  const config = readConfig({ HUD_PLATFORM_DIR: folder, HUD_PLATFORM_PORT: '0', HUD_PLATFORM_LOG: 'warn', ...kept });
  return await startPlatform(config, { version });
}

/** A platform tells its first key once. */
async function keyOf({ firstKey }: Platform, { folder }: Place): Promise<string> {
  const file = join(folder, 'key');
  if (firstKey !== undefined) await writeFile(file, firstKey, { mode: 0o600 });
  if (existsSync(file)) return await readFile(file, 'utf8');
  throw new Error(`${file} is gone, and with it the key of the platform in that folder. Delete the folder ${folder}, and start again.`);
}

interface Model {
  id: string;
  name: string;
}

async function modelsOf({ url }: Platform, key: string): Promise<Model[]> {
  const response = await fetch(`${url}/v2/models`, { headers: { authorization: `Bearer ${key}` }, signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`The platform at ${url} answered ${response.status}: ${await response.text()}`);
  return ((await response.json()) as { items: Model[] }).items;
}

async function freeName(platform: Platform, key: string): Promise<string> {
  const taken = new Set((await modelsOf(platform, key)).map(({ name }) => name));
  for (let n = 1; ; n += 1) if (!taken.has(`largest-digit-${n}`)) return `largest-digit-${n}`;
}

/** Signs the browser in on the way. */
async function pageOf(platform: Platform, key: string, name: string): Promise<string> {
  const model = (await modelsOf(platform, key)).find((one) => one.name === name);
  return `${await platform.loginLink()}&next=${encodeURIComponent(`/models/${model?.id ?? ''}`)}`;
}

async function showUntilStopped({ url }: Platform, page: string, keyFile: string): Promise<void> {
  say(`The curves, the checkpoints and every rollout are here until Ctrl-C:\n  ${page}\n`);
  say(`For the commands above, until then:\n  export HUD_BASE_URL=${url} HUD_API_KEY=$(cat ${keyFile})\n`);
  if (!stop.signal.aborted) await once(stop.signal, 'abort');
  say('');
}

function whatNext(): string {
  const commands = [
    ['view', 'every step, in a browser'],
    ['jobs', 'the same in the terminal'],
    [`eval ${join(EXAMPLE, 'held-out.ts')} oracle --all`, 'the reference solution'],
    ['set ANTHROPIC_API_KEY=<your key>', 'then a model of a vendor:'],
    [`eval ${join('examples', 'letter-count', 'env.ts')} claude --all --group 3`, ''],
  ] as const;
  const width = Math.max(...commands.map(([command, what]) => (what === '' ? 0 : command.length)));
  const lines = commands.map(([command, what]) => `  npm run hud -- ${command.padEnd(width)}   ${what}`.trimEnd());
  return ['What next, in this folder:', ...lines].join('\n');
}

/**
 * A Ctrl-C reaches every process of a terminal by itself; a signal from elsewhere is passed on.
 * @returns its exit code
 */
async function run(args: readonly string[], { record, folder }: Place, settings: Record<string, string>): Promise<number> {
  const given = Object.entries(process.env).filter(([name]) => !name.startsWith('HUD_'));
  const env = { ...Object.fromEntries(given), ...settings, HUD_DIR: record, HOME: folder };
  const child = spawn(process.execPath, [HUD, ...args], { cwd: folder, env, stdio: ['ignore', 'inherit', 'inherit'] });
  const passOn = (signal: NodeJS.Signals): void => {
    if (signal !== 'SIGINT' || !process.stdout.isTTY) child.kill(signal);
  };
  process.on('SIGINT', passOn).on('SIGTERM', passOn).on('SIGHUP', passOn);
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    return code ?? 1;
  } finally {
    process.off('SIGINT', passOn).off('SIGTERM', passOn).off('SIGHUP', passOn);
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
