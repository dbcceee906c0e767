/** What all requests that bring spans share: what is known of their runs and blobs, and how much is under way. */
import { isHudError, messageOf } from 'hud/protocol';
import type { Context } from '../../context.ts';
import { Fault } from '../../fault.ts';
import { BlobIntake } from './blob-intake.ts';
import { readDecoded } from './body.ts';
import { KnownRuns } from './known-runs.ts';
import { Held, Load } from './load.ts';

const MIB = 1_048_576;

export class Intake {
  readonly context: Context;
  readonly runs: KnownRuns;
  readonly blobs: BlobIntake;
  readonly #load: Load;
  readonly #mostBytes: number;
  readonly #count: { spans: Count; rejected: Count; bytes: Count; seconds: (seconds: number, labels?: Record<string, string>) => void };

  constructor(context: Context) {
    const { metrics, config } = context;
    this.context = context;
    this.runs = new KnownRuns(context);
    this.blobs = new BlobIntake(context);
    this.#mostBytes = config.HUD_PLATFORM_MAX_UPLOAD_MB * MIB;
    this.#load = new Load(2 * this.#mostBytes);
    this.#count = {
      spans: metrics.counter('hud_spans_total', 'Spans that were stored, or were there already.'),
      rejected: metrics.counter('hud_spans_rejected_total', 'Spans and lines that were refused.'),
      bytes: metrics.counter('hud_ingest_bytes_total', 'Bytes of spans that came, after decoding.'),
      seconds: metrics.histogram('hud_ingest_seconds', 'From the first byte of a request with spans to its answer.'),
    };
    metrics.gauge('hud_ingest_held_bytes', 'Bytes of spans in memory.', () => this.#load.heldBytes);
  }

  /** Called once for each that is durable, or was refused. */
  counted(route: string, { spans = 0, rejected = 0 }: { spans?: number; rejected?: number }): void {
    if (spans > 0) this.#count.spans({ route }, spans);
    if (rejected > 0) this.#count.rejected({ route }, rejected);
  }

  /**
   * @param take gets the body chunk by chunk, decoded
   * @param finish answers
   * @throws Fault 503 when there is no room, or the record can't be written: the same request may succeed later
   */
  async receive<T>(route: string, request: Request, { take, finish, settle }: Receiver<T>): Promise<T> {
    const held = new Held(this.#load);
    const startedAt = performance.now();
    try {
      for await (const chunk of readDecoded(request, this.#mostBytes)) {
        held.take(chunk.length);
        this.#count.bytes({ route }, chunk.length);
        await take(chunk, held);
      }
      return await finish(held);
    } catch (error) {
      throw toUnavailable(error, request.signal);
    } finally {
      await settle();
      held.giveAll();
      this.#count.seconds((performance.now() - startedAt) / 1000, { route });
    }
  }
}

export interface Receiver<T> {
  take(chunk: Uint8Array, held: Held): Promise<void>;
  finish(held: Held): Promise<T>;
  /** Waits for what is under way, however it ends. */
  settle(): Promise<void>;
}

type Count = (labels?: Record<string, string>, by?: number) => void;

/** Senders drop what is refused with anything but 503, so that is the answer to all that may pass. */
function toUnavailable(error: unknown, signal: AbortSignal): unknown {
  if (error instanceof Fault) return error;
  if (isHudError(error) && !PASSING.has(error.code)) return error;
  if (signal.aborted) return new Fault(400, 'The sender went away.', { cause: error });
  return new Fault(503, `Nothing more can be stored right now: ${reasonOf(error)}. Send it again.`, { cause: error, retryAfter: 2 });
}

const PASSING = new Set(['STORE_FULL', 'STORE_LOCKED', 'STORE_UNWRITABLE', 'CANCELLED']);

/** Without paths and addresses, which are for the log. */
function reasonOf(error: unknown): string {
  const { code, errcode } = error as { code?: unknown; errcode?: unknown };
  if (code === 'ENOSPC' || code === 'STORE_FULL' || errcode === 13 || code === '53100') return 'its disk is full';
  if (code === 'STORE_LOCKED' || errcode === 5) return 'its database is busy';
  return /terminat|connect|ECONN/i.test(messageOf(error)) ? 'its database is away' : 'its record can not be written';
}
