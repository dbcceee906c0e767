/** Spans on their way to disk: their blobs first, then they; they leave memory only when the database has them. */
import type { Host, Timer } from '../host/host.ts';
import { encode } from '../protocol/codec.ts';
import type { HudError } from '../protocol/errors.ts';
import { stringifyJson, type JsonObject } from '../protocol/json.ts';
import { Span } from '../protocol/trace.ts';
import type { Blobs } from './blobs.ts';
import type { Database } from './database.ts';
import type { Cell, Row } from './rows.ts';
import type { RecentSpans } from './recent-spans.ts';
import { takeBlobs, type SpanBlob } from './span-blobs.ts';
import { CHUNK_BYTES, CHUNK_SPANS, insertSpans } from './span-rows.ts';
import { fill, INSERT_BLOB } from './statements.ts';
import { SPAN_FLUSH_MS } from './store.ts';
import { storeError } from './store-errors.ts';

const MAX_SPANS = 10_000;
const MAX_BYTES = 8 * 1024 * 1024;
/** Beyond it whoever appends a span waits for its blobs. */
const MAX_BLOB_BYTES = 64 * 1024 * 1024;
/** Pause before another try after a failure, in milliseconds. */
const RETRY_MS = 1_000;
/** Blobs that are written at once; each waits for the disk. */
const LANES = 4;

interface Chunk {
  rows: Cell[][];
  bytes: number;
  /** Those that the rows name and that are not on disk yet, by name. */
  blobs: Map<string, SpanBlob>;
  /** Of those that are. */
  blobRows: Row[];
  /** Its blobs are being written, or are: rows that name others go elsewhere. */
  isSealed: boolean;
}

interface Entry {
  row: Cell[];
  bytes: number;
  blobs: readonly SpanBlob[];
  /** Its blobs are on disk. */
  isWritten: boolean;
}

/** Somebody who waits until this chunk stands before the next write. */
interface Waiting {
  chunk: Chunk;
  resolve: () => void;
  reject: (error: HudError) => void;
}

export class SpanQueue {
  readonly #database: Database;
  readonly #blobs: Blobs;
  readonly #host: Host;
  readonly #recent: RecentSpans;
  #failed = new AbortController();
  #chunks: Chunk[] = [];
  #spans = 0;
  #bytes = 0;
  #blobBytes = 0;
  /** Chunks from the first on that are to be written now. */
  #wanted = 0;
  /** Transactions asked for and not yet done; each takes the first chunk. */
  #asked = 0;
  #isStoring = false;
  #isClosed = false;
  #waiting: Waiting[] = [];
  #timer: Timer | undefined;
  #lastError: HudError | undefined;
  #hasLost = false;

  constructor(database: Database, { blobs, host, recent }: { blobs: Blobs; host: Host; recent: RecentSpans }) {
    this.#database = database;
    this.#blobs = blobs;
    this.#host = host;
    this.#recent = recent;
  }

  /** Fires with the first failure. Once everything that waited is on disk, a new one takes its place. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  /** Why spans were lost, or still wait in memory; undefined when every one is on disk or on its way. */
  get failure(): HudError | undefined {
    return this.#hasLost || this.#spans > 0 ? this.#lastError : undefined;
  }

