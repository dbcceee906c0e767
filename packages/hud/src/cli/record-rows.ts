/** Rows of the record as they are printed: short for people, whole and with exact times for programs. */
import type { JsonObject } from '../protocol/json.ts';
import { normalizeTraceId } from '../protocol/ids.ts';
import type { RunRecord } from '../protocol/record.ts';
import type { Page, Store } from '../store/index.ts';
import type { Context } from './command.ts';
import { ago } from './terminal/wording.ts';

/** Times as the platform spells them: ISO 8601 in UTC. */
export function withTimes(row: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(row).map(([key, value]) => [key, /(?:_at|^deadline)$/.test(key) && typeof value === 'number' ? isoTime(value) : value]),
  );
}

export function isoTime(time: number): string {
  return new Date(time).toISOString();
}

/** Enough digits for people to copy; all of them for programs. */
export function shortId(id: string, { out }: Pick<Context, 'out'>): string {
  return out.isTTY ? normalizeTraceId(id).slice(0, 12) : id;
}

export function when(time: number, { out }: Pick<Context, 'out'>): string {
  return out.isTTY ? ago(time, Date.now()) : isoTime(time);
}

const PAGE = 1_000;

/** In order of task position, repeat, attempt. */
export async function* runsOf(store: Store, jobId: string): AsyncGenerator<RunRecord> {
  let cursor: Page['cursor'];
  do {
    const page = await store.listRuns(jobId, { limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
    yield* page.items;
    cursor = page.nextCursor;
  } while (cursor !== undefined);
}

/** Runs of a platform, which come newest first, as the record lists them: by task, repeat, attempt. */
export function inTaskOrder(newestFirst: readonly RunRecord[]): RunRecord[] {
  const tasks = Map.groupBy(newestFirst.toReversed(), ({ slug }) => slug);
  return [...tasks.values()].flatMap((runs) => runs.toSorted((a, b) => a.repeat - b.repeat || a.attempt - b.attempt));
}

export interface AttemptRecord extends RunRecord {
  /** The newest attempt of the same repeat, where this is an earlier one: that one counts. */
  supersededBy?: RunRecord;
  /** How many attempts of this repeat there are. */
  attempts: number;
}

/** @param runs in order of attempt within each repeat */
export function withAttempts(runs: readonly RunRecord[]): AttemptRecord[] {
  const repeats = Map.groupBy(runs, (run) => `${run.repeat} ${run.slug}`);
  return runs.map((run) => {
    const attempts = repeats.get(`${run.repeat} ${run.slug}`) ?? [run];
    const newest = attempts.at(-1) ?? run;
    return { ...run, attempts: attempts.length, ...(newest === run ? {} : { supersededBy: newest }) };
  });
}
