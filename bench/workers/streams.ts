/**
 * Streams to `stream-ends.ts`, straight or through a control port:
 *
 *   node streams.ts <port of the ends> tcp://<host:port>    by a tunnel of that environment
 *   node streams.ts <port of the ends> <port>               by a relay that listens there, or by none
 */
import { once } from 'node:events';
import { connect as dial, type Socket } from 'node:net';
import { Runtime, connect, type Client } from 'hud';
import { answer, quantile, type Figures } from '../worker.ts';

const MIB = 1024 * 1024;
const PIECE = Buffer.alloc(256 * 1024);
const ECHO = Buffer.alloc(100);
const ROUND = 200;
const OPENING_AT_ONCE = 50;
const [ends = '', by = ''] = process.argv.slice(2);
const client: Client | undefined = by.startsWith('tcp:') ? await connect(new Runtime(by)) : undefined;

await answer(async ({ what, seconds, n }) => {
  if (what === 'echo') return await echoes(Number(n));
  if (what === 'many') return await many(Number(n), Number(seconds));
  return what === 'down' ? await download(Number(seconds)) : await upload(Number(seconds));
});
await client?.close();

async function open(kind: string): Promise<Socket> {
  const socket = client === undefined ? await straight(Number(by)) : ((await client.stream('stream')) as Socket);
  socket.write(kind);
  return socket;
}

async function straight(port: number): Promise<Socket> {
  const socket = dial({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  await once(socket, 'connect');
  return socket;
}

async function download(seconds: number): Promise<Figures> {
  const socket = await open('s');
  let bytes = 0;
  await once(socket, 'readable');
  const startedAt = performance.now();
  socket.on('data', (piece: Buffer) => (bytes += piece.length));
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  const took = (performance.now() - startedAt) / 1_000;
  socket.on('error', () => {}).destroy();
  return { rate: bytes / MIB / took };
}

async function upload(seconds: number): Promise<Figures> {
  const socket = await open('d');
  const startedAt = performance.now();
  let bytes = 0;
  while (performance.now() - startedAt < seconds * 1_000) {
    bytes += PIECE.length;
    if (!socket.write(PIECE)) await once(socket, 'drain');
  }
  socket.end();
  const [told] = (await once(socket, 'data')) as [Buffer];
  const took = (performance.now() - startedAt) / 1_000;
  if (Number(told) !== bytes) throw new Error(`Of ${bytes} bytes ${told.toString().trim()} arrived.`);
  return { rate: bytes / MIB / took };
}

/** Straight and the other way in turns, so that what is between them is all the difference. */
async function echoes(n: number): Promise<Figures> {
  const [bare, relayed] = [await straight(Number(ends)), await open('e')];
  bare.write('e');
  const [bareUs, relayedUs]: [number[], number[]] = [[], []];
  for (let i = 0; i < n; i += ROUND) {
    await bounce(bare, bareUs);
    await bounce(relayed, relayedUs);
  }
  for (const socket of [bare, relayed]) socket.destroy();
  const p50 = quantile(relayedUs, 0.5);
  return { p50, p99: quantile(relayedUs, 0.99), added: p50 - quantile(bareUs, 0.5) };
}

async function bounce(socket: Socket, tookUs: number[]): Promise<void> {
  for (let i = 0; i < ROUND; i += 1) {
    const startedAt = performance.now();
    const { promise, resolve } = Promise.withResolvers<void>();
    let left = ECHO.length;
    const onData = (piece: Buffer): void => {
      left -= piece.length;
      if (left <= 0) resolve();
    };
    socket.on('data', onData);
    socket.write(ECHO);
    await promise;
    tookUs.push((performance.now() - startedAt) * 1_000);
    socket.off('data', onData);
  }
}

/** Whether each of many gets its share: what they received in the same seconds, the most beside the least. */
async function many(n: number, seconds: number): Promise<Figures> {
  const sockets: Socket[] = [];
  while (sockets.length < n) {
    const opening = Array.from({ length: Math.min(OPENING_AT_ONCE, n - sockets.length) }, () => open('s'));
    sockets.push(...(await Promise.all(opening)));
  }
  const bytes = new Float64Array(n);
  const warmingMs = seconds * 250;
  for (const [i, socket] of sockets.entries()) socket.on('data', (piece: Buffer) => void (bytes[i] = (bytes[i] ?? 0) + piece.length));
  await new Promise((resolve) => setTimeout(resolve, warmingMs));
  bytes.fill(0);
  const startedAt = performance.now();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  const took = (performance.now() - startedAt) / 1_000;
  for (const socket of sockets) socket.on('error', () => {}).destroy();
  const all = bytes.reduce((sum, count) => sum + count, 0);
  return { spread: Math.max(...bytes) / Math.max(1, Math.min(...bytes)), rate: all / MIB / took };
}
