/** Sides of commands over SSH: our server, OpenSSH's, and the Python package's, each with a client of its own. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startWorker } from './child.ts';
import type { Context, Side, Sides } from './contract.ts';
import { startOpenSsh } from './openssh.ts';
import { originalPackage } from './original.ts';

/** What `workers/ssh-commands.ts` and its Python twin are asked for. */
export interface CommandRequest extends Record<string, unknown> {
  what: 'exec' | 'down' | 'up';
}

/** Our server and our client. */
export async function ourCommands(context: Context, stack: AsyncDisposableStack, request: CommandRequest): Promise<Side> {
  const server = stack.use(await startWorker('workspace.ts', context, { role: 'server', args: [await openFolder(stack)] }));
  return await commandsOn(server.ready.capability, context, stack, request);
}

/** OpenSSH's server and our client. */
export async function openSshCommands(
  context: Context,
  stack: AsyncDisposableStack,
  request: CommandRequest,
  { isSandboxed = false }: { isSandboxed?: boolean } = {},
): Promise<Side> {
  const sandbox = isSandboxed ? { inSandbox: await openFolder(stack) } : {};
  const { capability } = await startOpenSsh(context, stack, sandbox);
  return await commandsOn(capability, context, stack, request);
}

/** OpenSSH at both ends. */
export async function openSshAlone(context: Context, stack: AsyncDisposableStack, request: CommandRequest): Promise<Side> {
  const { client } = await startOpenSsh(context, stack);
  const worker = stack.use(await startWorker('openssh-commands.ts', context, { args: await client() }));
  return async () => await worker.sample(request);
}

/** The Python package at both ends. */
export async function originalCommands(
  context: Context,
  stack: AsyncDisposableStack,
  request: CommandRequest,
): Promise<NonNullable<Sides['original']>> {
  const python = await originalPackage();
  if ('absent' in python) return python;
  const { command, env } = python;
  try {
    const args = [await openFolder(stack)];
    const server = stack.use(await startWorker('python/workspace.py', context, { command, env, args, role: 'server' }));
    const client = stack.use(await startWorker('python/ssh_commands.py', context, { command, env }));
    const sample: Side = async () => await client.sample({ ...request, capability: server.ready.capability });
    await sample(); // warm
    return sample;
  } catch (error) {
    return { absent: String(error).split('\n')[0] ?? '' };
  }
}

async function commandsOn(capability: unknown, context: Context, stack: AsyncDisposableStack, request: CommandRequest): Promise<Side> {
  const client = stack.use(await startWorker('ssh-commands.ts', context));
  return async () => await client.sample({ ...request, capability });
}

/** Whoever the commands run as may come there and write, which is not so below the repository. Gone with the stack. */
export async function openFolder(stack: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hud-bench-'));
  stack.defer(async () => await rm(folder, { recursive: true, force: true, maxRetries: 3 }));
  await chmod(folder, 0o777);
  return folder;
}
