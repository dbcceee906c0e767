/** Pictures and files go to the platform before the spans that name them; text files without the secrets in them. */
import { createHash } from 'node:crypto';
import type { PlatformClient } from '../../api-client/client.ts';
import { missingBlobs, putBlob } from '../../protocol/api/ingest.ts';
import { readReference, REFERENCE_PREFIX, writeReference, type BlobReference } from '../../protocol/blob-reference.ts';
import { toHudError } from '../../protocol/errors.ts';
import type { Store } from '../../store/store.ts';
import type { Reach } from './reach.ts';
import { isRefusal, statusOf } from './reach.ts';
import { currentRedactor } from '../redaction/redact.ts';

export interface BlobChannel {
  client: PlatformClient;
  reach: Reach;
  closed: AbortSignal;
  store: Store;
  /** The platform will not have it. */
  onRejected(sha256: string, reason: string): void;
}

const NAMED = new RegExp(`"(${REFERENCE_PREFIX}sha256=[0-9a-f]{64};[^"\\\\]*)"`, 'g');
/** So many names of blobs that the platform has are remembered. */
const MAX_KNOWN = 20_000;
const LANES = 4;
const TIMEOUT_MS = 120_000;
/** The first of a question's names. */
const MAX_ASKED = 1_000;

/** What stands for a blob in what is sent. */
interface Outgoing {
  reference: string;
  sha256: string;
}

export class BlobSender {
  readonly #channel: BlobChannel;
  /** By the reference in the record. */
  readonly #known = new Map<string, Outgoing>();

  constructor(channel: BlobChannel) {
    this.#channel = channel;
  }

  /**
   * Settles once the platform has every blob that the bodies name.
   * @returns the bodies, in which a text file without its secrets goes by another name
   */
  async send(bodies: readonly string[]): Promise<string[]> {
    const references = new Set(bodies.flatMap((body) => [...body.matchAll(NAMED)].map(([, reference = '']) => reference)));
    const unknown = [...references].filter((reference) => !this.#known.has(reference));
    for (let at = 0; at < unknown.length; at += MAX_ASKED) await this.#sendAll(unknown.slice(at, at + MAX_ASKED));
    const sent = bodies.map((body) =>
      body.replace(NAMED, (literal, reference: string) => {
        const outgoing = this.#known.get(reference);
        return outgoing === undefined ? literal : `"${outgoing.reference}"`;
      }),
    );
    while (this.#known.size > MAX_KNOWN) this.#known.delete(this.#known.keys().next().value ?? '');
    return sent;
  }

  async #sendAll(references: readonly string[]): Promise<void> {
    const bytes = new Map<string, Uint8Array>();
    const outgoing: Outgoing[] = [];
    for (const reference of references) outgoing.push(await this.#prepared(reference, bytes));
    const names = [...new Set(outgoing.map(({ sha256 }) => sha256))];
    const { missing } = await this.#untilAnswered(() =>
      this.#channel.client.call(missingBlobs, { body: { sha256: names } }, { retries: 0, signal: this.#channel.closed }),
    );
    const left = missing.values();
    const lane = async (): Promise<void> => {
      for (const sha256 of left)
        await this.#put(sha256, references[outgoing.findIndex((one) => one.sha256 === sha256)] ?? '', bytes.get(sha256));
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    for (const [i, reference] of references.entries()) this.#known.set(reference, outgoing[i] as Outgoing);
  }

  /** @param changed gets the bytes of those that are not sent as they are */
  async #prepared(reference: string, changed: Map<string, Uint8Array>): Promise<Outgoing> {
    const parsed = readReference(reference) as BlobReference;
    if (!isText(parsed.mediaType)) return { reference, sha256: parsed.sha256 };
    const blob = await this.#channel.store.getBlob(parsed.sha256);
    const clean = blob === undefined ? undefined : currentRedactor().text(blob.bytes);
    if (clean === undefined || clean === blob?.bytes) return { reference, sha256: parsed.sha256 };
    const sha256 = createHash('sha256').update(clean).digest('hex');
    changed.set(sha256, clean);
    return { reference: writeReference({ ...parsed, sha256, bytes: clean.length }), sha256 };
  }

  async #put(sha256: string, reference: string, changed: Uint8Array | undefined): Promise<void> {
    const { client, closed, store } = this.#channel;
    const bytes = changed ?? (await store.getBlob(sha256))?.bytes;
    if (bytes === undefined) return; // its file is gone: the span goes without it, as the record shows it
    const headers = { 'content-type': readReference(reference)?.mediaType ?? 'application/octet-stream' };
    const path = putBlob.path.replace('{sha256}', sha256);
    const init = { method: 'PUT', body: bytes as Uint8Array<ArrayBuffer>, headers };
    const refused = await this.#untilAnswered(async () => {
      try {
        await (await client.send(path, init, { retries: 0, timeoutMs: TIMEOUT_MS, signal: closed })).arrayBuffer();
        return undefined;
      } catch (error) {
        const { data, message } = toHudError(error);
        const status = Number(data?.status ?? 0);
        if (![400, 409, 413, 415, 422].includes(status)) throw error;
        return message;
      }
    });
    if (refused !== undefined) this.#channel.onRejected(sha256, refused);
  }

  async #untilAnswered<T>(ask: () => Promise<T>): Promise<T> {
    const { reach, closed } = this.#channel;
    return await untilAnswered(ask, { reach, closed });
  }
}

/** Tries for ever what may pass. @throws HudError what the platform refuses for good; the reason of `closed` */
export async function untilAnswered<T>(ask: () => Promise<T>, { reach, closed }: { reach: Reach; closed: AbortSignal }): Promise<T> {
  for (;;) {
    closed.throwIfAborted();
    try {
      const answer = await ask();
      reach.succeeded();
      return answer;
    } catch (cause) {
      closed.throwIfAborted();
      const error = toHudError(cause);
      const status = statusOf(error);
      if (status !== undefined && status < 500 && status !== 429 && (status === 404 || !isRefusal(error))) throw error;
      await reach.failed(error);
    }
  }
}

/** As bytes that people read; others are sent as they are. */
function isText(mediaType: string): boolean {
  return /^text\/|[/+](?:json|xml|yaml|x-yaml|toml|javascript|ecmascript|sql|x-sh|csv|x-www-form-urlencoded|x-ndjson|jsonl)\b/i.test(
    mediaType,
  );
}
