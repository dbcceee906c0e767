/** How a remote command ended. */
import { constants } from 'node:os';
import type { ClientChannel } from 'ssh2';
import { HudError } from '../protocol/errors.ts';

export interface Exit {
  code: number;
  /** Without SIG. */
  signal?: string;
}

/** Called once with the reason when the transport is gone. */
export type Losses = Set<(reason: string) => void>;

/**
 * How the command ended. To be called as soon as there is a channel: the status of a short command comes in the same
 * moment, and is told once.
 * @throws HudError CONNECTION_LOST when nobody said so
 */
export function exitOf(channel: ClientChannel, losses: Losses, name: string): Promise<Exit> {
  const exited = heard(channel, losses, name);
  exited.catch(() => {}); // whoever waits for it is told
  return exited;
}

function heard(channel: ClientChannel, losses: Losses, name: string): Promise<Exit> {
  return new Promise((resolve, reject) => {
    const lost = (reason: string): void =>
      reject(new HudError('CONNECTION_LOST', `The connection to '${name}' was lost while a command ran: ${reason}. It is not run again.`));
    losses.add(lost);
    channel.once('exit', (code: number | null, signal?: string) => {
      losses.delete(lost);
      if (code !== null || signal === undefined) resolve({ code: code ?? 255 });
      else resolve({ code: 128 + (constants.signals[signal as NodeJS.Signals] ?? 127), signal: signal.replace(/^SIG/, '') });
    });
    channel.once('close', () => {
      losses.delete(lost);
      lost('its channel was closed without an exit status');
    });
    channel.on('error', (error: Error) => lost(error.message));
  });
}
