import { encode } from '../../protocol/codec.ts';
import { JobRecord, RunRecord } from '../../protocol/record.ts';
import type { JsonObject } from '../../protocol/json.ts';
import type { Store } from '../../store/index.ts';
import { defineCommand, type Context, type Result } from '../command.ts';
import { isStopped, withStates, type JobWithState } from '../job-state.ts';
import { integer } from '../options.ts';
import { notRecorded, openRecord, recordDirectory } from '../record.ts';
import { runsOf, shortId, when, withAttempts, withTimes, type AttemptRecord } from '../record-rows.ts';
import { literalLine } from '../terminal/literal.ts';
import { table, type Column } from '../terminal/table.ts';
import { plural } from '../terminal/wording.ts';

const DEFAULT_LIMIT = 20;

export const jobs = defineCommand({
  arguments: { '[id]': 'a job, by id or by the first digits of one' },
  options: {
    limit: integer('-n, --limit <n>', `how many jobs, newest first (default: ${DEFAULT_LIMIT}), or how many runs of one (default: all)`, {
      min: 1,
    }),
  },
  notes: `Reads the record in .hud of the current directory, or in HUD_DIR.
A job whose process was killed is told as interrupted. Of several attempts at one repeat the newest
counts; the others are dimmed, and \`hud trace\` shows them too.`,
  run: async ({ args: [id], options }, context) => {
    await using store = await openRecord(context);
    if (id !== undefined) return await oneJob(store, id, options.limit, context);
    return await allJobs(store, options.limit ?? DEFAULT_LIMIT, context);
  },
});

async function allJobs(store: Store | undefined, limit: number, context: Context): Promise<Result> {
  const { items, nextCursor } = store === undefined ? { items: [] } : await store.listJobs({ limit });
  const listed = store === undefined ? [] : await withStates(store, items);
  if (items.length === 0) context.note(`Nothing is recorded in ${recordDirectory(context)} yet; \`hud eval\` records there.`);
  if (nextCursor !== undefined)
    context.note(`Only the newest ${items.length === 1 ? 'is' : `${items.length} are`} listed; --limit ${limit * 2} lists more.`);
  noteInterrupted(listed, context);
  const columns = [
    { header: 'id' },
    { header: 'name', shrinks: { min: 8 } },
    { header: 'taskset', shrinks: { min: 7 } },
    { header: 'agent', shrinks: { min: 6 } },
    { header: 'status' },
    { header: 'created' },
  ];
  const rows = listed.map((job) => [
    shortId(job.id, context),
    job.name,
    job.tasksetName ?? '',
    job.model ?? job.agent ?? '',
    job.state,
    when(job.createdAt, context),
  ]);
  return {
    json: listed.map(({ state, ...job }) => ({ ...withTimes(encode(JobRecord, job) as JsonObject), status: state })),
    text: () => (rows.length === 0 ? [] : table(columns, rows, context.out, paintStatus(context))),
  };
}

async function oneJob(store: Store | undefined, id: string, limit: number | undefined, context: Context): Promise<Result> {
  const found = await store?.getJob(id.replaceAll('-', '').toLowerCase());
  const [job] = store === undefined || found === undefined ? [] : await withStates(store, [found]);
  if (store === undefined || job === undefined) throw notRecorded(`job '${id}'`, context);
  const runs = withAttempts(await Array.fromAsync(runsOf(store, job.id)));
  const shown = runs.slice(0, limit);
  if (shown.length < runs.length) context.note(`Only the first ${shown.length} of ${runs.length} are listed.`);
  if (isStopped(job) && job.config.command === 'eval') context.note(resumeHint(job));
  return {
    json: shown.map(({ supersededBy, attempts: _attempts, ...run }) => ({
      ...withTimes(encode(RunRecord, run) as JsonObject),
      ...(supersededBy === undefined ? {} : { superseded_by: supersededBy.traceId }),
    })),
    text: () => [...(context.out.isTTY ? [...headLines(job, runs, context), ''] : []), ...runTable(job, shown, context)],
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

/** Numbers are over the newest attempt of each repeat. */
function headLines(job: JobWithState, runs: readonly AttemptRecord[], context: Context): string[] {
  const { bold } = context.out;
  const newest = runs.filter(({ supersededBy }) => supersededBy === undefined);
  const rewards = newest.filter((run) => run.class === 'graded').map((run) => run.reward ?? 0);
  const faults = Map.groupBy(
    newest.filter((run) => run.class !== 'graded'),
    (run) => run.class ?? unended(job),
  );
  const parts = [
    rewards.length === 0
      ? 'no reward yet'
      : `mean reward ${(rewards.reduce((sum, one) => sum + one, 0) / rewards.length).toFixed(3)} (n = ${rewards.length})`,
    ...[...faults].map(([kind, { length }]) => `${length} ${kind}`),
    ...(newest.length === runs.length ? [] : [`${plural(runs.length - newest.length, 'superseded attempt')} not counted`]),
  ];
  return [
    `${bold(literalLine(job.name))}  ${job.state}, ${plural(newest.length, 'run')}, ${when(job.createdAt, context)}`,
    ...(newest.length === 0 ? [] : [parts.join(', ')]),
  ];
}

function runTable(job: JobWithState, runs: readonly AttemptRecord[], context: Context): string[] {
  const { out } = context;
  const showsAttempts = !out.isTTY || runs.some(({ attempts }) => attempts > 1);
  const columns: Column[] = [
    { header: 'trace' },
    { header: 'task', shrinks: { min: 10 } },
    { header: '#', align: 'right' },
    ...(showsAttempts ? [{ header: 'attempt' }] : []),
    { header: 'end' },
    { header: 'reward', align: 'right' },
    { header: 'started' },
    { header: 'error', shrinks: { min: 10 } },
  ];
  const rows = runs.map((run) => [
    shortId(run.traceId, context),
    run.slug,
    String(run.repeat + 1),
    ...(showsAttempts ? [run.attempts === 1 ? String(run.attempt) : `${run.attempt} of ${run.attempts}`] : []),
    run.class ?? unended(job),
    run.reward?.toFixed(3) ?? '-',
    when(run.startedAt, context),
    run.error?.message ?? '',
  ]);
  const paint = paintStatus(context);
  return table(columns, rows, out, (cell, at) => (runs[at]?.supersededBy === undefined ? paint(cell) : out.dim(cell)));
}

/** The end of a run that has none. */
function unended({ state }: JobWithState): 'running' | 'interrupted' {
  return state === 'running' ? 'running' : 'interrupted';
}

function paintStatus({ out }: Context): (cell: string) => string {
  return (cell) => {
    const word = cell.trim();
    if (word === 'graded' || word === 'completed') return out.green(cell);
    if (word === 'running') return out.yellow(cell);
    return ['interrupted', 'boot', 'agent', 'limit', 'provider', 'sandbox', 'grader', 'cancelled', 'timeout', 'failed'].includes(word)
      ? out.red(cell)
      : cell;
  };
}
