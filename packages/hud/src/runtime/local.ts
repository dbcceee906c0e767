/** This machine: a child process for a source file, this process for a live environment. */
import { stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, extname, resolve } from 'node:path';
import { bindInProcess, isEnvironment, serveChildPath, splitTarget, type Environment } from '../environment/index.ts';
import { nodeHost } from '../host/node.ts';
import { withSignal } from '../host/host.ts';
import { HudError } from '../protocol/errors.ts';
import type { Task } from '../protocol/task.ts';
import { Leases } from '../store/index.ts';
import { WarmPool } from './pool.ts';
import { Runtime, type PlaceCost, type ProviderContext, type ProviderObject, type RuntimeLease } from './provider.ts';
import { spawnServer, type ChildLease, type ServerProgram } from './process.ts';

export type EnvironmentSource = string | Environment | ((task: Task) => Environment | Promise<Environment>);

export interface LocalRuntimeOptions {
  /** Which environment of the source. @default the one that the task names */
  env?: string;
  /** Longest wait for the environment to serve, in seconds. @default 120 */
  readyTimeout?: number;
  /** Most processes started ahead of demand, each for one rollout to come. @default twice the processors */
  warm?: number;
  /** The interpreter of `.py` sources. @default HUD_PYTHON, else python3 */
  python?: string;
}

/** A child: three pipes, a lifeline, and connections. A process of Node has about a dozen threads. */
const CHILD: PlaceCost = { descriptors: 8, processes: 12, memory: 64 * 1024 * 1024, computes: true };

/**
 * - a path (`env.ts`, a directory, `env.py`): a child process for each rollout, from a pool of processes
 *   started ahead while a batch runs;
 * - a live {@link Environment}: this process, one rollout at a time, because its module's state is shared;
 * - a function: a fresh environment in this process for each rollout, any number at a time.
 *
 * An environment in this process is reached through memory, without a port.
 */
export class LocalRuntime implements ProviderObject {
  readonly name = 'local';
  readonly #source: EnvironmentSource;
  readonly #options: LocalRuntimeOptions;
  /** By the leases of the batch that opened them, then by environment. */
  readonly #pools = new Map<Leases | undefined, Map<string, WarmPool<ChildLease>>>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(source: EnvironmentSource, options: LocalRuntimeOptions = {}) {
    this.#source = source;
    this.#options = options;
  }

  get cost(): PlaceCost {
    return typeof this.#source === 'string' ? CHILD : {};
  }

  /** Keeps processes ready until it is closed. */
  async open({ leases }: { leases?: Leases } = {}): Promise<AsyncDisposable> {
    const pools = new Map<string, WarmPool<ChildLease>>();
    const isFirst = !this.#pools.has(leases);
    if (isFirst) this.#pools.set(leases, pools);
    return {
      [Symbol.asyncDispose]: async () => {
        if (isFirst) this.#pools.delete(leases);
        await Promise.all([...pools.values()].map(async (pool) => await pool[Symbol.asyncDispose]()));
      },
    };
  }

  async acquire(task: Task, context: ProviderContext): Promise<RuntimeLease> {
    if (task.runtimeConfig !== undefined) {
      throw new HudError('BAD_TASK', `Task ${task.slug} asks for an image or resources, which a process on this machine can't give.`, {
        hint: 'Use a container runtime, or drop runtime_config from the row.',
      });
    }
    if (typeof this.#source === 'string') return await this.#child(this.#source, task, context);
    if (isEnvironment(this.#source)) return await this.#serveInTurn(this.#source, context);
    return await serveHere(await this.#source(task), this.#options, async () => {});
  }

  async #child(source: string, task: Task, context: ProviderContext): Promise<RuntimeLease> {
    const command = await this.#command(source, task);
    const leases = context.leases ?? new Leases(undefined, nodeHost);
    const boot = async (signal: AbortSignal): Promise<ChildLease> => await spawnServer({ ...command, signal, leases });
    const pools = this.#pools.get(context.leases);
    if (pools === undefined) return await boot(context.signal);
    const key = [command.cwd, ...command.args].join('\0');
    const max = this.#options.warm ?? 2 * availableParallelism();
    const pool = pools.get(key) ?? new WarmPool<ChildLease>({ host: nodeHost, max, boot });
    pools.set(key, pool);
    const lease = await pool.take(context.signal, context.upcoming ?? Infinity);
    if (context.traceId !== undefined) lease.assign(context.traceId);
    return lease;
  }

  async #command(source: string, task: Task): Promise<ServerProgram> {
    const { path, name } = splitTarget(source);
    const absolute = resolve(path);
    const found = await stat(absolute).catch(() => undefined);
    if (found === undefined) throw new HudError('BAD_SOURCE', `There is no file or directory ${path}.`);
    const env = this.#options.env ?? name ?? task.env;
    const common = {
      cwd: found.isDirectory() ? absolute : dirname(absolute),
      readyTimeoutMs: (this.#options.readyTimeout ?? 120) * 1000,
    };
    if (extname(absolute) === '.py') {
      const command = this.#options.python ?? process.env.HUD_PYTHON ?? 'python3';
      return { ...common, command, args: ['-m', 'hud.environment.server', absolute, '--env', env], isOurs: false };
    }
    return { ...common, command: process.execPath, args: [serveChildPath(), absolute, '--env', env], isOurs: true };
  }

  /** Waits for the rollout before it to let go. */
  async #serveInTurn(environment: Environment, { signal }: ProviderContext): Promise<RuntimeLease> {
    const { promise, resolve: release } = Promise.withResolvers<void>();
    const before = this.#turn;
    this.#turn = before.then(() => promise);
    try {
      await withSignal(before, signal);
      return await serveHere(environment, this.#options, async () => release());
    } catch (error) {
      release();
      throw error;
    }
  }
}

async function serveHere(environment: Environment, options: LocalRuntimeOptions, done: () => Promise<void>): Promise<RuntimeLease> {
  const secret = nodeHost.randomHex(32);
  const server = await bindInProcess(environment, { secret, requireSecret: true, readyTimeout: options.readyTimeout ?? 120 });
  return new Runtime(`memory:${environment.name}`, {
    secret,
    dial: async () => server.connect(),
    dispose: async () => {
      await server.close();
      await done();
    },
  });
}
