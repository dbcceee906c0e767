/** A reply as it is kept: a line of JSON, then its bytes. */
import { setImmediate as turn } from 'node:timers/promises';
import { HudError } from 'hud/protocol';
import type { RecordedReply, ReplyHeaders } from '../seams.ts';

export interface KeptReply {
  status: number;
  headers: ReplyHeaders;
  /** As they came. */
  chunks: readonly Buffer[];
  /** When each came, in milliseconds after the request. */
  times: readonly number[];
}

/** Of one connection, one moment or one visitor. */
const DROPPED = new Set(
  'connection keep-alive proxy-authenticate te trailer transfer-encoding upgrade content-length set-cookie date alt-svc strict-transport-security report-to nel cf-ray'.split(
    ' ',
  ),
);

export function keptHeaders(headers: ReplyHeaders): ReplyHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !DROPPED.has(name)));
}

const NEWLINE = 0x0a;

/** @returns its bytes in pieces */
export function writeReply({ status, headers, chunks, times }: KeptReply): Buffer[] {
  const head = { version: 1, status, headers, chunks: chunks.map(({ length }, i) => [length, Math.round(times[i] ?? 0)]) };
  return [Buffer.from(`${JSON.stringify(head)}\n`), ...chunks];
}

/** @throws HudError STORE_DAMAGED */
export function readReply(bytes: Buffer): RecordedReply {
  const end = bytes.indexOf(NEWLINE);
  const head = parseHead(bytes.subarray(0, Math.max(0, end)));
  let at = end + 1;
  const chunks = head.chunks.map(([length]) => bytes.subarray(at, (at += length)));
  if (at !== bytes.length) throw damaged();
  const { status, headers } = head;
  const [only = Buffer.alloc(0)] = chunks;
  return { status, headers, body: chunks.length > 1 ? replayed(chunks) : only };
}

/** Without the waits of then, each piece by itself. */
async function* replayed(chunks: readonly Buffer[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) {
    yield chunk;
    await turn();
  }
}

interface Head {
  version: number;
  status: number;
  headers: ReplyHeaders;
  chunks: [length: number, ms: number][];
}

function parseHead(bytes: Buffer): Head {
  try {
    const head = JSON.parse(bytes.toString('utf8')) as Head;
    if (head.version === 1) return head;
  } catch {
    // What is written here is always readable: then something else wrote it.
  }
  throw damaged();
}

function damaged(): HudError {
  return new HudError('STORE_DAMAGED', 'A recorded reply can not be read.', { hint: 'Its bytes were changed or cut.' });
}
