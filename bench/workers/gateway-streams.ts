/**
 * Many streams of a model at once, straight or through a gateway, on raw sockets:
 *
 *   node gateway-streams.ts <url straight> <url through> <key>
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { answer, quantile, type Figures } from '../worker.ts';

const [straight = '', through = '', key = ''] = process.argv.slice(2);
const OPENING_AT_ONCE = 50;
const LEAVING = 30;
const LEFT_TRIES = 20;

interface Stream {
  id: string;
  socket: Socket;
  /** Milliseconds from the server's sending of each event to its arrival here. */
  delays: number[];
}

let streams: Stream[] = [];

await answer(async ({ what, way, n, every, seconds }) => {
  if (what === 'close') return await close();
  if (what === 'leave') return await leave();
  const url = way === 'straight' ? straight : through;
  return await hold(url, { n: Number(n), every: Number(every), seconds: Number(seconds) });
});
process.exit();

/** Opens so many, waits until all of them flow, and measures for some seconds. They stay open. */
async function hold(url: string, { n, every, seconds }: { n: number; every: number; seconds: number }): Promise<Figures> {
  while (streams.length < n) {
    const opening = Array.from(
      { length: Math.min(OPENING_AT_ONCE, n - streams.length) },
      async (_, i) => await open(url, streams.length + i, every),
    );
    streams.push(...(await Promise.all(opening)));
  }
  await pause(every * 2);
  for (const stream of streams) stream.delays.length = 0;
  await pause(seconds * 1_000);
  const delays = streams.flatMap((stream) => stream.delays);
  const least = Math.min(...streams.map((stream) => stream.delays.length));
  if (least < Math.floor((seconds * 1_000) / every / 2)) throw new Error(`a stream got ${least} events in ${seconds} s`);
  return { delay50: quantile(delays, 0.5), delay99: quantile(delays, 0.99), events: delays.length };
}

/** Resolves with its head. */
async function open(url: string, number: number, every: number): Promise<Stream> {
  const { hostname, port, pathname } = new URL(url);
  const id = `${process.pid}-${number}-${performance.now()}`;
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  const stream: Stream = { id, socket, delays: [] };
  const body = JSON.stringify({
    model: 'gpt-5',
    stream: true,
    id,
    every,
    events: 1_000_000,
    messages: [{ role: 'user', content: 'Go on.' }],
  });
  const head = [
    `POST ${pathname.replace(/\/$/, '')}/chat/completions HTTP/1.1`,
    'host: bench',
    `authorization: Bearer ${key}`,
    `content-length: ${body.length}`,
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  const first = Promise.withResolvers<void>();
  socket.on('error', (error) => first.reject(error));
  socket.on('close', () => first.reject(new Error('a stream ended early')));
  socket.on('data', (piece: Buffer) => {
    const text = piece.toString('latin1');
    const now = performance.timeOrigin + performance.now();
    for (const [, at] of text.matchAll(/"at":([\d.]+)/g)) stream.delays.push(now - Number(at));
    if (text.startsWith('HTTP/1.1 2')) first.resolve();
    else if (text.startsWith('HTTP/1.1 ')) first.reject(new Error(text.slice(0, 300)));
  });
  await first.promise;
  return stream;
}

/** Some callers leave, one after the other. @returns how long their server did not know, at most */
async function leave(): Promise<Figures> {
  const gone = new Map<string, number>();
  for (const { id, socket } of streams.splice(0, LEAVING)) {
    gone.set(id, performance.timeOrigin + performance.now());
    socket.destroy();
    await pause(20);
  }
  for (let tries = 0; tries < LEFT_TRIES; tries += 1) {
    await pause(300);
    const told = (await (await fetch(`${straight}/left`)).json()) as Record<string, number>;
    const took = [...gone].map(([id, at]) => (told[id] ?? Infinity) - at);
    if (took.every(Number.isFinite)) return { abort: Math.max(...took), abort50: quantile(took, 0.5) };
  }
  throw new Error('the server was never told that a caller left');
}

async function close(): Promise<Figures> {
  const closing = streams.map(async ({ socket }) => await once(socket.destroy(), 'close'));
  streams = [];
  await Promise.all(closing);
  return { closed: closing.length };
}
