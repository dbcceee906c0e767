/** What of the package ssh2 is reached past its public interface, in one place. */
import { constants } from 'node:os';
import type { ServerChannel, Session } from 'ssh2';
import type { ExitStatus } from './sandbox.ts';

interface Insides {
  _chunk: unknown;
  _chunkcb: unknown;
  _chunkErr: unknown;
  _chunkcbErr: unknown;
}

/**
 * After a write has come to its end. ssh2 keeps the last piece that had to wait for the peer's window, and sends it
 * once more when the other of the two streams has to wait.
 */
export function forgetWritten(channel: ServerChannel): void {
  const insides = channel as unknown as Insides;
  insides._chunk = undefined;
  insides._chunkcb = undefined;
  insides._chunkErr = undefined;
  insides._chunkcbErr = undefined;
}

/** ssh2 refuses every request, signals and sizes included, once the peer has ended its input; this lets them in. */
export function keepAcceptingAfterEof(session: Session): void {
  session.on('end', () => {
    (session as unknown as { _ending: boolean })._ending = false;
  });
}

/** The signals that the protocol has a name for, RFC 4254 section 6.10. */
const NAMED = ['ABRT', 'ALRM', 'FPE', 'HUP', 'ILL', 'INT', 'KILL', 'PIPE', 'QUIT', 'SEGV', 'TERM', 'USR1', 'USR2'];

/** A death by a signal that the protocol can't name is told as shells do, 128 + its number. */
export function exitStatus(channel: ServerChannel, status: ExitStatus): void {
  if ('code' in status) return channel.exit(status.code);
  if (NAMED.includes(status.signal.slice(3))) return channel.exit(status.signal.slice(3));
  channel.exit(128 + (constants.signals[status.signal] ?? 127));
}
