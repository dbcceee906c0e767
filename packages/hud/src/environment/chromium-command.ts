/** How Chromium is run: where it is, its flags, and the walls around it. */
import { accessSync, constants, existsSync, readlinkSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { HudError } from '../protocol/errors.ts';
import type { ChromiumOptions } from './chromium.ts';

export interface ChromiumCommand {
  command: string;
  args: string[];
  env: Record<string, string>;
  /** Whose the profile has to be. */
  uid?: number;
  /** What is missing in comparison with the best way. */
  warning?: string;
}

interface Start extends ChromiumOptions {
  executable: string;
  profile: string;
  /** 0: any free one. */
  port: number;
  url: string;
}

type MakeCommand = (start: Start) => ChromiumCommand;

const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];
const MAC_PROGRAMS = ['Chromium', 'Google Chrome'].map((name) => `/Applications/${name}.app/Contents/MacOS/${name}`);
const INSIDE_PROFILE = '/profile';

/** @throws HudError CAPABILITY_FAILED naming what to install */
export async function findChromium(executable?: string): Promise<string> {
  const wanted = executable === undefined ? PROGRAMS : [executable];
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const candidates = wanted.flatMap((name) => (name.includes('/') ? [name] : folders.map((folder) => join(folder, name))));
  const found = [...candidates, ...(executable === undefined ? MAC_PROGRAMS : [])].find(isExecutable);
  if (found !== undefined) return found;
  throw new HudError('CAPABILITY_FAILED', `There is no ${executable ?? 'Chromium'} on this machine.`, {
    hint: 'Install it (Debian: apt-get install chromium; macOS: brew install --cask chromium), or pass `executable`.',
  });
}

/** Ways of running it, the best protected first; the next one is for systems where that does not start. */
export function chromiumCommands(sandbox?: boolean): MakeCommand[] {
  const isRoot = process.getuid?.() === 0;
  const bwrap = process.platform === 'linux' ? findProgram('bwrap') : undefined;
  const lone = (start: Start): ChromiumCommand => ({
    command: start.executable,
    args: flags(start, start.profile),
    env: { HOME: start.profile, ...display(start) },
    ...(process.platform === 'linux' ? { warning: 'Chromium runs without bubblewrap: its pages may open local files (file://)' } : {}),
  });
  const bare = (start: Start): ChromiumCommand => {
    const { args, ...command } = lone(start);
    return {
      ...command,
      args: ['--no-sandbox', ...args],
      ...(sandbox === false ? {} : { warning: 'Chromium runs without its own sandbox, and without bubblewrap' }),
    };
  };
  const walled = bwrap === undefined ? [] : [(start: Start) => jailed(bwrap, start, { isRoot, sandbox: sandbox !== false })];
  return [...walled, ...(isRoot || sandbox === false ? [] : [lone]), ...(isRoot || sandbox === false ? [bare] : [])];
}

/**
 * A world of its own: programs and fonts of this machine to read, the profile to write, nothing else; the network is shared.
 * Root steps down to an unprivileged user, without whom Chromium's own sandbox does not work.
 */
function jailed(bwrap: string, start: Start, { isRoot, sandbox }: { isRoot: boolean; sandbox: boolean }): ChromiumCommand {
  const uid = isRoot ? 61_000 + (process.pid % 4_000) : undefined;
  const demotion = uid === undefined ? [] : ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--'];
  const program = [start.executable, ...(sandbox ? [] : ['--no-sandbox']), ...flags(start, INSIDE_PROFILE)];
  const walls = ['--unshare-pid', '--unshare-ipc', '--unshare-uts', '--die-with-parent', ...mounts(start)];
  return {
    command: bwrap,
    args: [...walls, '--chdir', '/', '--', ...demotion, ...program],
    env: { HOME: INSIDE_PROFILE, TMPDIR: '/tmp', ...display(start) },
    ...(uid === undefined ? {} : { uid }),
  };
}

const SETTINGS =
  'fonts ssl ca-certificates chromium chromium.d alternatives passwd group ld.so.cache nsswitch.conf hosts resolv.conf machine-id localtime';

const EMPTY =
  '--perms 0755 --dir /etc --perms 0755 --dir /var --perms 0755 --dir /sys ' +
  '--proc /proc --dev /dev --perms 1777 --tmpfs /dev/shm --perms 1777 --tmpfs /tmp';

function mounts({ executable, profile }: Start): string[] {
  const readable = (path: string): string[] => ['--ro-bind-try', path, path];
  const roots = ['bin', 'sbin', 'lib', 'lib32', 'lib64'].flatMap((name) => {
    const target = linkAt(`/${name}`);
    return target === undefined ? readable(`/${name}`) : ['--symlink', target, `/${name}`];
  });
  const shared = ['/usr', '/opt', '/nix', '/snap', '/var/cache/fontconfig', '/sys/devices/system/cpu', dirname(realpathSync(executable))];
  return [
    ...EMPTY.split(' '),
    ...shared.flatMap(readable),
    ...roots,
    ...SETTINGS.split(' ').flatMap((name) => readable(`/etc/${name}`)),
    ...readable('/tmp/.X11-unix'),
    '--bind',
    profile,
    INSIDE_PROFILE,
  ];
}

/** Nothing that a page does not ask for: no updates, no first-run pages, no sounds, no animated scrolling. */
const QUIET =
  '--disable-gpu --disable-quic --no-first-run --no-default-browser-check --disable-background-networking ' +
  '--disable-component-update --disable-sync --disable-extensions --disable-default-apps --disable-smooth-scrolling ' +
  '--disable-dev-shm-usage --password-store=basic --use-mock-keychain --force-color-profile=srgb --mute-audio';

function flags({ headless = true, width = 1280, height = 800, port, url, network = [], args = [] }: Start, profile: string): string[] {
  return [
    ...(headless ? ['--headless'] : []),
    ...QUIET.split(' '),
    '--disable-features=Translate,OptimizationHints,MediaRouter,AutofillServerCommunication',
    ...(network === true
      ? []
      : [`--host-resolver-rules=${hostRules(url, network)}`, '--force-webrtc-ip-handling-policy=disable_non_proxied_udp']),
    `--window-size=${width},${height}`,
    `--user-data-dir=${profile}`,
    `--remote-debugging-port=${port}`,
    ...args,
    'about:blank',
  ];
}

/** First match wins; an excluded host is never mapped. What no rule lets through has no address. */
export function hostRules(url: string, network: readonly string[]): string {
  const own = URL.canParse(url) ? new URL(url) : undefined;
  const port = own?.port || (own?.protocol === 'https:' ? '443' : '80');
  const allowed = [...(own?.hostname ? [`${own.hostname}:${port}`] : ['127.0.0.1', 'localhost']), ...network];
  const rules = allowed.map((host) => (/:\d+$/.test(host) ? `MAP ${host} ${host}` : `EXCLUDE ${host}`));
  return [...rules, 'MAP * ~NOTFOUND'].join(', ');
}

function display({ headless = true }: Start): Record<string, string> {
  const { DISPLAY } = process.env;
  return headless || DISPLAY === undefined ? {} : { DISPLAY };
}

function findProgram(name: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function linkAt(path: string): string | undefined {
  try {
    return existsSync(path) ? readlinkSync(path) : undefined;
  } catch {
    return undefined; // a folder
  }
}
