/**
 * Bare Node with as many conversations open: connect, two calls, wait, one call, close; needs --expose-gc.
 * Ctrl-C destroys the sockets and ends it.
 *
 *   node --expose-gc floor-hold.ts <tcp://host:port> <conversations> <seconds each waits>
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { answer, type Figures } from '../worker.ts';

const [url = '', count = '1', seconds = '1'] = process.argv.slice(2);
const port = Number(new URL(url).port);
const open = new Set<Socket>();
/** Dials at a time: a listener's queue holds 511. */
const DIALS = 256;

process.once('SIGINT', () => {
  for (const socket of open) socket.destroy();
  process.exit(130);
});

await answer(async ({ isWork }): Promise<Figures> => {
  if (isWork !== true) {
    globalThis.gc?.();
    return {};
  }
  let mostInFlight = 0;
  const closing: Promise<void>[] = [];
  const dialer = async (share: number): Promise<void> => {
    for (let i = 0; i < share; i += 1) {
      const socket = await begin();
      mostInFlight = Math.max(mostInFlight, open.size);
      closing.push(sleep(Number(seconds) * 1000).then(() => end(socket)));
    }
  };
  await Promise.all(Array.from({ length: DIALS }, (_, i) => dialer(Math.ceil((Number(count) - i) / DIALS))));
  await Promise.all(closing);
  return { graded: closing.length, mostInFlight };
});

async function begin(): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  open.add(socket);
  socket.setEncoding('utf8');
  await call(socket, 1, 'hello');
  await call(socket, 2, 'tasks.start');
  return socket;
}

async function end(socket: Socket): Promise<void> {
  await call(socket, 3, 'tasks.grade');
  socket.destroy();
  open.delete(socket);
}

async function call(socket: Socket, id: number, method: string): Promise<void> {
  socket.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params: {} })}\n`);
  const [line] = (await once(socket, 'data')) as [string];
  JSON.parse(line);
}
