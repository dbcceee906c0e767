/** What a platform has of a job against what the store has: a sender that starts anew asks, and trusts no memory. */
import { HudError, isHudError } from '../../protocol/errors.ts';
import { holdings } from '../../protocol/api/ingest.ts';
import type { Reply } from '../../protocol/api/route.ts';
import type { PlatformClient } from '../../api-client/client.ts';
import type { RunRecord } from '../../protocol/record.ts';
import type { SpanRow, Store } from '../../store/store.ts';
import { untilAnswered } from './blob-sender.ts';
import { runLine, type Line } from './lines.ts';
import type { Reach } from './reach.ts';

export interface ComparisonContext {
  store: Store;
  client: PlatformClient;
  reach: Reach;
  closed: AbortSignal;
  /** Its spans are sent as they come. */
  isLive(traceId: string): boolean;
  /** Settles once there is room. */
  sendRun(line: Line): Promise<void>;
  sendSpans(jobId: string, rows: readonly SpanRow[]): Promise<void>;
}

type Held = Reply<typeof holdings>['runs'][number];

const RUNS = 500;
const SPANS = 500;

/**
 * Sends what the platform lacks of the job's runs and their spans; the job and its tasks have to be there.
 * @returns how many runs were not whole there
 */
export async function sendMissing(jobId: string, context: ComparisonContext): Promise<number> {
  const held = await heldRuns(jobId, context);
  let missing = 0;
  for await (const run of runsOf(context.store, jobId)) {
    if (await sendRest(run, held.get(run.traceId), context)) missing += 1;
  }
  return missing;
}

async function heldRuns(jobId: string, context: ComparisonContext): Promise<Map<string, Held>> {
  const { client, closed } = context;
  try {
    const { runs } = await untilAnswered(() => client.call(holdings, { params: { id: jobId } }, { retries: 0, signal: closed }), context);
    return new Map(runs.map((run) => [run.traceId, run]));
  } catch (error) {
    if (isHudError(error) && error.code === 'PLATFORM_NOT_FOUND') return new Map();
    throw error;
  }
}

async function* runsOf(store: Store, jobId: string): AsyncGenerator<RunRecord> {
  let cursor: string | undefined;
  do {
    const page = await store.listRuns(jobId, { limit: RUNS, ...(cursor === undefined ? {} : { cursor }) });
    yield* page.items;
    cursor = page.nextCursor;
  } while (cursor !== undefined);
}

/** @returns whether anything was */
async function sendRest(run: RunRecord, held: Held | undefined, context: ComparisonContext): Promise<boolean> {
  const { traceId, jobId } = run;
  const isKnown = held !== undefined && held.hasEnded === (run.class !== undefined);
  if (context.isLive(traceId)) {
    if (held === undefined) await context.sendRun(runLine(run));
    return false;
  }
  if (isKnown && held.spans === (await countSpans(traceId, context))) return false;
  if (!isKnown) await context.sendRun(runLine(run));
  for await (const rows of spansOf(traceId, context)) await context.sendSpans(jobId, rows);
  return true;
}

async function countSpans(traceId: string, context: ComparisonContext): Promise<number> {
  let count = 0;
  for await (const rows of spansOf(traceId, context)) count += rows.length;
  return count;
}

async function* spansOf(traceId: string, { store, closed }: ComparisonContext): AsyncGenerator<SpanRow[]> {
  for (let after = 0; ;) {
    closed.throwIfAborted();
    const { rows, cursor } = await store.spansSince(after, { traceId, limit: SPANS });
    if (rows.length > 0) yield rows;
    if (rows.length < SPANS) return;
    after = cursor;
  }
}

export function staysIncomplete(jobId: string, url: string, missing: number): HudError {
  return new HudError(
    'PLATFORM_FAILED',
    `The platform at ${url} acknowledged all of job ${jobId.slice(0, 8)}, and lacks parts of ${missing} runs all the same.`,
    { hint: '`hud push` tries again; nothing is lost in the record.' },
  );
}
