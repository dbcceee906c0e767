/** A job of the record as `hud resume` and `hud retry` see it: how it was run, and which of its repeats stand how. */
import { Job, Taskset } from '../../eval/index.ts';
import { Journal } from '../../eval/journal.ts';
import { recordedRun } from '../../eval/run-record.ts';
import { HudError, type RunClass } from '../../protocol/errors.ts';
import type { RunRecord } from '../../protocol/record.ts';
import { Task } from '../../protocol/task.ts';
import { JOB_LEASE, type Store } from '../../store/index.ts';
import type { Context } from '../command.ts';
import { isStopped, withStates, type JobWithState } from '../job-state.ts';
import { recordDirectory } from '../record.ts';
import { readRecorded, type RecordedEval } from './recorded.ts';

export interface RecordedJob {
  store: Store;
  job: JobWithState;
  how: RecordedEval;
  tasks: Taskset;
  /** Its newest attempt, for every repeat of every task; undefined for those that never started. */
  slots: { task: Task; newest: RunRecord | undefined }[];
  /** Newest attempts by class. */
  counts: ReadonlyMap<RunClass, number>;
  /** Repeats that never started, never ended, or were interrupted. */
  unfinished: number;
}

const PAGE = 100;

/**
 * @param id or its first digits; undefined: the newest job that was stopped, and that `hud eval` began
 * @throws HudError JOB_NOT_FOUND; JOB_RUNNING while a living process runs it; BAD_ARGUMENT when it can't be gone on with
 */
export async function readRecordedJob(store: Store | undefined, id: string | undefined, context: Context): Promise<RecordedJob> {
  const job = store === undefined ? undefined : id === undefined ? await newestStopped(store) : await findJob(store, id);
  if (store === undefined || job === undefined) throw notFound(id, context);
  const how = readRecorded(job);
  if (job.state === 'running') await refuseRunning(store, job);
  const journal = await Journal.read(store, job);
  const tasks = (await store.listTasks(job.id)).map(({ row }) => Task.parse(row));
  const slots = tasks.flatMap((task) =>
    Array.from({ length: job.group }, (_, repeat) => ({ task, newest: journal.get(task.slug, repeat) })),
  );
  const counts = new Map<RunClass, number>();
  for (const { newest } of slots) if (newest?.class !== undefined) counts.set(newest.class, (counts.get(newest.class) ?? 0) + 1);
  return {
    store,
    job,
    how,
    tasks: new Taskset(job.tasksetName, tasks, job.tasksetId === undefined ? {} : { tasksetId: job.tasksetId }),
    slots,
    counts,
    unfinished: slots.filter(({ newest }) => newest?.class === undefined || newest.class === 'cancelled').length,
  };
}

/**
 * The receipt of a job of which nothing is left to run. One whose process was killed after its last run,
 * before it could say so, is marked as completed.
 * @throws HudError STORE_*, JOB_RUNNING
 */
export async function completeJob(recorded: RecordedJob): Promise<Job> {
  const { store, job, tasks } = recorded;
  if (job.state === 'completed') return receiptOf(recorded);
  const resumed = await Job.resume(job.id, { store });
  await resumed.plan([...tasks], resumed.group, []);
  await resumed.end();
  return resumed;
}

/** The job as the record has it; nothing is written. */
export function receiptOf({ store, job, slots }: RecordedJob): Job {
  const { id, name, group, tasksetId, tasksetName } = job;
  const receipt = new Job({
    id,
    name,
    group,
    store,
    ...(tasksetId === undefined ? {} : { tasksetId }),
    ...(tasksetName === undefined ? {} : { tasksetName }),
  });
  for (const [order, { task, newest }] of slots.entries()) {
    if (newest?.class !== undefined) receipt.add(recordedRun(newest, task), order);
  }
  return receipt;
}

async function findJob(store: Store, id: string): Promise<JobWithState | undefined> {
  const job = await store.getJob(id);
  return job === undefined ? undefined : (await withStates(store, [job]))[0];
}

async function newestStopped(store: Store): Promise<JobWithState | undefined> {
  let cursor: string | undefined;
  do {
    const page = await store.listJobs({ limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
    const found = (await withStates(store, page.items)).find((job) => isStopped(job) && job.config.command === 'eval');
    if (found !== undefined) return found;
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return undefined;
}

/** The store's own check comes after an agent is made, which may fail for want of a key. */
async function refuseRunning(store: Store, { id }: JobWithState): Promise<never> {
  const lease = (await store.listLeases()).find(({ kind, jobId }) => kind === JOB_LEASE && jobId === id);
  throw new HudError('JOB_RUNNING', `Job ${id.slice(0, 8)} is being run by process ${lease?.owner.split(':')[0] ?? '?'}.`, {
    hint: 'Wait until it is done, or interrupt that process; what it has finished stays.',
  });
}

function notFound(id: string | undefined, context: Context): HudError {
  const where = recordDirectory(context);
  return id === undefined
    ? new HudError('JOB_NOT_FOUND', `No job in ${where} was stopped before its end.`, {
        hint: '`hud jobs` lists what is there; `hud eval` begins a new one.',
      })
    : new HudError('JOB_NOT_FOUND', `There is no job '${id}' in ${where}.`, {
        hint: '`hud jobs` lists what is there. HUD_DIR names another record.',
      });
}
