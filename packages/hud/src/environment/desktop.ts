/** A graphical desktop that an environment runs and offers to agents: X server, window manager, programs. */
import { execFile } from 'node:child_process';
import { chown, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { sleep } from '../host/host.ts';
import { nodeHost } from '../host/node.ts';
import { PROTOCOLS } from '../protocol/capability.ts';
import { HudError } from '../protocol/errors.ts';
import type { Daemon } from './daemon.ts';
import type { DesktopServer } from './desktop-server.ts';
import type { Environment } from './environment.ts';

export interface DesktopOptions {
  /** Of the capability, protocol `rfb/3.8`. @default "screen" */
  name?: string;
  /** In pixels. @default 1_280 */
  width?: number;
  /** @default 800 */
  height?: number;
  /** Bits of a pixel. @default 24 */
  depth?: number;
  /** At most 8 ASCII characters, which is all that VNC looks at. @default a new one for each start */
  password?: string;
  /** False leaves windows without frames where they appear. @default "openbox" */
  windowManager?: 'openbox' | false;
  /** Programs that run on it from the start of each task. */
  apps?: readonly AppCommand[];
  /** For all its programs. */
  env?: Record<string, string>;
}

export interface AppCommand extends LaunchOptions {
  command: string;
  args?: readonly string[];
}

export interface LaunchOptions {
  env?: Record<string, string>;
  /** @default the desktop's home */
  cwd?: string;
  /** A part of its window's title: waits until that is there, and has the keyboard. */
  window?: string;
}

/** Handle of the author's side. One task at a time: at the end of each, its programs are ended and its files deleted. */
export interface Desktop {
  readonly name: string;
  /** `:<number>`. @throws HudError CAPABILITY_FAILED while the environment is not started */
  readonly display: string;
  /** The home folder of its programs, emptied after each task. @throws as `display` does */
  readonly home: string;
  /** Variables that let a program of the author's own reach the display: `DISPLAY`, `XAUTHORITY`. @throws as `display` does */
  readonly env: Record<string, string>;
  /** Puts a file into the home folder, for the desktop's programs to read and change. Returns its absolute path. */
  write(path: string, content: string | Uint8Array): Promise<string>;
  /** Runs a program on it until the task ends. @throws HudError CAPABILITY_FAILED when it ends at once, or shows no such window in 20 s */
  launch(command: string, args?: readonly string[], options?: LaunchOptions): Promise<Daemon>;
  /** Settles when a window whose title contains the text is there and has the keyboard. Needs xdotool. @throws as `launch` does */
  waitForWindow(title: string): Promise<void>;
}

const WINDOW_MS = 20_000;
const POLL_MS = 50;
/** A program that can't start ends within this time. */
const SETTLE_MS = 100;

/** Declares hooks that start and stop it, and the capability; touches nothing before. */
export function declareDesktop(environment: Environment, options: DesktopOptions = {}): Desktop {
  const { name = 'screen', width = 1280, height = 800, depth = 24 } = options;
  checkPassword(options.password);
  let server: DesktopServer | undefined;
  const current = (): DesktopServer => {
    if (server !== undefined) return server;
    throw new HudError('CAPABILITY_FAILED', `The desktop '${name}' is not running: its environment is not started.`);
  };
  const programs = new Set<Daemon>();
  const launch = async (command: string, args: readonly string[] = [], launching: LaunchOptions = {}): Promise<Daemon> => {
    const daemon = await launchProgram(current(), options.env, { command, args, ...launching });
    programs.add(daemon);
    void daemon.exited.then(() => programs.delete(daemon));
    return daemon;
  };
  const endPrograms = async (): Promise<void> => {
    await Promise.all([...programs].map((daemon) => daemon.stop()));
  };
  const begin = async (): Promise<void> => {
    for (const { command, args, ...rest } of options.apps ?? []) await launch(command, args, rest);
  };

  environment.initialize(async () => {
    const onExit = (what: string, how: string): void => environment.warn(`desktop '${name}': ${what} ended: ${how}`);
    const windowManager = options.windowManager ?? 'openbox';
    const { startDesktopServer } = await import('./desktop-server.ts'); // only who declares one pays for it
    server = await startDesktopServer({ name, width, height, depth, windowManager, password: options.password, onExit });
    await begin();
    const { display, port, password } = server;
    environment.addCapability({ name, protocol: PROTOCOLS.rfb, url: `rfb://127.0.0.1:${port}`, params: { display, password } });
  });
  environment.onTaskEnd(async () => {
    await endPrograms();
    await empty(current().home);
    await begin();
  });
  environment.shutdown(async () => {
    const stopped = server;
    await endPrograms();
    server = undefined;
    await stopped?.stop();
  });
  return {
    name,
    launch,
    write: async (path, content) => await writeInto(current(), path, content),
    waitForWindow: async (title) => await waitForWindow(current(), title, AbortSignal.timeout(WINDOW_MS)),
    get display() {
      return current().display;
    },
    get home() {
      return current().home;
    },
    get env() {
      const { DISPLAY, XAUTHORITY } = current().env;
      return { DISPLAY: DISPLAY!, XAUTHORITY: XAUTHORITY! };
    },
  };
}

function checkPassword(password: string | undefined): void {
  if (password === undefined || /^[\x20-\x7e]{1,8}$/.test(password)) return;
  throw new HudError('BAD_ARGUMENT', "A desktop's password has 1 to 8 ASCII characters: VNC looks at no more.");
}

async function launchProgram(server: DesktopServer, env: Record<string, string> | undefined, app: AppCommand): Promise<Daemon> {
  const { uid } = server;
  const { startDaemon } = await import('./daemon.ts');
  return await startDaemon({
    what: `'${app.command}' on the desktop`,
    command: app.command,
    args: app.args ?? [],
    env: { ...server.env, ...env, ...app.env },
    cwd: app.cwd ?? server.home,
    ...(uid === undefined ? {} : { uid, gid: uid }),
    ready: async (signal) => {
      if (app.window === undefined) await sleep(nodeHost, SETTLE_MS, signal);
      else await waitForWindow(server, app.window, signal);
    },
    startupMs: WINDOW_MS,
  });
}

/** Asked again and again: xdotool's own waiting has no end. */
async function waitForWindow(server: DesktopServer, title: string, signal: AbortSignal): Promise<void> {
  const pattern = title.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  const xdotool = async (...args: string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)('xdotool', args, {
      env: { PATH: process.env.PATH, ...server.env },
      signal,
      timeout: 5_000,
    });
    return stdout.trim();
  };
  for (;;) {
    const id = await xdotool('search', '--onlyvisible', '--name', pattern).catch((error: unknown) => {
      if ((error as { code?: unknown }).code === 1) return ''; // none yet
      if (signal.aborted) throw new HudError('CAPABILITY_FAILED', `No window '${title}' appeared on the desktop.`);
      throw error;
    });
    const window = id.split('\n').at(-1) ?? '';
    if (window !== '') return void (await xdotool('windowactivate', '--sync', window, 'windowfocus', '--sync', window));
    await sleep(nodeHost, POLL_MS, signal).catch(() => {}); // the next question tells
  }
}

async function writeInto({ home, uid }: DesktopServer, path: string, content: string | Uint8Array): Promise<string> {
  const target = resolve(home, path);
  const inside = relative(home, target);
  if (inside === '' || inside.startsWith('..')) throw new HudError('BAD_ARGUMENT', `'${path}' is not a file in the desktop's home.`);
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, content);
  if (uid === undefined) return target;
  for (let made = target; made !== home; made = dirname(made)) await chown(made, uid, uid);
  return target;
}

async function empty(folder: string): Promise<void> {
  for (const entry of await readdir(folder)) await rm(join(folder, entry), { recursive: true, force: true, maxRetries: 3 });
}
