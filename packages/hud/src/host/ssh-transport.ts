/** What makes ssh2's transport fast, for the client and for the server. */
import { createSecretKey } from 'node:crypto';
import type { Socket } from 'node:net';

/** Everything that is written to the socket in one turn goes out in one system call: ssh2 writes a packet in three pieces. */
export function gatherWrites(socket: Socket): void {
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  let isGathering = false;
  const gather = (...args: unknown[]): boolean => {
    if (!isGathering) {
      isGathering = true;
      socket.cork();
      process.nextTick(() => {
        isGathering = false;
        socket.uncork();
      });
    }
    return write(...args);
  };
  socket.write = gather;
}

type Keys = Record<string, unknown>;

/**
 * After each key exchange. Where ssh2's own addon is not built it makes a cipher of Node's for each packet, and Node takes
 * longer over a key that is plain bytes than over one that was made for it once.
 */
export function keepKeys(connection: object): void {
  const { _protocol: protocol } = connection as { _protocol?: { _cipher?: Keys; _decipher?: Keys } };
  for (const keys of [protocol?._cipher, protocol?._decipher]) {
    for (const [name, value] of Object.entries(keys ?? {})) {
      if (keys !== undefined && /^_(enc|dec|decipher)Key/.test(name) && Buffer.isBuffer(value)) keys[name] = createSecretKey(value);
    }
  }
}
