/** What of the package ssh2 is reached past its public interface, in one place. */
import type { ClientChannel } from 'ssh2';

interface Insides {
  outgoing: { id: number; state: 'open' | 'eof' | 'closing' | 'closed' };
  _client: {
    _protocol: {
      signal(channel: number, name: string): void;
      windowChange(channel: number, rows: number, cols: number, height: number, width: number): void;
    };
  };
}

/** `channel.signal` sends nothing any more once stdin has ended, so this asks the protocol itself. */
export function sendSignal(channel: ClientChannel, name: string): void {
  const { outgoing, _client } = channel as unknown as Insides;
  if (isOpen(outgoing.state)) _client._protocol.signal(outgoing.id, name);
}

/** The same for `channel.setWindow`. */
export function sendSize(channel: ClientChannel, { cols, rows }: { cols: number; rows: number }): void {
  const { outgoing, _client } = channel as unknown as Insides;
  if (isOpen(outgoing.state)) _client._protocol.windowChange(outgoing.id, rows, cols, 0, 0);
}

function isOpen(state: Insides['outgoing']['state']): boolean {
  return state === 'open' || state === 'eof';
}
