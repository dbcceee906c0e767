/**
 * Bodies of routes that take millions of numbers: batches of training. They are read while they come, in pieces that hold nobody up,
 * and their lists of numbers arrive as typed arrays. Does not know what a body means; start with `readLargeBody`.
 */
import type { IncomingMessage } from 'node:http';
import { PACKED_TYPE } from 'hud/protocol';
import type { Config } from '../../config.ts';
import { readDecoded } from '../ingest/body.ts';
import type { Held } from '../ingest/load.ts';
import { ListScanner } from './list-scanner.ts';
import { readPacked } from './packed-body.ts';
import { parseText, whole, type Taken, type TakingLimits } from './taken.ts';

const MIB = 1_048_576;
/** Of what is no list of numbers: names, trace ids, lists too short to be worth it. */
const MOST_TEXT = 32 * MIB;
const MOST_LISTS = 500_000;
/** How much of it may come out of each byte that was sent: numbers are packed at most so well. */
const MOST_INFLATED = 250;

/**
 * JSON or its packed form, as it is or compressed.
 * @returns what it says, with typed arrays for its long lists of numbers
 * @throws Fault 400, 413, 415, 503; HudError PROTOCOL_ERROR for what is no JSON
 */
export async function readLargeBody(
  request: Request,
  { limits, held, incoming }: { limits: Pick<Config, 'HUD_PLATFORM_MAX_UPLOAD_MB'>; held: Held; incoming?: IncomingMessage | undefined },
): Promise<unknown> {
  const most = limits.HUD_PLATFORM_MAX_UPLOAD_MB * MIB;
  const parts = readDecoded(request, most, { mostInflated: MOST_INFLATED, incoming });
  const taking = {
    mostText: Math.min(MOST_TEXT, most),
    mostNumbers: most,
    mostLists: MOST_LISTS,
    take: (bytes: number) => held.take(bytes),
  };
  return whole(isPacked(request) ? await readPacked(parts, taking) : await readJson(parts, taking));
}

function isPacked({ headers }: Request): boolean {
  return headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() === PACKED_TYPE;
}

async function readJson(parts: AsyncIterable<Uint8Array>, limits: TakingLimits): Promise<Taken> {
  const scanner = new ListScanner(limits);
  for await (const part of parts) scanner.write(part);
  const { text, mark, lists } = scanner.end();
  return { value: parseText(text), mark, lists };
}
