/** A served environment: whatever bytes a peer sends, each request that can be read has one reply, and others are still served. */
import { duplexPair, type Duplex } from 'node:stream';
import { Environment } from '../../packages/hud/src/environment/index.ts';
import { bind, type BoundServer } from '../../packages/hud/src/environment/index.ts';
import type { Peer } from '../../packages/hud/src/host/host.ts';
import { nodeHost } from '../../packages/hud/src/host/node.ts';
import { isErrorCode } from '../../packages/hud/src/protocol/errors.ts';
import { FrameReader } from '../../packages/hud/src/protocol/frames.ts';
import { JSON_TOKENS, jsonText, objectText } from '../json-text.ts';
import { mutate } from '../mutate.ts';
import { Random } from '../random.ts';
import { Failure, shapeOf, type Target } from '../target.ts';
import { WIRE_WORDS, lines } from './frames.ts';

const MAX_FRAME_BYTES = 65_536;
const METHODS = ['hello', 'tasks.list', 'tasks.start', 'tasks.grade', 'tasks.solve', 'tasks.cancel', 'bye', 'tunnel.open', 'nothing', ''];
const HELLO = '{"jsonrpc":"2.0","id":"probe","method":"hello","params":{}}\n';

let connect: (stream: Duplex, peer: Peer) => void;
let server: BoundServer;

const target: Target = { name: 'server', weight: 10, extension: '.bin', generate, check, open, close: async () => await server.close() };
export { target as server };

async function open(): Promise<void> {
  const environment = new Environment('letters');
  environment.template({ id: 'count', solution: () => '3' }, async function* () {
    const answer = yield 'How many?';
    yield answer === '3' ? 1 : 0;
  });
  // The server's own code on streams in memory: the listener hands over its callback instead of binding a port.
  const system = {
    ...nodeHost,
    listen: async (address: { host: string; port: number }, onConnection: (stream: Duplex, peer: Peer) => void) => {
      connect = onConnection;
      const close = async (): Promise<void> => {};
      return { ...address, close, [Symbol.asyncDispose]: close };
    },
  };
  server = await bind(environment, { system, maxFrameBytes: MAX_FRAME_BYTES });
}

function generate(random: Random, pool: readonly Uint8Array[]): Uint8Array {
  const bytes = Buffer.from(lines(random, () => (random.chance(0.9) ? requestText(random) : objectText(random, WIRE_WORDS))));
  if (random.chance(0.6)) return bytes;
  return mutate(random, pool.length > 0 && random.chance(0.6) ? random.pick(pool) : bytes, { tokens: JSON_TOKENS, pool });
}

function requestText(random: Random): string {
  const odd = (good: string): string => (random.chance(0.9) ? good : jsonText(random, WIRE_WORDS, 2));
  const params: Readonly<Record<string, string>> = {
    hello: `{"max_frame":${odd('65536')}}`,
    'tasks.start': `{"id":${odd('"count"')},"args":${odd('{}')}}`,
    'tasks.grade': `{"answer":${odd('"3"')}}`,
    'tunnel.open': `{"capability":${odd('"shell"')}}`,
  };
  const method = random.pick(METHODS);
  const id = random.chance(0.9) ? `"id":${odd(String(random.below(100)))},` : '';
  return `{"jsonrpc":"2.0",${id}"method":${odd(JSON.stringify(method))},"params":${odd(params[method] ?? '{}')}}`;
}

async function check(input: Uint8Array): Promise<string> {
  const replies = await exchange(input, new Random(input));
  const probe = await exchange(Buffer.from(HELLO), new Random('probe'));
  if (replyIds(probe) !== '["probe"]') throw new Failure('the next peer is not served', JSON.stringify(probe));
  for (const reply of replies) expectReply(reply);
  const expected = expectedIds(input);
  if (expected !== undefined && replyIds(replies) !== expected)
    throw new Failure('another number or order of replies', `${replyIds(replies)}\n${expected}`);
  return classOf(replies);
}

type Reply = Record<string, unknown>;

/** Sends the bytes in pieces, hangs up, and reads to the end. */
async function exchange(input: Uint8Array, random: Random): Promise<Reply[]> {
  const [ours, theirs] = duplexPair({ highWaterMark: 1_048_576 });
  connect(theirs, { address: '127.0.0.1', isLoopback: true });
  const reader = new FrameReader();
  const ended = new Promise<void>((resolve) =>
    ours
      .on('data', (chunk: Uint8Array) => reader.push(chunk))
      .once('end', resolve)
      .once('close', resolve),
  );
  ours.on('error', () => {}); // the server may drop a connection that breaks the framing
  for (let at = 0; at < input.length;) {
    const size = random.chance(0.5) ? input.length : random.small(64);
    ours.write(input.subarray(at, at + size));
    at += size;
  }
  ours.end();
  await ended;
  const replies: Reply[] = [];
  for (let reply = reader.next(); reply !== undefined; reply = reader.next()) replies.push(reply);
  ours.destroy();
  return replies;
}

function expectReply(reply: Reply): void {
  const text = JSON.stringify(reply);
  if (reply.jsonrpc !== '2.0' || 'result' in reply === 'error' in reply) throw new Failure('a reply is no JSON-RPC', text);
  if (!('error' in reply)) return;
  const { code, message, data } = reply.error as { code?: unknown; message?: unknown; data?: { code?: unknown } };
  if (!Number.isInteger(code) || typeof message !== 'string' || message === '')
    throw new Failure('an error has no number or no message', text);
  if (!isErrorCode(data?.code) || data.code === 'UNKNOWN') throw new Failure(`an error that nobody foresaw: ${message}`, text);
}

/** The ids of the requests that can be read, up to `bye`; then null where the framing broke. Undefined when the peer opens a stream. */
function expectedIds(input: Uint8Array): string | undefined {
  const ids: unknown[] = [];
  const reader = new FrameReader(MAX_FRAME_BYTES);
  reader.push(input);
  try {
    for (
      let frame = reader.next() ?? reader.last(), isFirst = true;
      frame !== undefined;
      frame = reader.next() ?? reader.last(), isFirst = false
    ) {
      if (isFirst && frame.method === 'tunnel.open') return undefined;
      if (frame.id !== undefined && frame.id !== null) ids.push(frame.id);
      if (frame.method === 'bye') return textOf(ids);
    }
  } catch {
    ids.push(null); // told once why the connection closes
  }
  return textOf(ids);
}

/** Undefined for an id that nests too deep to be written, by anybody: the server closes the connection over it. */
function textOf(ids: readonly unknown[]): string | undefined {
  try {
    return JSON.stringify(ids);
  } catch {
    return undefined;
  }
}

function replyIds(replies: readonly Reply[]): string {
  return JSON.stringify(replies.map(({ id }) => id ?? null));
}

function classOf(replies: readonly Reply[]): string {
  const kinds = replies.map((reply) => {
    const error = reply.error as { code: number; message: string; data: { code: string } } | undefined;
    return error === undefined
      ? Object.keys(reply.result as object)
          .toSorted()
          .join(' ')
      : `${error.data.code} ${shapeOf(error.message)}`;
  });
  return kinds.length === 0 ? 'no reply' : distinct(kinds).slice(0, 4).join(', ');
}

function distinct(kinds: readonly string[]): string[] {
  return [...new Set(kinds)].toSorted();
}
