/** Keeps the replies of models, byte for byte, beside the runs that asked for them. */
import { createHash } from 'node:crypto';
import { messageOf } from 'hud/protocol';
import type { Context } from '../../context.ts';
import { callWriterOf } from '../ledger/call-writer.ts';
import { RecordingBatches } from './recording-batches.ts';
import { keptHeaders, writeReply, type KeptReply } from './recording-reply.ts';
import { Replays } from './replay.ts';
import type { ModelCall, RecordedReply, Recording, ReplyHeaders, ReplyObserver } from '../seams.ts';

type RecordingContext = Pick<Context, 'db' | 'blobs' | 'log' | 'metrics'> & {
  config: Pick<Context['config'], 'HUD_PLATFORM_RECORD_MODELS' | 'HUD_PLATFORM_DIR' | 'DATABASE_URL'>;
};

/** A longer reply is not kept. */
const MAX_REPLY_BYTES = 64 * 1_048_576;
/** Of all replies that are on their way to the disk; beyond it none is kept until there is room. */
const MAX_PENDING_BYTES = 256 * 1_048_576;

/** A longer reply is kept as a blob, a shorter one beside its call. */
const MAX_ROW_BYTES = 32_768;

export class ModelRecording implements Recording {
  readonly #context: RecordingContext;
  readonly #replays: Replays;
  readonly #batches: RecordingBatches;
  /** Long replies that become blobs, and the trace of each. */
  readonly #storing = new Map<Promise<void>, string>();
  readonly #countLost: (labels?: Record<string, string>) => void;
  #pendingBytes = 0;

  constructor(context: RecordingContext) {
    this.#context = context;
    this.#replays = new Replays(context);
    this.#batches = new RecordingBatches(async (recordings, bytes) => await callWriterOf(context).writeRecordings(recordings, bytes));
    this.#countLost = context.metrics.counter('hud_recording_lost_total', 'Replies of models that were not kept for replay');
  }

  async find(call: ModelCall): Promise<RecordedReply> {
    const { replayOf = '' } = call;
    await Promise.all([...this.#storing].flatMap(([stored, traceId]) => (traceId === replayOf ? [stored] : [])));
    await this.#batches.settled(replayOf);
    return await this.#replays.find(call);
  }

  record(call: ModelCall): ReplyObserver | undefined {
    const { traceId, replayOf } = call;
    if (this.#context.config.HUD_PLATFORM_RECORD_MODELS === 'none' || traceId === undefined || replayOf !== undefined) return undefined;
    if (call.operation === 'manage') return undefined;
    return new Observer((reply) => this.#keep(call, traceId, reply));
  }

  /** Everything that ended is on disk when it resolves, or counted as lost. */
  async flush(): Promise<void> {
    await Promise.all(this.#storing.keys());
    await this.#batches.settled();
  }

  #keep(call: ModelCall, traceId: string, reply: KeptReply | undefined): void {
    const size = reply?.chunks.reduce((sum, { length }) => sum + length, call.body.length) ?? 0;
    if (reply === undefined || this.#pendingBytes + size > MAX_PENDING_BYTES) return this.#lost(traceId, 'it is too large');
    this.#pendingBytes += size;
    if (size - call.body.length <= MAX_ROW_BYTES) return this.#add(call, traceId, { pieces: writeReply(reply), blob: null, size });
    const stored = this.#storeLong(call, traceId, reply, size).finally(() => this.#storing.delete(stored));
    this.#storing.set(stored, traceId);
  }

  /** The blob first: a row must not name what is not there. */
  async #storeLong(call: ModelCall, traceId: string, reply: KeptReply, size: number): Promise<void> {
    try {
      await new Promise((resolve) => setImmediate(resolve)); // the caller gets its last bytes before anything is hashed
      const bytes = Buffer.concat(writeReply(reply));
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      await this.#context.blobs.write(sha256, bytes);
      this.#add(call, traceId, { pieces: [], blob: { sha256, sizeBytes: bytes.length }, size });
    } catch (error) {
      this.#pendingBytes -= size;
      this.#lost(traceId, messageOf(error));
    }
  }

  #add({ id, caller: { teamId }, dialect, path, model, body, startedAt }: ModelCall, traceId: string, { pieces, blob, size }: Kept): void {
    const replyBytes = pieces.reduce((sum, { length }) => sum + length, 0);
    const [replyBlob, sizeBytes] = blob === null ? [null, replyBytes] : [blob.sha256, blob.sizeBytes];
    const { modelName } = model;
    const recording = {
      id,
      teamId,
      traceId,
      dialect,
      path,
      modelName,
      startedAt,
      bodyBytes: body.length,
      replyBytes,
      replyBlob,
      sizeBytes,
    };
    this.#batches.add(recording, [body, ...pieces], (error) => {
      this.#pendingBytes -= size;
      if (error === undefined) this.#replays.forget(teamId, traceId);
      else this.#lost(traceId, messageOf(error));
    });
  }

  #lost(traceId: string, reason: string): void {
    this.#countLost();
    this.#context.log.warn('a reply was not recorded', { traceId, reason });
  }
}

/** A reply on its way to its row. */
interface Kept {
  pieces: readonly Buffer[];
  blob: { sha256: string; sizeBytes: number } | null;
  /** That counts as pending. */
  size: number;
}

/** Collects one reply. What broke off is not kept: asked again, it came whole. */
class Observer implements ReplyObserver {
  readonly #keep: (reply: KeptReply | undefined) => void;
  readonly #startedAt = performance.now();
  #status = 0;
  #headers: ReplyHeaders = {};
  #chunks: Buffer[] = [];
  readonly #times: number[] = [];
  #size = 0;

  constructor(keep: (reply: KeptReply | undefined) => void) {
    this.#keep = keep;
  }

  head(status: number, headers: ReplyHeaders): void {
    this.#status = status;
    this.#headers = keptHeaders(headers);
  }

  data(chunk: Buffer): void {
    this.#size += chunk.length;
    if (this.#size > MAX_REPLY_BYTES) {
      this.#chunks = [];
      return;
    }
    this.#chunks.push(Buffer.from(chunk));
    this.#times.push(performance.now() - this.#startedAt);
  }

  end(isComplete: boolean): void {
    if (this.#status === 0 || !isComplete) return;
    if (this.#size > MAX_REPLY_BYTES) return this.#keep(undefined);
    this.#keep({ status: this.#status, headers: this.#headers, chunks: this.#chunks, times: this.#times });
  }
}

const opened = new WeakMap<RecordingContext['db'], ModelRecording>();

/** The one of this platform. */
export function recordingOf(context: RecordingContext): ModelRecording {
  let recording = opened.get(context.db);
  if (recording === undefined) opened.set(context.db, (recording = new ModelRecording(context)));
  return recording;
}
