/** Pictures and files on their way out of spans: bytes first, then the claim, and only then the span that names them. */
import { stringifyJson } from 'hud/protocol';
import { quoteText, readReference, takeBlobs, unquoteText, type SpanBlob, type SpanRow } from 'hud/store';
import type { Context } from '../../context.ts';
import { claimBlobs, claimedOf } from '../../storage/blobs/claims.ts';
import { Recent } from './recent.ts';
import type { ReadSpan } from './span.ts';

/** Blobs that are written at once; each waits for the disk. */
const LANES = 4;
const MOST_CLAIMS = 100_000;
const REFERENCES = /hud-blob:sha256=([0-9a-f]{64})/g;

/** `plain`: texts are data, whatever they look like. `stored`: as a record keeps them, with references and quotes. */
export type SpanForm = 'plain' | 'stored';

export class BlobIntake {
  readonly #context: Pick<Context, 'db' | 'blobs' | 'now'>;
  readonly #claimed = new Recent<true>(MOST_CLAIMS);

  constructor(context: Pick<Context, 'db' | 'blobs' | 'now'>) {
    this.#context = context;
  }

  /** @returns the rows to keep, in their order; their blobs are safe and the team's by then */
  async settle(teamId: string, spans: readonly ReadSpan[], form: SpanForm): Promise<SpanRow[]> {
    const careful = spans.flatMap((span) => (span.careful === undefined ? [] : [span.row.body]));
    if (careful.length === 0) return spans.map(({ row }) => row);
    const quote = form === 'plain' ? quoteText : await this.#keeperOf(teamId, careful);
    const found = new Map<string, SpanBlob>();
    const rows = spans.map(({ row, careful }) => {
      if (careful === undefined) return row;
      const text = row.body.includes('\\u00') ? stringifyJson(careful) : row.body; // letters of a reference may have been escaped
      const { body, blobs } = takeBlobs(careful, text, quote);
      for (const blob of blobs) found.set(blob.sha256, blob);
      return { ...row, body: body === text ? row.body : body };
    });
    await this.#store(teamId, [...found.values()]);
    return rows;
  }

  /** Leaves alone what refers to blobs that the team sent itself; nobody gets at others' by naming them. */
  async #keeperOf(teamId: string, texts: readonly string[]): Promise<(text: string) => string> {
    const named = new Set(texts.flatMap((text) => [...text.matchAll(REFERENCES)].map(([, sha256]) => sha256 as string)));
    const unknown = [...named].filter((sha256) => this.#claimed.get(`${teamId} ${sha256}`) === undefined);
    const claimed = unknown.length === 0 ? new Set<string>() : await claimedOf(this.#context.db, teamId, unknown);
    for (const sha256 of claimed) this.#claimed.set(`${teamId} ${sha256}`, true);
    const mine = new Set([...named].filter((sha256) => claimed.has(sha256) || !unknown.includes(sha256)));
    return (text) => {
      const reference = readReference(text);
      if (reference !== undefined) return mine.has(reference.sha256) ? text : quoteText(text);
      return unquoteText(text) === text ? quoteText(text) : text;
    };
  }

  async #store(teamId: string, blobs: readonly SpanBlob[]): Promise<void> {
    if (blobs.length === 0) return;
    const { db, blobs: files, now } = this.#context;
    const left = blobs.values();
    const lane = async (): Promise<void> => {
      for (const { sha256, bytes } of left) await files.write(sha256, bytes);
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    await claimBlobs(
      db,
      teamId,
      blobs.map(({ sha256, bytes, mediaType }) => ({ sha256, mediaType, sizeBytes: bytes.length })),
      now(),
    );
  }
}
