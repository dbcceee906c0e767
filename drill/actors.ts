/** The processes of a drill: drivers, one after the other for each load, servers, and the proxy between them. */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { TAG_VARIABLE } from './census.ts';
import type { Ground } from './ground.ts';
import type { Load } from './load.ts';
import type { ProxyOrder, ProxyReply } from './proxy.ts';

const READY_MS = 20_000;
const RESTART_MS = 60;
/** After a driver that ended by itself at once: a disk that is full stays full for a while. */
const FAILED_RESTART_MS = 400;
const END_MS = 15_000;

export interface ActorOptions {
  ground: Ground;
  tag: string;
  /** To be preloaded; undefined: nothing is. */
  library: string | undefined;
  control: string;
}

/** Starts `program` with the tag and a temporary folder of its own. */
function start(program: string, args: string[], owner: string, { ground, tag, library, control }: ActorOptions, env: object): ChildProcess {
  const temporary = join(ground.temporary, owner);
  mkdirSync(temporary, { recursive: true });
  const log = openSync(join(ground.logs, `${owner}.log`), 'a');
  try {
    return spawn(process.execPath, [join(import.meta.dirname, program), ...args], {
      stdio: ['pipe', 'pipe', log],
      env: {
        ...inherited(),
        [TAG_VARIABLE]: tag,
        DRILL_OWNER: owner,
        DRILL_STORE: ground.store,
        DRILL_CONTROL: control,
        DRILL_EVENTS: ground.book('events'),
        DRILL_GRADES: ground.book('grades'),
        DRILL_PACE: join(ground.folder, 'pace.json'),
        TMPDIR: temporary,
        HOME: join(ground.folder, 'home'),
        ...(library === undefined ? {} : { LD_PRELOAD: library }),
        ...env,
      },
    });
  } finally {
    closeSync(log);
  }
}

/** Exit codes of driver.ts. */
export const ENDS = { complete: '0', failed: '3', refused: '5', refusedByItself: '6' } as const;

/** Nobody's settings of the product change what is drilled. */
function inherited(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('HUD_')));
}

export interface Death {
  owner: string;
  at: number;
  /** When the next driver of the same load had taken over; set by whoever is told so. */
  succeededAt?: number;
}

/** Keeps a driver running for one load until its job is complete. */
export class DriverSeat {
  readonly load: Load;
  readonly #options: ActorOptions & { url: string };
  readonly #next: () => number;
  readonly done: Promise<void>;
  /** Of the driver that runs now. */
  process: ChildProcess | undefined;
  owner = '';
  startedAt = 0;
  starts = 0;
  isComplete = false;
  /** Since when its drivers are told that another process runs the job, though there is none. */
  refusedAt: number | undefined;
  readonly deaths: Death[] = [];
  /** Exit codes and signals, in order. */
  readonly ends: string[] = [];
  #isStopping = false;

  /** @param next numbers drivers */
  constructor(load: Load, next: () => number, options: ActorOptions & { url: string }) {
    this.load = load;
    this.#next = next;
    this.#options = options;
    this.done = this.#keep();
  }

  /** Lets the driver end its rollouts. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const { process: child } = this;
    child?.stdin?.end();
    const late = setTimeout(() => child?.kill('SIGKILL'), END_MS);
    await this.done;
    clearTimeout(late);
  }

  async #keep(): Promise<void> {
    while (!this.isComplete && !this.#isStopping) {
      const end = await this.runOnce();
      this.isComplete = end === ENDS.complete;
      if (end !== ENDS.refused) this.refusedAt = undefined;
      else this.refusedAt ??= performance.now();
      const isQuick = end === ENDS.failed || end === ENDS.refused;
      if (!this.isComplete && !this.#isStopping) await sleep(isQuick ? FAILED_RESTART_MS : RESTART_MS);
    }
  }

  /** @returns exit code or signal */
  async runOnce(): Promise<string> {
    const number = this.#next();
    const owner = `driver-${number}`;
    const env = { DRILL_DRIVER: String(number), DRILL_SERVER: this.#options.url };
    const child = start('driver.ts', [JSON.stringify(this.load)], owner, this.#options, env);
    child.stdout?.resume();
    child.stdin?.on('error', () => {}); // it may be gone before it is told to end
    Object.assign(this, { process: child, owner, startedAt: performance.now() });
    this.starts += 1;
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    const end = signal ?? String(code);
    this.process = undefined;
    this.ends.push(end);
    this.deaths.push({ owner, at: performance.now() });
    return end;
  }
}

/** Keeps one server running. */
export class ServerSeat {
  readonly #options: ActorOptions;
  readonly #number: number;
  readonly #onPort: () => void;
  readonly ready: Promise<void>;
  readonly #done: Promise<void>;
  process: ChildProcess | undefined;
  port: number | undefined;
  starts = 0;
  #isStopping = false;
  #isReady: () => void = () => {};

  constructor(number: number, onPort: () => void, options: ActorOptions) {
    this.#number = number;
    this.#options = options;
    this.#onPort = onPort;
    this.ready = new Promise((resolve) => (this.#isReady = resolve));
    this.#done = this.#keep();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.process?.kill('SIGTERM');
    const late = setTimeout(() => this.process?.kill('SIGKILL'), END_MS);
    await this.#done;
    clearTimeout(late);
  }

  async #keep(): Promise<void> {
    while (!this.#isStopping) {
      const child = start('server.ts', [], `server-${this.#number}`, this.#options, {});
      this.process = child;
      this.starts += 1;
      child.stdin?.on('error', () => {}); // it may be gone before it is told to end
      if (child.stdout !== null) {
        createInterface({ input: child.stdout }).on('line', (line) => {
          this.port = Number(line);
          this.#onPort();
          this.#isReady();
        });
      }
      await once(child, 'exit');
      this.process = undefined;
      this.port = undefined;
      this.#onPort();
      await sleep(RESTART_MS);
    }
  }
}

/** What the drill says to the proxy, and what that answers. */
export class Proxy implements Disposable {
  readonly url: string;
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, (hit: number) => void>();
  #lastId = 0;

  private constructor(child: ChildProcess, port: number) {
    this.#process = child;
    this.url = `tcp://127.0.0.1:${port}`;
    child.on('message', (message: ProxyReply) => {
      if (message.type === 'done') this.#waiting.get(message.id)?.(message.hit);
    });
  }

  static async start(): Promise<Proxy> {
    const child = fork(join(import.meta.dirname, 'proxy.ts'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const [message] = (await once(child, 'message', { signal: AbortSignal.timeout(READY_MS) })) as [ProxyReply];
    if (message.type !== 'listening') throw new Error('the proxy did not say where it listens');
    return new Proxy(child, message.port);
  }

  /** @returns how many connections it touched */
  async send(order: WithoutId<ProxyOrder>): Promise<number> {
    const id = ++this.#lastId;
    const { promise, resolve } = Promise.withResolvers<number>();
    this.#waiting.set(id, resolve);
    this.#process.send({ ...order, id });
    return await promise.finally(() => this.#waiting.delete(id));
  }

  [Symbol.dispose](): void {
    if (this.#process.connected) this.#process.disconnect();
  }
}

type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;
