/**
 * What is at the far end of a stream, in a process of its own. The first byte says what it shall be:
 * `s` a source that never ends, `d` a drain that tells how many bytes it took once they have ended, `e` an echo.
 */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { answer } from '../worker.ts';

const PIECE = Buffer.alloc(256 * 1024);

const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
  socket.on('error', () => socket.destroy()); // whoever reads has had enough
  socket.once('data', (first: Buffer) => {
    const rest = first.subarray(1);
    const kind = String.fromCharCode(first[0] ?? 0);
    if (kind === 's') pour(socket);
    else if (kind === 'd') drain(socket, rest.length);
    else {
      socket.write(rest);
      socket.pipe(socket);
    }
  });
}).listen({ port: 0, host: '127.0.0.1', backlog: 2_048 });
await once(server, 'listening');
await answer(async () => ({}), { port: (server.address() as AddressInfo).port });
process.exit(0);

function pour(socket: Socket): void {
  const more = (): void => {
    while (!socket.destroyed && socket.write(PIECE));
  };
  socket.on('drain', more).resume();
  more();
}

function drain(socket: Socket, taken: number): void {
  let bytes = taken;
  socket.on('data', (piece: Buffer) => (bytes += piece.length));
  socket.once('end', () => socket.end(`${bytes}\n`));
}
