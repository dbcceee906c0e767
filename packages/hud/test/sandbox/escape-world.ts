/** What stands outside of a sandbox for the attempts to reach, and what tells whether they did. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { getPriority, hostname } from 'node:os';
import { join } from 'node:path';
import type { Facts } from './escape-attempt.ts';

const PRECIOUS = 'as it was';
const SETTINGS = ['kernel/shmmni', 'kernel/msgmni', 'fs/mqueue/queues_max'];

/** Holds shared memory and a key with the word, until its input ends. */
const HOLDER = `
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
mark, name, memory = os.environ['MARK'].encode(), sys.argv[1].encode(), int(sys.argv[2])
at = libc.shmget(memory, 4096, 0o1666)
libc.shmat.restype = ctypes.c_void_p
ctypes.memmove(libc.shmat(at, None, 0), mark, len(mark))
add_key = 248 if os.uname().machine == 'x86_64' else 217
key = libc.syscall(add_key, b'user', name, mark, len(mark), -4)
libc.syscall(add_key + 2, 5, key, 0x3f3f0000)  # its owner may read it
libc.syscall(add_key + 2, 15, key, 300)  # seconds, then it goes by itself
print('up', flush=True)
sys.stdin.read()
libc.shmctl(at, 0, None)
`;

export interface World extends AsyncDisposable {
  facts: Omit<Facts, 'keys' | 'otherRoot'>;
  /** What happened to it since the last look, repaired. */
  look(): string[];
}

/** @param mark the word that nobody inside must come to know */
export async function makeWorld(folder: string, mark: string): Promise<World> {
  const outside = join(folder, 'outside');
  const mend = (): void => {
    mkdirSync(outside, { recursive: true });
    writeFileSync(join(outside, mark), '');
    writeFileSync(join(outside, 'file'), mark);
    writeFileSync(join(outside, 'precious'), PRECIOUS);
    chmodSync(join(outside, 'precious'), 0o666);
    chmodSync(outside, 0o777);
  };
  mend();
  const heard: string[] = [];
  const abstractNames = [`hud-canary-${process.pid}`, `/tmp/.X11-unix/X${7_000 + (process.pid % 1_000)}`];
  const say = (what: string, listen: (server: Server) => Server): Promise<Server> => greeter(mark, () => heard.push(what), listen);
  const loopback = await say('the loopback port', (server) => server.listen(0, '::'));
  const servers = [
    loopback,
    await say('the socket in the file system', (server) =>
      server.listen({ path: join(folder, 'socket'), readableAll: true, writableAll: true }),
    ),
    ...(await Promise.all(abstractNames.map((name) => say('an abstract socket', (server) => server.listen(`\0${name}`))))),
  ];
  const canaryName = `${100_000 + randomInt(100_000)}.5`;
  const canary = spawn('sleep', [canaryName], { stdio: 'ignore', env: { CANARY: mark } });
  const [keyName, shmKey] = [`hud-canary-${process.pid}`, randomInt(2 ** 30)];
  const holder = spawn('/usr/bin/python3', ['-c', HOLDER, keyName, String(shmKey)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { MARK: mark },
  });
  await once(holder.stdout, 'data');
  const shmFile = `/dev/shm/hud-canary-${process.pid}`;
  writeFileSync(shmFile, mark, { mode: 0o644 });
  const state = new MachineState(outside, mark, canary);
  return {
    facts: {
      outside,
      canary: canary.pid ?? 0,
      canaryName,
      canaryUid: process.getuid?.() ?? 0,
      port: (loopback.address() as AddressInfo).port,
      abstractNames,
      socketPath: join(folder, 'socket'),
      shmKey,
      keyName,
      shmFile,
    },
    look: () => {
      const found = [...heard.splice(0).map((what) => `reached ${what}`), ...state.changes()];
      if (found.length > 0) mend();
      return found;
    },
    [Symbol.asyncDispose]: async () => {
      const ended = [once(canary, 'exit'), once(holder, 'exit')];
      if (canary.exitCode === null && canary.signalCode === null) canary.kill('SIGKILL');
      holder.stdin.end();
      for (const server of servers) server.close();
      await Promise.race([Promise.all(ended), new Promise((resolve) => setTimeout(resolve, 2_000))]);
      rmSync(shmFile, { force: true });
    },
  };
}

async function greeter(mark: string, onGuest: () => void, listen: (server: Server) => Server): Promise<Server> {
  const server = createServer((socket) => {
    onGuest();
    socket.on('error', () => socket.destroy());
    socket.end(mark);
  });
  await once(listen(server), 'listening');
  return server;
}

/** Of files, processes and the kernel's settings, compared with how they were at first. */
class MachineState {
  readonly #outside: string;
  readonly #kept: string[];
  readonly #canary: ChildProcess;
  readonly #first: Record<string, string>;

  constructor(outside: string, mark: string, canary: ChildProcess) {
    this.#outside = outside;
    this.#kept = [mark, 'file', 'precious'];
    this.#canary = canary;
    this.#first = this.#facts();
  }

  changes(): string[] {
    const now = this.#facts();
    const found = Object.keys(now).filter((name) => now[name] !== this.#first[name]);
    this.#repair();
    return found.map((name) => `${name} became ${now[name]?.slice(0, 200)}`);
  }

  #facts(): Record<string, string> {
    const precious = join(this.#outside, 'precious');
    const { uid, mode } = statSync(precious, { throwIfNoEntry: false }) ?? { uid: -1, mode: 0 };
    const isAlive = this.#canary.exitCode === null && this.#canary.signalCode === null;
    return {
      'the precious file': textOf(precious),
      'its owner and mode': `${uid} ${mode}`,
      'the folder outside': this.#names().toSorted().slice(0, 5).join(' '),
      'the canary': isAlive ? `alive, nice ${getPriority(this.#canary.pid)}` : 'dead',
      'its limits': isAlive ? textOf(`/proc/${this.#canary.pid}/limits`) : '',
      'the name of the machine': hostname(),
      'the mounts': textOf('/proc/self/mounts'),
      'the routes': textOf('/proc/net/route'),
      'the core pattern': textOf('/proc/sys/kernel/core_pattern'),
      'the limits between processes': SETTINGS.map((name) => textOf(`/proc/sys/${name}`)).join(' '),
    };
  }

  #names(): string[] {
    return existsSync(this.#outside) ? readdirSync(this.#outside) : [];
  }

  #repair(): void {
    for (const name of this.#names()) {
      if (!this.#kept.includes(name)) rmSync(join(this.#outside, name), { recursive: true, force: true });
    }
    const [uid] = (this.#first['its owner and mode'] ?? '').split(' ').map(Number);
    const precious = join(this.#outside, 'precious');
    if (uid !== undefined && process.getuid?.() === 0 && existsSync(precious)) chownSync(precious, uid, uid);
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    return String((error as { code?: unknown }).code);
  }
}
