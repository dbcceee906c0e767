/** One batch of lines to the platform: redacted, compressed, tried until it is answered. */
import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';
import type { PlatformClient } from '../../api-client/client.ts';
import { record } from '../../protocol/api/ingest.ts';
import { decode } from '../../protocol/codec.ts';
import { HudError, toHudError } from '../../protocol/errors.ts';
import type { Line } from './lines.ts';
import { isRefusal, statusOf, type Reach } from './reach.ts';
import { currentRedactor } from '../redaction/redact.ts';

export interface Delivered {
  /** Lines that the platform will not have, with its reasons. */
  rejected: { line: Line; reason: string }[];
  /** Traces that somebody asked to cancel. */
  cancelled: string[];
}

export interface Channel {
  client: PlatformClient;
  reach: Reach;
  closed: AbortSignal;
  /** Bytes are on their way, so many lines. */
  onSent(lines: number): void;
}

/** Smaller ones gain nothing. */
const MIN_COMPRESSED_BYTES = 2_048;
const TIMEOUT_MS = 60_000;

/**
 * Settles once every line is acknowledged or rejected; tries for ever until then. A batch that is refused as a whole
 * is cut in halves, so that one bad line does not hold up the others.
 * @throws the reason of `closed`
 */
export async function deliver(lines: readonly Line[], channel: Channel): Promise<Delivered> {
  const { client, reach, closed } = channel;
  for (;;) {
    closed.throwIfAborted();
    let error: HudError;
    try {
      const { body, encoding } = await packed(lines, { isNear: isLoopback(client.baseUrl) });
      channel.onSent(lines.length);
      const headers = { 'content-type': 'application/x-ndjson', ...(encoding === undefined ? {} : { 'content-encoding': encoding }) };
      const response = await client.send(
        record.path,
        { method: 'POST', body, headers },
        { retries: 0, timeoutMs: TIMEOUT_MS, signal: closed },
      );
      const { rejected, cancelled } = decode(record.reply, await response.json(), {
        what: 'The answer of the platform',
        code: 'PLATFORM_FAILED',
      });
      reach.succeeded();
      return { rejected: rejected.flatMap(({ index, reason }) => named(lines[index], reason)), cancelled };
    } catch (cause) {
      closed.throwIfAborted();
      error = toHudError(cause);
    }
    if (isOfContent(error)) return await inParts(lines, error, channel);
    await reach.failed(error);
  }
}

function named(line: Line | undefined, reason: string): Delivered['rejected'] {
  return line === undefined ? [] : [{ line, reason }];
}

/** Another try of the same bytes would be answered in the same way. */
function isOfContent(error: HudError): boolean {
  const status = statusOf(error) ?? 0;
  return !isRefusal(error) && [400, 409, 413, 415, 422].includes(status);
}

async function inParts(lines: readonly Line[], error: HudError, channel: Channel): Promise<Delivered> {
  const [only] = lines;
  if (lines.length <= 1) return { rejected: named(only, error.message), cancelled: [] };
  const half = lines.length >> 1;
  const first = await deliver(lines.slice(0, half), channel);
  const second = await deliver(lines.slice(half), channel);
  return { rejected: [...first.rejected, ...second.rejected], cancelled: [...first.cancelled, ...second.cancelled] };
}

const compress = promisify(zstdCompress);
const FAST = { [constants.ZSTD_c_compressionLevel]: 1 };

/** Within one machine bytes cost less than packing and unpacking them. */
function isLoopback(url: string): boolean {
  return /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(url).hostname);
}

async function packed(
  lines: readonly Line[],
  { isNear }: { isNear: boolean },
): Promise<{ body: Uint8Array<ArrayBuffer>; encoding?: string }> {
  let text = '';
  for (const line of lines) text += `${line.text}\n`;
  const bytes = currentRedactor().json(text);
  if (isNear || bytes.length < MIN_COMPRESSED_BYTES) return { body: bytes as Uint8Array<ArrayBuffer> };
  return { body: await compress(bytes, { params: FAST, pledgedSrcSize: bytes.length }), encoding: 'zstd' };
}
