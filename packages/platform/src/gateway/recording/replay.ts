/** Answers calls with the replies of a recorded run: equal requests get the replies of then, in their order. */
import { HudError } from 'hud/protocol';
import type { Context } from '../../context.ts';
import { recordedCalls, recordedReply } from '../../storage/ledger/recorded.ts';
import { readReply } from './recording-reply.ts';
import { firstDifference, printRequest, type RequestParts } from './recording-request.ts';
import { Refusal } from '../refusals.ts';
import type { ModelCall, RecordedReply } from '../seams.ts';

type ReplayContext = Pick<Context, 'db' | 'blobs'>;

interface Recorded {
  id: string;
  hash: string;
  /** JSON; read when something differs. */
  parts: string;
}

/** A recorded run, and how far those who replay it have come. */
interface Recordings {
  calls: readonly Recorded[];
  byHash: ReadonlyMap<string, readonly Recorded[]>;
}

/** Replies given so far to one run that replays another. */
interface Progress {
  given: Map<string, number>;
  total: number;
}

const MAX_RECORDINGS = 1_000;
const MAX_PROGRESS = 10_000;

export class Replays {
  readonly #context: ReplayContext;
  readonly #recordings = new Map<string, Promise<Recordings>>();
  readonly #progress = new Map<string, Progress>();

  constructor(context: ReplayContext) {
    this.#context = context;
  }

  /** @throws Refusal 404 when nothing was recorded of the trace, 409 when no such request was, naming what differs */
  async find(call: ModelCall): Promise<RecordedReply> {
    const { replayOf = '', caller } = call;
    const { calls, byHash } = await this.#load(caller.teamId, replayOf);
    if (calls.length === 0) throw nothingRecorded(replayOf);
    const { hash, parts } = printRequest(call);
    const progress = this.#progressOf(call);
    const given = progress.given.get(hash) ?? 0;
    const replies = byHash.get(hash) ?? [];
    // Who names no run of its own has no beginning either: it starts over after the last.
    const reply = replies[call.traceId === undefined && replies.length > 0 ? given % replies.length : given];
    if (reply === undefined) throw notRecorded(parts, { replayOf, calls, turn: progress.total, times: replies.length });
    progress.given.set(hash, given + 1);
    progress.total += 1;
    const bytes = await this.#bytesOf(reply.id);
    if (bytes === undefined) throw new HudError('STORE_DAMAGED', `A reply that was recorded of trace ${replayOf} is gone.`);
    return readReply(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  }

  /** More was recorded of it. */
  forget(teamId: string, traceId: string): void {
    this.#recordings.delete(`${teamId} ${traceId}`);
  }

  async #load(teamId: string, traceId: string): Promise<Recordings> {
    const key = `${teamId} ${traceId}`;
    const known = this.#recordings.get(key);
    if (known !== undefined) return await known;
    const loading = this.#read(teamId, traceId);
    bounded(this.#recordings, MAX_RECORDINGS).set(key, loading);
    try {
      const recordings = await loading;
      if (recordings.calls.length === 0) this.#recordings.delete(key); // it may still be recorded
      return recordings;
    } catch (error) {
      this.#recordings.delete(key);
      throw error;
    }
  }

  async #bytesOf(id: string): Promise<Uint8Array | undefined> {
    const { db, blobs } = this.#context;
    const { reply, reply_blob: blob } = (await recordedReply(db, id)) ?? { reply: null, reply_blob: null };
    if (reply !== null) return Buffer.from(reply, 'base64');
    return blob === null ? undefined : await blobs.get(blob);
  }

  async #read(teamId: string, traceId: string): Promise<Recordings> {
    const rows = await recordedCalls(this.#context.db, teamId, traceId);
    const calls = rows.map(({ id, request_hash: hash, parts }) => ({ id, hash, parts }));
    return { calls, byHash: Map.groupBy(calls, ({ hash }) => hash) };
  }

  #progressOf({ caller, replayOf, traceId }: ModelCall): Progress {
    const key = JSON.stringify([caller.teamId, replayOf, traceId ?? `key ${caller.keyId}`]);
    let progress = this.#progress.get(key);
    if (progress === undefined) bounded(this.#progress, MAX_PROGRESS).set(key, (progress = { given: new Map(), total: 0 }));
    return progress;
  }
}

/** Makes room by letting the oldest go. */
function bounded<T>(map: Map<string, T>, most: number): Map<string, T> {
  if (map.size >= most) for (const oldest of map.keys()) if (map.delete(oldest)) break;
  return map;
}

function nothingRecorded(traceId: string): Refusal {
  return new Refusal(
    404,
    `There is no recording of trace ${traceId}: no model was called for it through this platform, or its replies are not kept.`,
    {
      code: 'recording_not_found',
      isFinal: true,
    },
  );
}

interface Miss {
  replayOf: string;
  calls: readonly Recorded[];
  /** Calls answered before. */
  turn: number;
  /** How often the same was recorded. */
  times: number;
}

function notRecorded(now: RequestParts, { replayOf, calls, turn, times }: Miss): Refusal {
  return new Refusal(409, `Call ${turn + 1} is not in the recording of trace ${replayOf}: ${reason(now, { calls, turn, times })}.`, {
    code: 'recording_differs',
    isFinal: true,
  });
}

function reason(now: RequestParts, { calls, turn, times }: Pick<Miss, 'calls' | 'turn' | 'times'>): string {
  if (times > 0) return `it was asked only ${times === 1 ? 'once' : `${times} times`} then`;
  const then = calls[turn];
  if (then === undefined) return `that run made only ${calls.length} ${calls.length === 1 ? 'call' : 'calls'}`;
  return firstDifference(now, JSON.parse(then.parts) as RequestParts) ?? 'it came in another order';
}
