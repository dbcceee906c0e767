/** Where `hud trace` reads a run from: the record of this folder, or the platform. */
import { setTimeout as wait } from 'node:timers/promises';
import type { PlatformClient } from '../api-client/index.ts';
import { sleep } from '../host/host.ts';
import { nodeHost } from '../host/node.ts';
import * as api from '../protocol/api/index.ts';
import { decode } from '../protocol/codec.ts';
import { HudError, messageOf } from '../protocol/errors.ts';
import { isPlainObject, parseJson } from '../protocol/json.ts';
import type { RunRecord } from '../protocol/record.ts';
import { Span } from '../protocol/trace.ts';
import type { Store } from '../store/index.ts';
import { runsOf } from './record-rows.ts';
import { runRecordOf } from './remote-record.ts';
import { eventsIn } from './server-sent.ts';

export interface SpanOptions {
  /** Goes on until the run has ended. */
  follow: boolean;
  blobs: 'inline' | 'reference';
  signal: AbortSignal;
}

export interface TraceSource extends AsyncDisposable {
  /** As it was when it was found. */
  readonly run: RunRecord;
  /** As it is now. */
  current(): Promise<RunRecord>;
  /** The attempt at its repeat that counts. */
  newestAttempt(): Promise<RunRecord>;
  /** In the order they were recorded. */
  spans(options: SpanOptions): AsyncIterable<Span>;
}

const POLL_MS = 250;
/** Few enough that a page of screenshots fits into memory. */
const PAGE = 100;

/** Closes the store when it is disposed. */
export function localTrace(store: Store, run: RunRecord): TraceSource {
  return {
    run,
    current: async () => (await store.getRun(run.traceId)) ?? run,
    newestAttempt: async () => {
      let newest = run;
      for await (const other of runsOf(store, run.jobId)) {
        if (other.slug === run.slug && other.repeat === run.repeat && other.attempt > newest.attempt) newest = other;
      }
      return newest;
    },
    spans: (options) => localSpans(store, run.traceId, options),
    [Symbol.asyncDispose]: async () => await store.close(),
  };
}

async function* localSpans(store: Store, traceId: string, { follow, blobs, signal }: SpanOptions): AsyncGenerator<Span> {
  let cursor: string | undefined;
  let seen = 0; // spans after the cursor that were told already
  for (;;) {
    // Asked before the spans are read: once it is true, all spans are there.
    const hasEnded = !follow || (await store.getRun(traceId))?.class !== undefined;
    for (;;) {
      const page = await store.listSpans(traceId, { limit: PAGE, blobs, ...(cursor === undefined ? {} : { cursor }) });
      yield* page.items.slice(seen);
      seen = page.nextCursor === undefined ? page.items.length : 0;
      if (page.nextCursor === undefined) break;
      cursor = page.nextCursor;
    }
    if (hasEnded) return;
    await sleep(nodeHost, POLL_MS, signal);
  }
}

export function remoteTrace(client: PlatformClient, view: api.traces.RunView): TraceSource {
  const fetchRun = async (id: string): Promise<RunRecord> => runRecordOf(await client.call(api.traces.get, { params: { id } }));
  return {
    run: runRecordOf(view),
    current: async () => await fetchRun(view.id),
    newestAttempt: async () => (view.supersededBy === undefined ? runRecordOf(view) : await fetchRun(view.supersededBy)),
    spans: (options) => (options.follow ? liveSpans(client, view.id, options.signal) : remoteSpans(client, view.id, options)),
    [Symbol.asyncDispose]: async () => {},
  };
}

/** Batches of a run may have come in any order: what has a number is put in its place. */
async function* remoteSpans(client: PlatformClient, id: string, { blobs, signal }: SpanOptions): AsyncGenerator<Span> {
  const spans: Span[] = [];
  let cursor: string | undefined;
  do {
    const query = { blobs, limit: PAGE, ...(cursor === undefined ? {} : { cursor }) };
    const page = await client.call(api.traces.spans, { params: { id }, query }, { signal });
    spans.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  yield* inOrder(spans);
}

/** Numbered steps in the order of their numbers, in the places that numbered steps had; others stay where they are. */
function inOrder(spans: readonly Span[]): Span[] {
  const numbered = spans.filter((span) => stepId(span) !== undefined).toSorted((a, b) => (stepId(a) ?? 0) - (stepId(b) ?? 0));
  return spans.map((span) => (stepId(span) === undefined ? span : (numbered.shift() ?? span)));
}

function stepId({ attributes }: Span): number | undefined {
  const payload = attributes['hud.payload'];
  return isPlainObject(payload) && typeof payload.step_id === 'number' ? payload.step_id : undefined;
}

/** A stream is as long as a run; timers hold no more than this, in milliseconds. */
const FOREVER_MS = 2 ** 31 - 1;
/** How often in a row a lost stream is opened again without anything having come. */
const MAX_LOSSES = 5;
const RECONNECT_MS = 1_000;

async function* liveSpans(client: PlatformClient, id: string, signal: AbortSignal): AsyncGenerator<Span> {
  const told = new Set<string>(); // a stream that was lost may tell its last spans again
  let last: string | undefined;
  for (let losses = 0; ; losses += 1) {
    try {
      const headers: Record<string, string> = last === undefined ? {} : { 'last-event-id': last };
      const response = await client.call(
        api.traces.live,
        { params: { id }, query: { spans: 'raw', kinds: 'all' } },
        { signal, headers, timeoutMs: FOREVER_MS },
      );
      for await (const { event, id: place, data } of eventsIn(response)) {
        losses = 0;
        last = place ?? last;
        if (event === 'end') return;
        const span = event === 'span' ? spanOf(data) : undefined;
        if (span === undefined || told.has(span.spanId)) continue;
        told.add(span.spanId);
        yield span;
      }
    } catch (error) {
      signal.throwIfAborted();
      if (losses >= MAX_LOSSES) throw lost(client, error);
    }
    if (losses >= MAX_LOSSES) throw lost(client, 'it ended before the run had');
    await wait(RECONNECT_MS, undefined, { signal });
  }
}

function spanOf(data: string): Span {
  const { span } = parseJson(data) as { span?: unknown };
  return decode(Span, span, { what: 'A span of the platform', code: 'PLATFORM_FAILED' });
}

function lost({ baseUrl }: PlatformClient, cause: unknown): HudError {
  return new HudError('PLATFORM_UNREACHABLE', `The stream of the platform at ${baseUrl} was lost again and again: ${messageOf(cause)}.`, {
    hint: 'Without --follow the command shows what is recorded so far.',
    cause,
  });
}
