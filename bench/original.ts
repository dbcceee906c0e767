/** The Python package beside ours: made once for all rows, and absent with a reason where it can't be. */
import { join } from 'node:path';
import { serve } from '../interop/children.ts';
import { preparePython, type Python } from '../interop/python.ts';
import { startWorker, type Worker } from './child.ts';
import type { Context, Side } from './contract.ts';

const folder = join(import.meta.dirname, '..', '.tools', 'interop-venv');
/** The source of an environment that yields a prompt, then 1.0. */
export const instantOriginal = join(import.meta.dirname, 'workers/python/instant_env.py');
let prepared: Promise<Python | { absent: string }> | undefined;

/** Uses the virtual environment of `npm run interop`. */
export function originalPackage(): Promise<Python | { absent: string }> {
  prepared ??= preparePython({ folder }).catch((error: unknown) => ({ absent: firstLine(error) }));
  return prepared;
}

/** Its versions, or why it is absent; undefined when nothing asked for it. */
export async function originalVersion(): Promise<string | undefined> {
  const python = await prepared;
  if (python === undefined) return undefined;
  return 'absent' in python ? `absent: ${python.absent}` : `hud ${python.hudVersion} on Python ${python.pythonVersion}`;
}

/** The instant environment, served by the Python package in a process of its own. @returns its address */
export async function serveOriginal({ command, env }: Python, { isPinned }: Context, owner: AsyncDisposableStack): Promise<string> {
  const server = [command, '-m', 'hud.environment.server', instantOriginal, '--env', 'instant'];
  const [program = '', ...args] = isPinned ? ['taskset', '-c', '0', ...server] : server;
  return owner.use(await serve(program, args, { env })).url;
}

/**
 * A side measured by a Python worker; the worker lives as long as the returned stack.
 * @param file below `workers/python/`
 */
export async function originalSide(
  file: string,
  context: Context,
  owner: AsyncDisposableStack,
  use: { args?: (python: Python) => Promise<string[]>; request?: Record<string, unknown>; isFresh?: boolean } = {},
): Promise<Side | { absent: string }> {
  const python = await originalPackage();
  if ('absent' in python) return python;
  try {
    const args = (await use.args?.(python)) ?? [];
    const start = async (): Promise<Worker> =>
      await startWorker(join('python', file), context, { command: python.command, env: python.env, args });
    if (use.isFresh === true) {
      return async () => {
        await using worker = await start();
        return await worker.sample(use.request);
      };
    }
    const worker = owner.use(await start());
    await worker.sample(use.request); // warm
    return async () => await worker.sample(use.request);
  } catch (error) {
    return { absent: firstLine(error) };
  }
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n')[0] ?? '';
}