  /**
   * When this fills the queue, it is written out before the call returns. A queue that is full because
   * writing failed takes no more: `failed` has told by then.
   */
  push(span: Span): void {
    const wire = encode(Span, span) as JsonObject;
    const text = stringifyJson(wire);
    if (this.#isFull()) {
      this.#hasLost = true;
      return;
    }
    const { body, blobs } = takeBlobs(wire, text);
    const isWritten = this.#blobBytes >= MAX_BLOB_BYTES;
    if (isWritten && !this.#writeBlobs(blobs)) return;
    const row = [span.traceId, span.spanId, span.name, span.startTime, span.endTime, span.statusCode, body];
    this.#add({ row, bytes: body.length, blobs, isWritten });
    // A chunk that is complete need not wait for the clock.
    if (this.#isFull() || this.#chunks.length > this.#asked + 1) this.schedule();
    else this.#timer ??= this.#host.setTimer(SPAN_FLUSH_MS, () => this.schedule());
    if (this.#isFull()) this.writeNow();
  }

  /** Puts everything queued before the next write; what waits for a blob, as soon as that is on disk. */
  schedule(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#wanted = this.#chunks.length;
    this.#ask();
  }

  /**
   * {@link schedule}, and when it has come to that.
   * @returns undefined when it has already; rejects with a HudError STORE_* when a blob can't be written
   */
  scheduled(): Promise<void> | undefined {
    this.schedule();
    const chunk = this.#chunks.at(-1);
    if (chunk === undefined || this.#asked === this.#chunks.length) return undefined;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ chunk, resolve, reject });
    return promise;
  }

  /** Writes everything queued before it returns, with the event loop stopped for as long as that takes. */
  writeNow(): void {
    try {
      for (const chunk of this.#chunks.slice(this.#asked)) {
        for (const { sha256, bytes } of chunk.blobs.values()) this.#blobs.writeNow(sha256, bytes);
        this.#stored(chunk);
      }
    } catch (error) {
      this.#fail(storeError(error, this.#database.location));
    }
    this.schedule();
    this.#database.commitNow();
  }

  /** Once the database is closed: what is left is not tried again. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** In their order: a chunk whose blobs are on their way holds up those behind it. */
  #ask(): void {
    while (this.#asked < this.#wanted) {
      const chunk = this.#chunks[this.#asked];
      if (chunk === undefined) return;
      if (chunk.blobs.size > 0) {
        if (!this.#isStoring) void this.#store(chunk);
        return;
      }
      chunk.isSealed = true;
      const asked = ++this.#asked;
      this.#database.enqueue({
        share: 1,
        work: (database) => insertChunk(database, this.#chunks[0]),
        resolve: (last) => {
          this.#recent.add(this.#chunks[0]?.rows ?? [], last as number | undefined);
          this.#settle();
        },
        reject: (error) => this.#settle(error),
      });
      if (this.#asked < asked) return; // refused at once: the database is closing
      this.#waiting = this.#waiting.filter((waiting) => {
        if (waiting.chunk === chunk) waiting.resolve();
        return waiting.chunk !== chunk;
      });
    }
  }

  /** Never rejects. */
  async #store(chunk: Chunk): Promise<void> {
    this.#isStoring = true;
    chunk.isSealed = true;
    let failure: HudError | undefined;
    try {
      const left = chunk.blobs.values();
      const lane = async (): Promise<void> => {
        for (const { sha256, bytes } of left) await this.#blobs.write(sha256, bytes);
      };
      await Promise.all(Array.from({ length: LANES }, lane));
      this.#stored(chunk);
    } catch (error) {
      if (chunk.blobs.size > 0) failure = storeError(error, this.#database.location); // otherwise `writeNow` has written them
    }
    this.#isStoring = false;
    if (failure === undefined) this.#ask();
    else this.#fail(failure);
  }

  #stored(chunk: Chunk): void {
    for (const blob of chunk.blobs.values()) {
      chunk.blobRows.push(blobRow(blob));
      this.#blobBytes -= blob.bytes.length;
    }
    chunk.blobs = new Map();
    chunk.isSealed = true;
  }

  /** @returns false when that failed, and the span is lost */
  #writeBlobs(blobs: readonly SpanBlob[]): boolean {
    try {
      for (const { sha256, bytes } of blobs) this.#blobs.writeNow(sha256, bytes);
      return true;
    } catch (error) {
      this.#hasLost = true;
      this.#fail(storeError(error, this.#database.location));
      return false;
    }
  }

  #isFull(): boolean {
    return this.#spans >= MAX_SPANS || this.#bytes >= MAX_BYTES;
  }

  #add({ row, bytes, blobs, isWritten }: Entry): void {
    let chunk = this.#chunks.at(-1);
    const isClosed = chunk?.isSealed === true && blobs.length > 0 && !isWritten;
    if (chunk === undefined || isClosed || chunk.rows.length >= CHUNK_SPANS || chunk.bytes >= CHUNK_BYTES) {
      chunk = { rows: [], bytes: 0, blobs: new Map(), blobRows: [], isSealed: false };
      this.#chunks.push(chunk);
    }
    chunk.rows.push(row);
    chunk.bytes += bytes;
    this.#spans += 1;
    this.#bytes += bytes;
    if (isWritten) chunk.blobRows.push(...blobs.map(blobRow));
    for (const blob of isWritten ? [] : blobs) {
      if (chunk.blobs.has(blob.sha256)) continue;
      chunk.blobs.set(blob.sha256, blob);
      this.#blobBytes += blob.bytes.length;
    }
  }

  /** The first chunk is on disk, or was refused for what it holds; otherwise it waits for another try. */
  #settle(error?: HudError): void {
    this.#asked -= 1;
    if (error !== undefined && error.code !== 'BAD_ARGUMENT') return this.#fail(error);
    if (error !== undefined) {
      this.#lastError = error;
      this.#failed.abort(error);
      this.#hasLost = true;
    }
    const chunk = this.#chunks.shift();
    this.#wanted = Math.max(0, this.#wanted - 1);
    this.#spans -= chunk?.rows.length ?? 0;
    this.#bytes -= chunk?.bytes ?? 0;
    if (this.#failed.signal.aborted && this.failure === undefined) this.#failed = new AbortController();
  }

  /** What is queued stays so; whoever waits for it is told. */
  #fail(error: HudError): void {
    this.#lastError = error;
    this.#failed.abort(error);
    if (!this.#isClosed) this.#timer ??= this.#host.setTimer(RETRY_MS, () => this.schedule(), { unref: true });
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}

function blobRow({ sha256, bytes, mediaType }: SpanBlob): Row {
  return { sha256, media_type: mediaType, size_bytes: bytes.length };
}

function insertChunk(database: Database, chunk: Chunk | undefined): number | undefined {
  for (const row of chunk?.blobRows ?? []) {
    const { sql, values } = fill(INSERT_BLOB, row);
    database.run(sql, values);
  }
  return insertSpans(database, chunk?.rows ?? []);
}
