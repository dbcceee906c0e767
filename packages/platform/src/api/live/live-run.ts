/** One run, live. */
import { api, encode } from 'hud/protocol';
import type { Context } from '../../context.ts';
import { getRun, modelUse } from '../../storage/runs/index.ts';
import { HEARTBEAT_MS, News, type Message } from './live-stream.ts';
import { runItem } from '../runs/traces-view.ts';

/** Another process that writes the record is heard of within this time, in milliseconds. */
export const POLL_MS = 500;
/** Spans may arrive after the end of their run: the stream stays open until none came for this long, in milliseconds. */
export const LINGER_MS = 2_000;
const PAGE = 200;

/** A span's text as it is told; undefined for one that nobody asked for. */
export type Describe = (body: string) => Message | undefined;

export interface Following {
  teamId: string;
  /** Where to begin, as a message's id. */
  after: number;
  describe: Describe;
  signal: AbortSignal;
}

/**
 * Every span after the place it begins at, the state of the run whenever it changed, `end` when it has ended. A
 * message's id is the place behind it; several spans that were read at once share the last one's.
 */
export async function* followRun(context: Context, following: Following & { traceId: string }): AsyncGenerator<Message | 'beat'> {
  const { traceId, teamId, describe, signal } = following;
  const { store, hub, now } = context;
  using news = new News(hub, traceId);
  let cursor = following.after;
  let state = '';
  let spanAt = 0;
  let spokeAt = now();
  while (!signal.aborted) {
    const run = await readRun(context, teamId, traceId); // before its spans: once it has ended, they are there
    if (run === undefined) return;
    const { rows, cursor: next } = await store.spansSince(cursor, { limit: PAGE, traceId });
    const isLast = (row: number): boolean => row === rows.length - 1;
    cursor = next;
    for (const [i, { body }] of rows.entries()) {
      const message = describe(body);
      if (message !== undefined) yield isLast(i) ? { ...message, id: cursor } : message;
    }
    if (rows.length > 0) spanAt = spokeAt = now();
    if (rows.length === PAGE) continue;
    const changed = JSON.stringify(run.item);
    if (changed !== state) {
      state = changed;
      spokeAt = now();
      yield { event: 'run', id: cursor, data: run.item };
    }
    if (run.hasEnded && now() - Math.max(spanAt, run.seenAt) >= LINGER_MS) {
      yield { event: 'end', id: cursor, data: { trace_id: traceId } };
      return;
    }
    if (now() - spokeAt >= HEARTBEAT_MS) {
      spokeAt = now();
      yield 'beat';
    }
    await news.wait(POLL_MS, signal);
  }
}

async function readRun({ db }: Context, teamId: string, traceId: string) {
  const row = await getRun(db, teamId, traceId);
  if (row === undefined) return undefined;
  const use = row.cost_usd === null ? await modelUse(db, teamId, [traceId]) : undefined;
  return { item: encode(api.traces.RunItem, runItem(row, use?.get(traceId))), hasEnded: row.class !== null, seenAt: row.seen_at ?? 0 };
}
