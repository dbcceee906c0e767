/** Spans on their way to PostgreSQL: their blobs first, then they, in their order. */
import { encode, HudError, Span, stringifyJson, type JsonObject } from 'hud/protocol';
import { SPAN_FLUSH_MS, takeBlobs, type SpanBlob, type SpanRow } from 'hud/store';
import { postgresError } from './errors.ts';

export interface SpanSink {
  readonly location: string;
  /** Their files and their rows are safe when it settles. */
  putBlob(blob: SpanBlob): Promise<void>;
  append(rows: readonly SpanRow[]): Promise<void>;
}

/** Of texts and blobs. Nothing can wait for a server without giving the event loop back, so what comes beyond is lost. */
const MAX_BYTES = 64 * 1024 * 1024;
const CHUNK_SPANS = 1_024;
const CHUNK_BYTES = 8 * 1024 * 1024;
/** Blobs that are written at once. */
const LANES = 4;
/** Pause before another try after a failure, in milliseconds. */
const RETRY_MS = 1_000;

interface Entry {
  row: SpanRow;
  blobs: readonly SpanBlob[];
  bytes: number;
}

interface Waiting {
  /** How many spans have to be done with. */
  until: number;
  resolve: () => void;
  reject: (error: HudError) => void;
}

export class PostgresSpanQueue {
  readonly #sink: SpanSink;
  #failed = new AbortController();
  #entries: Entry[] = [];
  #bytes = 0;
  #pushed = 0;
  #done = 0;
  #waiting: Waiting[] = [];
  #isDraining = false;
  #timer: NodeJS.Timeout | undefined;
  #lastError: HudError | undefined;
  #hasLost = false;
  #isClosed = false;

  constructor(sink: SpanSink) {
    this.#sink = sink;
  }

  /** Fires with the first failure. Once everything that waited is safe, a new one takes its place. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  /** Why spans were lost, or still wait in memory; undefined when every one is safe or on its way. */
  get failure(): HudError | undefined {
    return this.#hasLost || this.#entries.length > 0 ? this.#lastError : undefined;
  }

  push(span: Span): void {
    const wire = encode(Span, span) as JsonObject;
    const { body, blobs } = takeBlobs(wire, stringifyJson(wire));
    const { traceId, spanId, name, startTime, endTime, statusCode } = span;
    const bytes = blobs.reduce((sum, blob) => sum + blob.bytes.length, body.length);
    if (this.#entries.length > 0 && this.#bytes + bytes > MAX_BYTES) return this.#lose(full(this.#sink.location));
    this.#entries.push({ row: { traceId, spanId, name, startTime, endTime, statusCode, body }, blobs, bytes });
    this.#bytes += bytes;
    this.#pushed += 1;
    if (this.#entries.length >= CHUNK_SPANS || this.#bytes >= CHUNK_BYTES) this.#drain();
    else this.#timer ??= setTimeout(() => this.#drain(), SPAN_FLUSH_MS);
  }

  /** Settles when everything queued before is safe. @throws HudError STORE_* */
  async flush(): Promise<void> {
    if (this.#done === this.#pushed) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ until: this.#pushed, resolve, reject });
    this.#drain();
    await promise;
  }

  /** What is left is not tried again. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #drain(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#isDraining) void this.#writeAll();
  }

  /** Never rejects. */
  async #writeAll(): Promise<void> {
    this.#isDraining = true;
    try {
      let isOver = false;
      while (!isOver && this.#entries.length > 0) isOver = !(await this.#writeChunk(this.#chunk()));
    } finally {
      this.#isDraining = false; // in the same step in which nothing was left: who comes next begins anew
    }
  }

  /** @returns false when it waits for another try */
  async #writeChunk(chunk: readonly Entry[]): Promise<boolean> {
    try {
      await this.#write(chunk);
      return true;
    } catch (error) {
      const reason = postgresError(error, this.#sink.location);
      if (reason.code === 'BAD_ARGUMENT') return await this.#writeEach(chunk);
      this.#fail(reason);
      return false;
    }
  }

  /** A span that is at fault is lost alone. @returns false when another failure ended it */
  async #writeEach(chunk: readonly Entry[]): Promise<boolean> {
    for (const entry of chunk) {
      try {
        await this.#write([entry]);
      } catch (error) {
        const reason = postgresError(error, this.#sink.location);
        if (reason.code !== 'BAD_ARGUMENT') {
          this.#fail(reason);
          return false;
        }
        this.#lose(reason);
        this.#settle([entry]);
      }
    }
    return true;
  }

  async #write(chunk: readonly Entry[]): Promise<void> {
    const blobs = new Map(chunk.flatMap((entry) => entry.blobs.map((blob) => [blob.sha256, blob] as const))).values();
    const lane = async (): Promise<void> => {
      for (const blob of blobs) await this.#sink.putBlob(blob);
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    await this.#sink.append(chunk.map(({ row }) => row));
    this.#settle(chunk);
  }

  /** They leave memory. */
  #settle(chunk: readonly Entry[]): void {
    this.#entries.splice(0, chunk.length);
    this.#done += chunk.length;
    for (const { bytes } of chunk) this.#bytes -= bytes;
    if (this.#failed.signal.aborted && this.failure === undefined) this.#failed = new AbortController();
    this.#waiting = this.#waiting.filter(({ until, resolve }) => {
      if (until <= this.#done) resolve();
      return until > this.#done;
    });
  }

  #chunk(): Entry[] {
    let bytes = 0;
    const end = this.#entries.findIndex((entry, index) => (bytes += entry.bytes) > CHUNK_BYTES && index > 0);
    return this.#entries.slice(0, Math.min(end < 0 ? this.#entries.length : end, CHUNK_SPANS));
  }

  #lose(error: HudError): void {
    this.#hasLost = true;
    this.#lastError = error;
    this.#failed.abort(error);
  }

  /** What is queued stays so; whoever waits for it is told. */
  #fail(error: HudError): void {
    this.#lastError = error;
    this.#failed.abort(error);
    if (!this.#isClosed) this.#timer ??= setTimeout(() => this.#drain(), RETRY_MS).unref();
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

function full(location: string): HudError {
  return new HudError('STORE_LOCKED', `Spans for ${location} were lost: ${MAX_BYTES / 1024 / 1024} MiB of them wait for it already.`, {
    hint: 'See whether the database is up, and what keeps it busy.',
  });
}
