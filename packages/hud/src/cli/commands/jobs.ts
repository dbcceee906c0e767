import { encode } from '../../protocol/codec.ts';
import { JobRecord, RunRecord } from '../../protocol/record.ts';
import { normalizeTraceId } from '../../protocol/ids.ts';
import type { JsonObject } from '../../protocol/json.ts';
import type { Store } from '../../store/index.ts';
import { defineCommand, type Context, type Result } from '../command.ts';
import { integer } from '../options.ts';
import { notRecorded, openRecord, recordDirectory } from '../record.ts';
import { table } from '../terminal/table.ts';
import { ago, plural } from '../terminal/wording.ts';

const DEFAULT_LIMIT = 20;

export const jobs = defineCommand({
  arguments: { '[id]': 'a job, by id or by the first digits of one' },
  options: {
    limit: integer('-n, --limit <n>', `how many jobs, newest first (default: ${DEFAULT_LIMIT}), or how many runs of one (default: all)`, {
      min: 1,
    }),
  },
  notes: 'Reads the record in .hud of the current directory, or in HUD_DIR.',
  run: async ({ args: [id], options }, context) => {
    await using store = await openRecord(context);
    if (id !== undefined) return await oneJob(store, id, options.limit, context);
    return await allJobs(store, options.limit ?? DEFAULT_LIMIT, context);
  },
});

async function allJobs(store: Store | undefined, limit: number, context: Context): Promise<Result> {
  const { items, nextCursor } = store === undefined ? { items: [] } : await store.listJobs({ limit });
  if (items.length === 0) context.note(`Nothing is recorded in ${recordDirectory(context)} yet; \`hud eval\` records there.`);
  if (nextCursor !== undefined)
    context.note(`Only the newest ${items.length === 1 ? 'is' : `${items.length} are`} listed; --limit ${limit * 2} lists more.`);
  const columns = [
    { header: 'id' },
    { header: 'name', shrinks: { min: 8 } },
    { header: 'taskset', shrinks: { min: 7 } },
    { header: 'agent', shrinks: { min: 6 } },
    { header: 'status' },
    { header: 'created' },
  ];
  return {
    json: items.map((job) => withTimes(encode(JobRecord, job) as JsonObject)),
    text: () =>
      items.length === 0
        ? []
        : table(
            columns,
            items.map((job) => [
              shortId(job.id, context),
              job.name,
              job.tasksetName ?? '',
              job.model ?? job.agent ?? '',
              job.status,
              when(job.createdAt, context),
            ]),
            context.out,
            paintStatus(context),
          ),
  };
}

async function oneJob(store: Store | undefined, id: string, limit: number | undefined, context: Context): Promise<Result> {
  const job = await store?.getJob(id.replaceAll('-', '').toLowerCase());
  if (store === undefined || job === undefined) throw notRecorded(`job '${id}'`, context);
  const runs = await allRuns(store, job.id, limit);
  const columns = [
    { header: 'trace' },
    { header: 'task', shrinks: { min: 10 } },
    { header: '#', align: 'right' as const },
    { header: 'end' },
    { header: 'reward', align: 'right' as const },
    { header: 'started' },
    { header: 'error', shrinks: { min: 10 } },
  ];
  return {
    json: runs.map((run) => withTimes(encode(RunRecord, run) as JsonObject)),
    text: () => [
      ...(context.out.isTTY
        ? [`${context.out.bold(job.name)}  ${job.status}, ${plural(runs.length, 'run')}, ${when(job.createdAt, context)}`, '']
        : []),
      ...table(
        columns,
        runs.map((run) => [
          shortId(run.traceId, context),
          run.slug,
          String(run.repeat + 1),
          run.class ?? 'running',
          run.reward?.toFixed(3) ?? '-',
          when(run.startedAt, context),
          run.error?.message ?? '',
        ]),
        context.out,
        paintStatus(context),
      ),
    ],
  };
}

async function allRuns(store: Store, jobId: string, limit = Number.MAX_SAFE_INTEGER): Promise<RunRecord[]> {
  const runs: RunRecord[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.listRuns(jobId, { limit: Math.min(1_000, limit - runs.length), ...(cursor === undefined ? {} : { cursor }) });
    runs.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== undefined && runs.length < limit);
  return runs;
}

/** Times as the platform spells them: ISO 8601 in UTC. */
function withTimes(row: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(row).map(([key, value]) => [
      key,
      key.endsWith('_at') && typeof value === 'number' ? new Date(value).toISOString() : value,
    ]),
  );
}

/** Enough digits for people to copy; all of them for programs. */
function shortId(id: string, { out }: Context): string {
  return out.isTTY ? normalizeTraceId(id).slice(0, 12) : id;
}

function when(time: number, { out }: Context): string {
  return out.isTTY ? ago(time, Date.now()) : new Date(time).toISOString();
}

function paintStatus({ out }: Context): (cell: string) => string {
  return (cell) => {
    const word = cell.trim();
    if (word === 'graded' || word === 'completed') return out.green(cell);
    if (word === 'running') return out.yellow(cell);
    return ['boot', 'agent', 'limit', 'provider', 'sandbox', 'grader', 'cancelled', 'timeout', 'failed'].includes(word)
      ? out.red(cell)
      : cell;
  };
}
