/** One control session for a command: to what is served already, or to a source that is served for the occasion. */
import { resolve } from 'node:path';
import { connect, type Client } from '../client/index.ts';
import { Taskset } from '../eval/index.ts';
import { nodeHost } from '../host/node.ts';
import { isHudError } from '../protocol/errors.ts';
import type { JsonObject } from '../protocol/json.ts';
import { DEFAULT_PORT, SECRET_VARIABLE } from '../protocol/messages.ts';
import { LocalRuntime, Runtime } from '../runtime/index.ts';
import type { Context } from './command.ts';
import { findTask } from './eval/selection.ts';
import { UsageError } from './usage-error.ts';

/** What an attached command works on: the template, and the arguments to start it with. */
export interface Target {
  client: Client;
  id: string;
  args: JsonObject;
  /** The environment ends with this command, and its parked tasks with it. */
  isTemporary: boolean;
}

export interface AttachOptions {
  url?: string | undefined;
  source?: string | undefined;
  token?: string | undefined;
  /** Replaces the task's own arguments when it has any member. */
  args?: JsonObject | undefined;
  session?: { id: string; secret?: string };
  /** Whoever asks may grade the task after this command ended. */
  adoptable?: boolean;
}

const PROBE_MS = 250;
const SAY_WAITING_MS = 2_000;

/**
 * In this order: `url`; without a source whatever listens on 127.0.0.1:8765; a fresh process that
 * serves the source. Runs `work` on it and lets go of it again.
 */
export async function withTarget<T>(
  name: string,
  options: AttachOptions,
  context: Context,
  work: (target: Target) => Promise<T>,
): Promise<T> {
  const url = options.url ?? (options.source === undefined && (await isServedHere(context)) ? `127.0.0.1:${DEFAULT_PORT}` : undefined);
  if (url === undefined) return await withSource(name, options, context, work);
  const { id, args } = options.source === undefined ? { id: name, args: {} } : await taskOf(options.source, name, context);
  await using client = await dial(controlAddress(url, options.token, context), context, options);
  return await work({ client, id, args: given(options) ?? args, isTemporary: false });
}

/** Connects, saying so when it takes long: an environment that is still starting is worth waiting for. */
export async function dial(
  runtime: Runtime,
  context: Context,
  options: Pick<AttachOptions, 'session' | 'adoptable'> & { readyTimeout?: number } = {},
): Promise<Client> {
  using _timer = nodeHost.setTimer(SAY_WAITING_MS, () => context.note(`Waiting for an environment at ${runtime.url} …`));
  return await connect(runtime, {
    signal: context.signal,
    ...(options.readyTimeout === undefined ? {} : { readyTimeout: options.readyTimeout }),
    ...(options.session === undefined ? {} : { session: options.session }),
    ...(options.adoptable === undefined ? {} : { adoptable: options.adoptable }),
  });
}

/** @throws UsageError for anything but `tcp://host[:port]` or `host[:port]` */
export function controlAddress(url: string, token: string | undefined, { env }: Context): Runtime {
  const secret = token ?? env[SECRET_VARIABLE];
  try {
    return new Runtime(url, secret === undefined ? {} : { secret });
  } catch (error) {
    if (isHudError(error)) throw new UsageError(error.message, { hint: error.hint ?? '', cause: error });
    throw error;
  }
}

async function withSource<T>(name: string, options: AttachOptions, context: Context, work: (target: Target) => Promise<T>): Promise<T> {
  const source = resolve(context.cwd, options.source ?? '.');
  const task = await taskOf(source, name, context);
  await using runtime = await new LocalRuntime(source).acquire(task, { signal: context.signal });
  await using client = await dial(runtime, context, options);
  return await work({ client, id: task.id, args: given(options) ?? task.args, isTemporary: true });
}

async function taskOf(source: string, name: string, { cwd }: Context): ReturnType<typeof loadTask> {
  return await loadTask(resolve(cwd, source), name);
}

async function loadTask(path: string, name: string): Promise<ReturnType<typeof findTask>> {
  return findTask(await Taskset.fromFile(path), name);
}

function given({ args }: AttachOptions): JsonObject | undefined {
  return args === undefined || Object.keys(args).length === 0 ? undefined : args;
}

async function isServedHere({ signal }: Context): Promise<boolean> {
  try {
    const stream = await nodeHost.dial({ host: '127.0.0.1', port: DEFAULT_PORT, timeoutMs: PROBE_MS, signal });
    stream.destroy();
    return true;
  } catch (error) {
    if (isHudError(error) && error.code === 'RUNTIME_UNREACHABLE') return false;
    throw error;
  }
}
