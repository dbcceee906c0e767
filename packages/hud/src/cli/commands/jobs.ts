import type { CallOptions, PlatformClient } from '../../api-client/index.ts';
import * as api from '../../protocol/api/index.ts';
import { encode } from '../../protocol/codec.ts';
import { JOB_STATUS, JobRecord, RunRecord } from '../../protocol/record.ts';
import type { JsonObject } from '../../protocol/json.ts';
import type { JobFilter, Store } from '../../store/index.ts';
import { defineCommand, type Context, type Result } from '../command.ts';
import { isStopped, withStates, type JobWithState } from '../job-state.ts';
import { headLines, jobTable, runTable } from '../job-table.ts';
import { integer, oneOf, text } from '../options.ts';
import { notRecorded, openRecord, recordDirectory } from '../record.ts';
import { inTaskOrder, runsOf, withAttempts, withTimes, type AttemptRecord } from '../record-rows.ts';
import {
  askPlatform,
  jobRecordOf,
  nowhere,
  orAbsent,
  remoteRuns,
  runRecordOf,
  whereOf,
  whereOptions,
  type Where,
} from '../remote-record.ts';
import { sinceTime } from '../since.ts';

const DEFAULT_LIMIT = 20;
/** Of one answer of a platform. */
const MAX_REMOTE = 500;

export const jobs = defineCommand({
  arguments: { '[id]': 'a job, by id or by the first digits of one' },
  options: {
    ...whereOptions,
    status: oneOf('--status <status>', 'only jobs that are', JOB_STATUS),
    since: text('--since <time>', 'only jobs created since: 2026-01-31, or an age such as 12h or 7d'),
    taskset: text('--taskset <name>', 'only jobs of this taskset'),
    limit: integer('-n, --limit <n>', `how many jobs, newest first (default: ${DEFAULT_LIMIT}), or how many runs of one (default: all)`, {
      min: 1,
    }),
  },
  notes: `Lists the jobs of the platform when one is set (\`hud login\`), and with --local those in .hud of the
current directory, or in HUD_DIR. A job by its id is looked for here first, then there.
A job whose process was killed is told as interrupted. Of several attempts at one repeat the newest
counts; the others are dimmed, and \`hud trace\` shows them too.`,
  run: async ({ args: [id], options: { limit, local, remote, since, ...filter } }, context) => {
    const where = whereOf({ local, remote });
    if (id !== undefined) return await oneJob(id, limit, where, context);
    const wanted: Wanted = { ...filter, limit: limit ?? DEFAULT_LIMIT, ...(since === undefined ? {} : { since: sinceTime(since) }) };
    const listed = await askPlatform(where, context, async (client, call) => await remoteJobs(client, wanted, call));
    return listed === undefined ? await localJobs(wanted, context) : remoteList(listed, wanted, context);
  },
});

interface Wanted {
  limit: number;
  status?: JobRecord['status'];
  /** Milliseconds since 1970. */
  since?: number;
  taskset?: string;
}

type Listed = api.Reply<typeof api.jobs.list>;

async function remoteJobs(client: PlatformClient, { since, ...filter }: Wanted, call: CallOptions): Promise<Listed> {
  const query = { ...filter, limit: Math.min(filter.limit, MAX_REMOTE), ...(since === undefined ? {} : { since: String(since) }) };
  return await client.call(api.jobs.list, { query }, call);
}

function remoteList({ items, nextCursor }: Listed, { limit }: Wanted, context: Context): Result {
  if (items.length === 0) context.note('The platform has no such job yet; `hud eval` reports there while a platform is set.');
  if (nextCursor !== undefined) noteMore(items.length, limit, context);
  return {
    json: items.map((item) => encode(api.jobs.JobItem, item)),
    text: () =>
      jobTable(
        items.map((item) => ({ ...jobRecordOf(item), state: item.status, sums: item })),
        context,
      ),
  };
}

