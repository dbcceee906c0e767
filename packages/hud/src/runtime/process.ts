/** A child process that serves one environment: started, awaited, bound to its owner's life, ended with its group. */
import { mkdir } from 'node:fs/promises';
import { cgroupPath } from '../host/cgroup.ts';
import { leasedFolder } from '../host/destroy.ts';
import { withDeadline, withSignal } from '../host/host.ts';
import { nodeHost } from '../host/node.ts';
import { HudError } from '../protocol/errors.ts';
import type { HeldLease, Leases } from '../store/index.ts';
import { Child } from './child.ts';
import { Runtime, type RuntimeLease } from './provider.ts';

/** The program that serves an environment, and how to start it. */
export interface ServerProgram {
  command: string;
  args: string[];
  cwd: string;
  /** It demands a control secret and ends by itself when its standard input does; others are watched from outside. */
  isOurs: boolean;
  /** Longest wait for the port, in milliseconds. */
  readyTimeoutMs: number;
}

export interface ServerCommand extends ServerProgram {
  leases: Leases;
  signal: AbortSignal;
}

/** A place in a child process. */
export type ChildLease = RuntimeLease & Pick<HeldLease, 'assign'>;

const EXIT_SOON_MS = 500;

/**
 * Starts the program and waits for its port. Its lease is on disk before it exists, and its temporary
 * folder is its own and goes with it.
 * @throws HudError RUNTIME_EXITED with exit code and output tail, RUNTIME_UNREACHABLE after the
 *   deadline, or the signal's reason; the child is gone then
 */
export async function spawnServer(command: ServerCommand): Promise<ChildLease> {
  command.signal.throwIfAborted();
  const lease = await command.leases.hold({
    kind: 'process',
    target: (id) => {
      // Nobody but a reaper could remove the group of a process that was killed.
      const cgroup = command.leases.isRecorded ? cgroupPath(`hud-${id}`) : undefined;
      return {
        tag: id,
        folder: leasedFolder(id),
        command: [command.command, ...command.args],
        ...(cgroup === undefined ? {} : { cgroup }),
      };
    },
  });
  const secret = command.isOurs ? nodeHost.randomHex(32) : undefined;
  let child: Child | undefined;
  const dispose = async (): Promise<void> => {
    await child?.end();
    await lease.release();
  };
  try {
    await mkdir(leasedFolder(lease.id), { mode: folderMode() });
    child = new Child(command, lease, secret);
    const { exited } = child;
    const port = await portOf(child, command);
    const runtime = new Runtime(`tcp://127.0.0.1:${port}`, {
      ...(secret === undefined ? {} : { secret }),
      exited,
      diagnose: async () => await exitSoon(exited),
      probe: child.state.bind(child),
      dispose,
    });
    return Object.assign(runtime, { assign: lease.assign });
  } catch (error) {
    await dispose();
    throw error;
  }
}

/**
 * Of the child's temporary folder. Of root's, users that the child starts something as (a sandbox, a desktop) may walk
 * through. So may everybody: nobody can list it, but whoever knows or guesses a name in it sees what that name's own
 * mode allows, as in any shared temporary folder.
 */
function folderMode(): number {
  return process.getuid?.() === 0 ? 0o711 : 0o700;
}

async function portOf({ exited, output }: Child, { readyTimeoutMs, signal }: ServerCommand): Promise<number> {
  const early = exited.then((how) => {
    throw new HudError('RUNTIME_EXITED', `The environment's process ended before it served: ${how}`, { data: { output: output.lines } });
  });
  const waiting = Promise.race([output.port, early]);
  early.catch(() => {});
  const seconds = readyTimeoutMs / 1000;
  const late = (): HudError =>
    new HudError('RUNTIME_UNREACHABLE', `The environment's process did not announce a port within ${seconds} s.${output.text()}`);
  return await withSignal(withDeadline(nodeHost, waiting, readyTimeoutMs, late), signal);
}

/** A connection breaks a moment before its process is reaped; waits that moment for the better reason. */
async function exitSoon(exited: Promise<string>): Promise<string | undefined> {
  try {
    return await withDeadline(nodeHost, exited, EXIT_SOON_MS, () => new Error('it lives'));
  } catch {
    return undefined; // it lives: the connection broke for another reason
  }
}
