/** Spans on their way to disk: they leave memory only when the database has them. */
import type { Host, Timer } from '../host/host.ts';
import { encode } from '../protocol/codec.ts';
import type { HudError } from '../protocol/errors.ts';
import { stringifyJson } from '../protocol/json.ts';
import { Span } from '../protocol/trace.ts';
import type { Database } from './database.ts';
import type { Cell } from './rows.ts';
import { SPAN_FLUSH_MS } from './store.ts';

const MAX_SPANS = 10_000;
const MAX_BYTES = 8 * 1024 * 1024;
/** What one transaction takes: some 15 ms, so that the event loop never waits long. */
const CHUNK_SPANS = 1024;
const CHUNK_BYTES = 2 * 1024 * 1024;
/** Pause before another try after a failure, in milliseconds. */
const RETRY_MS = 1_000;

interface Chunk {
  rows: Cell[][];
  bytes: number;
}

export class SpanQueue {
  readonly #database: Database;
  readonly #host: Host;
  #failed = new AbortController();
  #chunks: Chunk[] = [];
  #spans = 0;
  #bytes = 0;
  /** Transactions asked for and not yet done; each takes the first chunk. */
  #asked = 0;
  #timer: Timer | undefined;
  #lastError: HudError | undefined;
  #hasLost = false;

  constructor(database: Database, host: Host) {
    this.#database = database;
    this.#host = host;
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
    const body = stringifyJson(encode(Span, span));
    if (this.#isFull()) {
      this.#hasLost = true;
      return;
    }
    this.#add([span.traceId, span.spanId, span.name, span.startTime, span.endTime, span.statusCode, body], body.length);
    // A chunk that is complete need not wait for the clock.
    if (this.#isFull() || this.#chunks.length > this.#asked + 1) this.schedule();
    else this.#timer ??= this.#host.setTimer(SPAN_FLUSH_MS, () => this.schedule());
    if (this.#isFull()) this.#database.commitNow();
  }

  /** Puts everything queued before the next write. */
  schedule(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    while (this.#asked < this.#chunks.length) {
      this.#asked += 1;
      this.#database.enqueue({
        isLarge: true,
        work: (database) => insertSpans(database, this.#chunks[0]?.rows ?? []),
        resolve: () => this.#settle(),
        reject: (error) => this.#settle(error),
      });
    }
  }

  #isFull(): boolean {
    return this.#spans >= MAX_SPANS || this.#bytes >= MAX_BYTES;
  }

  #add(row: Cell[], bytes: number): void {
    let chunk = this.#chunks.at(-1);
    if (chunk === undefined || chunk.rows.length >= CHUNK_SPANS || chunk.bytes >= CHUNK_BYTES) {
      chunk = { rows: [], bytes: 0 };
      this.#chunks.push(chunk);
    }
    chunk.rows.push(row);
    chunk.bytes += bytes;
    this.#spans += 1;
    this.#bytes += bytes;
  }

  /** The first chunk is on disk, or was refused for what it holds; otherwise it waits for another try. */
  #settle(error?: HudError): void {
    this.#asked -= 1;
    if (error !== undefined) {
      this.#lastError = error;
      this.#failed.abort(error);
    }
    if (error !== undefined && error.code !== 'BAD_ARGUMENT') {
      this.#timer ??= this.#host.setTimer(RETRY_MS, () => this.schedule(), { unref: true });
      return;
    }
    this.#hasLost ||= error !== undefined;
    const chunk = this.#chunks.shift();
    this.#spans -= chunk?.rows.length ?? 0;
    this.#bytes -= chunk?.bytes ?? 0;
    if (this.#failed.signal.aborted && this.failure === undefined) this.#failed = new AbortController();
  }
}

const COLUMNS = ['trace_id', 'span_id', 'name', 'start_time', 'end_time', 'status_code', 'body'];
/** Many rows a statement take half the time of one by one; few sizes keep the prepared statements few. */
const STATEMENTS = [64, 8, 1].map((rows) => ({ rows, sql: insertOf(rows) }));

function insertSpans(database: Database, rows: readonly Cell[][]): void {
  let at = 0;
  for (const statement of STATEMENTS) {
    for (; rows.length - at >= statement.rows; at += statement.rows) {
      database.run(statement.sql, rows.slice(at, at + statement.rows).flat());
    }
  }
}

function insertOf(rows: number): string {
  const places = `(${COLUMNS.map(() => '?').join(', ')})`;
  // IGNORE, not ON CONFLICT DO NOTHING: a statement that may fail halfway keeps a copy of every page it touches.
  return `INSERT OR IGNORE INTO spans (${COLUMNS.join(', ')}) VALUES ${Array.from({ length: rows }, () => places).join(', ')}`;
}