async function localJobs({ taskset, ...filter }: Wanted, context: Context): Promise<Result> {
  await using store = await openRecord(context);
  const { items, hasMore } = store === undefined ? { items: [], hasMore: false } : await listLocal(store, filter, taskset);
  const listed = store === undefined ? [] : await withStates(store, items);
  if (items.length === 0) context.note(`Nothing is recorded in ${recordDirectory(context)} yet; \`hud eval\` records there.`);
  if (hasMore) noteMore(items.length, filter.limit, context);
  noteInterrupted(listed, context);
  return {
    json: listed.map(({ state, ...job }) => ({ ...withTimes(encode(JobRecord, job) as JsonObject), status: state })),
    text: () => jobTable(listed, context),
  };
}

/** The record does not search by taskset: pages are read until there are enough. */
async function listLocal(
  store: Store,
  filter: JobFilter & { limit: number },
  taskset: string | undefined,
): Promise<{ items: JobRecord[]; hasMore: boolean }> {
  const items: JobRecord[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.listJobs({ ...filter, ...(cursor === undefined ? {} : { cursor }) });
    items.push(...page.items.filter((job) => taskset === undefined || job.tasksetName === taskset || job.tasksetId === taskset));
    cursor = page.nextCursor;
  } while (cursor !== undefined && items.length < filter.limit);
  return { items: items.slice(0, filter.limit), hasMore: cursor !== undefined || items.length > filter.limit };
}

function noteMore(shown: number, limit: number, { note }: Context): void {
  note(`Only the newest ${shown === 1 ? 'is' : `${shown} are`} listed; --limit ${limit * 2} lists more.`);
}

async function oneJob(id: string, limit: number | undefined, where: Where, context: Context): Promise<Result> {
  if (where !== 'remote') {
    await using store = await openRecord(context);
    const found = await store?.getJob(id.replaceAll('-', '').toLowerCase());
    const [job] = store === undefined || found === undefined ? [] : await withStates(store, [found]);
    if (store !== undefined && job !== undefined) {
      if (isStopped(job) && job.config.command === 'eval') context.note(resumeHint(job));
      return jobResult(job, withAttempts(await Array.fromAsync(runsOf(store, job.id))), limit, context);
    }
  }
  const found = await askPlatform(where, context, async (client, call) => {
    const job = await orAbsent(client.call(api.jobs.get, { params: { id } }, call));
    return job === undefined ? undefined : { job, runs: await remoteRuns(client, job.id, { signal: context.signal }) };
  });
  if (found === undefined) throw where === 'local' ? notRecorded(`job '${id}'`, context) : nowhere(`job '${id}'`, where, context);
  const { job, runs } = found;
  const cancelling = new Set(runs.filter(({ status }) => status === 'cancelling').map((run) => run.id));
  const state: JobWithState = { ...jobRecordOf(job), state: job.status };
  const result = jobResult(state, withAttempts(inTaskOrder(runs.map(runRecordOf))), limit, context, cancelling);
  return { ...result, json: runs.slice(0, limit).map((run) => encode(api.traces.RunItem, run)) };
}

function jobResult(
  job: JobWithState,
  runs: readonly AttemptRecord[],
  limit: number | undefined,
  context: Context,
  cancelling: ReadonlySet<string> = new Set(),
): Result {
  const shown = runs.slice(0, limit);
  if (shown.length < runs.length) context.note(`Only the first ${shown.length} of ${runs.length} are listed.`);
  return {
    json: shown.map(({ supersededBy, attempts: _attempts, ...run }) => ({
      ...withTimes(encode(RunRecord, run) as JsonObject),
      ...(supersededBy === undefined ? {} : { superseded_by: supersededBy.traceId }),
    })),
    text: () => [...(context.out.isTTY ? [...headLines(job, runs, context), ''] : []), ...runTable(job, shown, cancelling, context)],
  };
}

function noteInterrupted(listed: readonly JobWithState[], { note }: Context): void {
  const [first, ...others] = listed.filter(({ state, config }) => state === 'interrupted' && config.command === 'eval');
  if (first === undefined) return;
  note(
    others.length === 0 ? resumeHint(first) : `${others.length + 1} jobs were interrupted: \`hud resume <id>\` goes on with one of them.`,
  );
}

function resumeHint({ id, state }: JobWithState): string {
  return `Job ${id.slice(0, 8)} ${state === 'failed' ? 'failed' : `was ${state}`}; \`hud resume ${id.slice(0, 8)}\` goes on with it.`;
}
