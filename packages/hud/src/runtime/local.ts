/** This machine: a child process for a source file, this process for a live environment. */
import { stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, extname, resolve } from 'node:path';
import { bind, isEnvironment, serveChildPath, splitTarget, type Environment } from '../environment/index.ts';
import { nodeHost } from '../host/node.ts';
import { withSignal } from '../host/host.ts';
import { HudError } from '../protocol/errors.ts';
import type { Task } from '../protocol/task.ts';
import { Runtime, type ProviderContext, type ProviderObject, type RuntimeLease } from './provider.ts';
import { spawnServer } from './process.ts';

export type EnvironmentSource = string | Environment | ((task: Task) => Environment | Promise<Environment>);

export interface LocalRuntimeOptions {
  /** Which environment of the source. @default the one that the task names */
  env?: string;
  /** Longest wait for the environment to serve, in seconds. @default 120 */
  readyTimeout?: number;
  /** The interpreter of `.py` sources. @default HUD_PYTHON, else python3 */
  python?: string;
}

/**
 * - a path (`env.ts`, a directory, `env.py`): one fresh child process for each rollout;
 * - a live {@link Environment}: this process, one rollout at a time, because its module's state is shared;
 * - a function: a fresh environment in this process for each rollout, any number at a time.
 */
export class LocalRuntime implements ProviderObject {
  /** Child processes that this machine's processors can carry. */
  static readonly childrenAtOnce: number = 2 * availableParallelism() + 2;

  readonly name = 'local';
  readonly #source: EnvironmentSource;
  readonly #options: LocalRuntimeOptions;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(source: EnvironmentSource, options: LocalRuntimeOptions = {}) {
    this.#source = source;
    this.#options = options;
  }

  get defaultConcurrency(): number {
    return typeof this.#source === 'string' ? LocalRuntime.childrenAtOnce : Infinity;
  }

  async acquire(task: Task, context: ProviderContext): Promise<RuntimeLease> {
    if (task.runtimeConfig !== undefined) {
      throw new HudError('BAD_TASK', `Task ${task.slug} asks for an image or resources, which a process on this machine can't give.`, {
        hint: 'Use a container runtime, or drop runtime_config from the row.',
      });
    }
    if (typeof this.#source === 'string') return await this.#spawn(this.#source, task, context);
    if (isEnvironment(this.#source)) return await this.#serveInTurn(this.#source, context);
    return await serveHere(await this.#source(task), this.#options, async () => {});
  }

  async #spawn(source: string, task: Task, { signal }: ProviderContext): Promise<RuntimeLease> {
    const { path, name } = splitTarget(source);
    const absolute = resolve(path);
    const found = await stat(absolute).catch(() => undefined);
    if (found === undefined) throw new HudError('BAD_SOURCE', `There is no file or directory ${path}.`);
    const env = this.#options.env ?? name ?? task.env;
    const common = {
      cwd: found.isDirectory() ? absolute : dirname(absolute),
      readyTimeoutMs: (this.#options.readyTimeout ?? 120) * 1000,
      signal,
    };
    if (extname(absolute) === '.py') {
      const command = this.#options.python ?? process.env.HUD_PYTHON ?? 'python3';
      return await spawnServer({ ...common, command, args: ['-m', 'hud.environment.server', absolute, '--env', env], watchesStdin: false });
    }
    const args = [serveChildPath(), absolute, '--env', env];
    return await spawnServer({ ...common, command: process.execPath, args, secret: nodeHost.randomHex(32), watchesStdin: true });
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
  const server = await bind(environment, { secret, requireSecret: true, readyTimeout: options.readyTimeout ?? 120 });
  return new Runtime(server.url, {
    secret,
    dispose: async () => {
      await server.close();
      await done();
    },
  });
}
