/** A Chromium that an environment runs and offers to agents: started with it, clean for each task, stopped with it. */
import { chown, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HudError, messageOf } from '../protocol/errors.ts';
import { PROTOCOLS } from '../protocol/capability.ts';
import type { ChromiumCommand } from './chromium-command.ts';
import type { Daemon } from './daemon.ts';
import type { Environment } from './environment.ts';

export interface ChromiumOptions {
  /** Of the capability, protocol `cdp/1.3`. @default "browser" */
  name?: string;
  /** The page that each task begins on; a function is asked when it is opened. @default "about:blank" */
  url?: string | (() => string | Promise<string>);
  /** Of a page, in CSS pixels. @default 1_280 */
  width?: number;
  /** @default 800 */
  height?: number;
  /**
   * What it may open besides the server of `url`: hosts (`*.example.com`) or `host:port`; true for everything.
   * Without a `url` everything on this machine's loopback is open. @default []
   */
  network?: true | readonly string[];
  /** @default the first of chromium, chromium-browser, google-chrome that is installed */
  executable?: string;
  /** Further flags. */
  args?: readonly string[];
  /** Chromium's own sandbox around its pages; without it, say so here. @default true where the system can */
  sandbox?: boolean;
  /** False shows its windows on the display of this process. @default true */
  headless?: boolean;
}

/** Handle of the author's side. One task at a time: at the end of each, all pages are closed and all data forgotten. */
export interface Chromium {
  readonly name: string;
  /** Of the DevTools server, `ws://127.0.0.1:<port>`. @throws HudError CAPABILITY_FAILED while the environment is not started */
  readonly url: string;
  /** Leader of its process group. @throws as `url` does */
  readonly pid: number;
  /** Closes all pages, forgets cookies and storage, opens the first page again; a browser that had ended or says nothing is started again. */
  fresh(): Promise<void>;
}

interface Running {
  daemon: Daemon;
  profile: string;
  port: number;
  hasEnded: boolean;
}

/** Several browsers may start at once on a small machine. */
const FIRST_PAGE_MS = 60_000;

/** Declares hooks that start and stop it, and the capability; touches nothing before. */
export function declareChromium(environment: Environment, options: ChromiumOptions = {}): Chromium {
  const { name = 'browser', width = 1280, height = 800 } = options;
  let running: Running | undefined;
  const current = (): Running => {
    if (running !== undefined) return running;
    throw new HudError('CAPABILITY_FAILED', `The browser '${name}' is not running: its environment is not started.`);
  };
  const startUrl = async (): Promise<string> => (typeof options.url === 'function' ? await options.url() : (options.url ?? 'about:blank'));
  const start = async (port: number): Promise<Running> => await launch(environment, options, { port, url: await startUrl() });
  const stop = async (): Promise<void> => {
    const stopped = running;
    running = undefined;
    await stopped?.daemon.stop();
    if (stopped !== undefined) await removeProfile(stopped.profile);
  };
  const clean = async (limitMs?: number): Promise<void> =>
    await (await import('./chromium-pages.ts')).cleanBrowser(current().port, { url: await startUrl(), width, height }, limitMs);
  const renew = async (): Promise<void> => {
    const { port, hasEnded } = current();
    try {
      if (!hasEnded) return await clean();
    } catch (error) {
      environment.warn(`${messageOf(error)} It is started again.`);
    }
    await stop();
    running = await start(port);
    await clean();
  };
  let cleaned: Promise<void> = Promise.resolve();
  const fresh = (): Promise<void> => {
    cleaned = cleaned.catch(() => {}).then(renew); // one after the other; who asked before heard of its failure
    return cleaned;
  };

  environment.initialize(async () => {
    running = await start(0);
    await clean(FIRST_PAGE_MS);
    environment.addCapability({ name, protocol: PROTOCOLS.cdp, url: urlOf(running), params: { width, height } });
  });
  environment.onTaskEnd(fresh);
  environment.shutdown(stop);
  return {
    name,
    fresh,
    get url() {
      return urlOf(current());
    },
    get pid() {
      return current().daemon.pid;
    },
  };
}

function urlOf({ port }: Running): string {
  return `ws://127.0.0.1:${port}`;
}

/** The best protected way of running it that works here; what is lost by a lesser one is a warning. */
async function launch(environment: Environment, options: ChromiumOptions, { port, url }: { port: number; url: string }): Promise<Running> {
  const { chromiumCommands, findChromium } = await import('./chromium-command.ts'); // only who declares one pays for it
  const executable = await findChromium(options.executable);
  const failures: unknown[] = [];
  for (const makeCommand of chromiumCommands(options.sandbox)) {
    const profile = await mkdtemp(join(tmpdir(), 'hud-chromium-'));
    const command = makeCommand({ ...options, executable, profile, port, url });
    try {
      const running = await run(environment, command, { profile, port });
      if (command.warning !== undefined) environment.warn(command.warning);
      return running;
    } catch (error) {
      failures.push(error);
      await removeProfile(profile);
    }
  }
  const reasons = [...new Set(failures.map(messageOf))].join('\n');
  throw new HudError('CAPABILITY_FAILED', reasons, {
    hint: `Start it by hand to see why: ${executable} --headless --dump-dom about:blank`,
  });
}

async function run(
  environment: Environment,
  { command, args, env, uid }: ChromiumCommand,
  { profile, port: wanted }: { profile: string; port: number },
): Promise<Running> {
  if (uid !== undefined) await chown(profile, uid, uid);
  let port = wanted;
  let running: Running | undefined;
  const { startDaemon } = await import('./daemon.ts');
  const daemon = await startDaemon({
    what: 'Chromium',
    command,
    args,
    env,
    cwd: '/',
    ready: async (signal) => {
      // A port of its own choice it tells in a file.
      if (wanted === 0) port = Number((await readFile(join(profile, 'DevToolsActivePort'), 'utf8')).split('\n')[0]);
      const response = await fetch(`http://127.0.0.1:${port}/json/version`, { signal });
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
    },
    onExit: (how) => {
      if (running !== undefined) running.hasEnded = true;
      environment.warn(`Chromium ended: ${how}`);
    },
  });
  running = { daemon, profile, port, hasEnded: false };
  return running;
}

async function removeProfile(profile: string): Promise<void> {
  await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
}
