/** The X server of a desktop, with RFB built in, and its window manager; in a folder and under a user of their own. */
import { randomBytes, randomInt } from 'node:crypto';
import { chmod, chown, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createConnection, createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { vncEncrypt } from '../host/des.ts';
import { HudError, messageOf } from '../protocol/errors.ts';
import { startDaemon, type Daemon } from './daemon.ts';
import { OPENBOX_CONFIG } from './desktop-openbox.ts';

export interface DesktopServerOptions {
  name: string;
  width: number;
  height: number;
  depth: number;
  password: string | undefined;
  windowManager: 'openbox' | false;
  onExit(what: string, how: string): void;
}

export interface DesktopServer {
  /** `:<number>` */
  readonly display: string;
  /** Of the RFB server, on the loopback. */
  readonly port: number;
  readonly password: string;
  /** Of the desktop's programs, which may write there. */
  readonly home: string;
  /** For programs that are to show themselves there. */
  readonly env: Record<string, string>;
  /** Whose the desktop's programs are; undefined for this process's own user. */
  readonly uid: number | undefined;
  /** May be called twice. */
  stop(): Promise<void>;
}

const ATTEMPTS = 3;
/** What VNC servers scramble their password files with; no secret. */
const FILE_KEY = Buffer.from([23, 82, 107, 6, 35, 78, 88, 7]);

/** @throws HudError CAPABILITY_FAILED with the program's last words; nothing is left of it then */
export async function startDesktopServer(options: DesktopServerOptions): Promise<DesktopServer> {
  // Not this process's number alone: it must not reach what a service of this machine owns.
  const uid = process.getuid?.() === 0 ? 57_000 + (process.pid % 4_000) : undefined;
  const folder = await mkdtemp(join(tmpdir(), 'hud-desktop-'));
  const daemons: Daemon[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(daemons.toReversed().map((daemon) => daemon.stop()));
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  };
  try {
    const password = options.password ?? randomBytes(6).toString('base64url');
    await prepare(folder, password, uid);
    const { daemon, number, port } = await startServer(folder, options, uid);
    daemons.push(daemon);
    const display = `:${number}`;
    const [home, run] = [join(folder, 'home'), join(folder, 'run')];
    const env = { ...QUIET, DISPLAY: display, XAUTHORITY: join(folder, 'Xauthority'), HOME: home, XDG_RUNTIME_DIR: run, TMPDIR: run };
    if (options.windowManager === 'openbox') daemons.push(await startOpenbox(folder, env, options, uid));
    return { display, port, password, home, env, uid, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Programs find no session bus, and don't wait for one. */
const QUIET = {
  DBUS_SESSION_BUS_ADDRESS: 'disabled:',
  GSETTINGS_BACKEND: 'memory',
  GIO_USE_VFS: 'local',
  GTK_USE_PORTAL: '0',
  NO_AT_BRIDGE: '1',
  LANG: 'C.UTF-8',
};

async function prepare(folder: string, password: string, uid: number | undefined): Promise<void> {
  const block = Buffer.alloc(8);
  block.write(password, 'latin1');
  await writeFile(join(folder, 'password'), vncEncrypt(FILE_KEY, block), { mode: 0o600 });
  await writeFile(join(folder, 'Xauthority'), xAuthority(), { mode: 0o600 });
  await writeFile(join(folder, 'openbox.xml'), OPENBOX_CONFIG, { mode: 0o600 });
  for (const name of ['home', 'run']) await mkdir(join(folder, name), { mode: 0o700 });
  if (uid === undefined) return;
  // An environment's own temporary folder is closed to others: they may pass now, and still can't list it.
  const { mode } = await stat(dirname(folder));
  await chmod(dirname(folder), mode | 0o011);
  await mkdir('/tmp/.X11-unix', { mode: 0o1777 }).catch(() => {}); // there already, or the server says what is wrong with it
  await chmod('/tmp/.X11-unix', 0o1777);
  const names = ['', 'password', 'Xauthority', 'openbox.xml', 'home', 'run'];
  for (const name of names) await chown(join(folder, name), uid, uid);
}

/** One entry for every display: whoever has the file may connect, and nobody else on this machine. */
function xAuthority(): Buffer {
  const fields = [Buffer.alloc(0), Buffer.alloc(0), Buffer.from('MIT-MAGIC-COOKIE-1'), randomBytes(16)];
  const anyHost = Buffer.from([0xff, 0xff]);
  return Buffer.concat([anyHost, ...fields.flatMap((field) => [Buffer.from([field.length >> 8, field.length & 0xff]), field])]);
}

interface Server {
  daemon: Daemon;
  number: number;
  port: number;
}

/** Another try with another display and port when one of them was taken under way. */
async function startServer(folder: string, options: DesktopServerOptions, uid: number | undefined): Promise<Server> {
  for (let attempt = 1; ; attempt++) {
    const number = randomInt(100, 30_000);
    const port = await freePort();
    try {
      const daemon = await startDaemon({
        what: `The X server of desktop '${options.name}'`,
        command: 'Xtigervnc',
        args: serverArgs(folder, options, { number, port }),
        env: { HOME: join(folder, 'home'), TMPDIR: join(folder, 'run') },
        cwd: folder,
        ...(uid === undefined ? {} : { uid, gid: uid }),
        ready: async (signal) => await readBanner(port, signal),
        onExit: (how) => options.onExit('its X server', how),
      });
      return { daemon, number, port };
    } catch (cause) {
      const isTaken = /already active|already in use|in use|bind/i.test(messageOf(cause));
      if (isTaken && attempt < ATTEMPTS) continue;
      throw new HudError('CAPABILITY_FAILED', messageOf(cause), {
        hint: 'It needs Xtigervnc and openbox (Debian: apt-get install tigervnc-standalone-server openbox).',
        cause,
      });
    }
  }
}

function serverArgs(folder: string, options: DesktopServerOptions, { number, port }: { number: number; port: number }): string[] {
  const { name, width, height, depth } = options;
  const picture = ['-geometry', `${width}x${height}`, '-depth', `${depth}`, '-desktop', name];
  const access = ['-auth', join(folder, 'Xauthority'), '-nolisten', 'tcp', '-localhost', '-SecurityTypes', 'VncAuth'];
  const password = ['-PasswordFile', join(folder, 'password')];
  // One that guesses passwords is not to lock the others out, who come from the same address.
  const clients = ['-rfbport', `${port}`, '-AlwaysShared', '-UseBlacklist=0', '-AcceptSetDesktopSize=0'];
  return [`:${number}`, '-noreset', ...picture, ...access, ...password, ...clients];
}

async function startOpenbox(
  folder: string,
  env: Record<string, string>,
  options: DesktopServerOptions,
  uid: number | undefined,
): Promise<Daemon> {
  return await startDaemon({
    what: `The window manager of desktop '${options.name}'`,
    command: 'openbox',
    // It says that it manages the windows by running a program then.
    args: ['--config-file', join(folder, 'openbox.xml'), '--startup', `touch ${join(folder, 'run', 'managed')}`],
    env,
    cwd: folder,
    ...(uid === undefined ? {} : { uid, gid: uid }),
    ready: async () => await rm(join(folder, 'run', 'managed')),
    onExit: (how) => options.onExit('its window manager', how),
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function readBanner(port: number, signal: AbortSignal): Promise<void> {
  const socket = createConnection({ host: '127.0.0.1', port, noDelay: true });
  try {
    const [bytes] = (await once(socket, 'data', { signal })) as [Buffer];
    if (!bytes.toString('latin1').startsWith('RFB ')) throw new Error('what answers is no RFB server');
  } finally {
    socket.on('error', () => {}).destroy();
  }
}
