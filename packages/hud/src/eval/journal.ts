/** What the record already holds of a job: which repeats are done, and how often each was tried. */
import { HudError, type RunClass } from '../protocol/errors.ts';
import { stringifyJson } from '../protocol/json.ts';
import type { JobRecord, RunRecord } from '../protocol/record.ts';
import type { Task } from '../protocol/task.ts';
import type { Store } from '../store/index.ts';

const PAGE = 5_000;

export class Journal {
  readonly job: JobRecord;
  /** Newest attempt of each repeat, by {@link keyOf}. */
  readonly #newest: Map<string, RunRecord>;
  /** Task rows as text, by slug. */
  readonly #rows: Map<string, string>;

  private constructor(job: JobRecord, newest: Map<string, RunRecord>, rows: Map<string, string>) {
    this.job = job;
    this.#newest = newest;
    this.#rows = rows;
  }

  /** @throws HudError STORE_* */
  static async read(store: Store, job: JobRecord): Promise<Journal> {
    const newest = new Map<string, RunRecord>();
    let cursor: string | undefined;
    do {
      const page = await store.listRuns(job.id, { limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
      for (const run of page.items) newest.set(keyOf(run.slug, run.repeat), run); // attempts come in order
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    const rows = new Map((await store.listTasks(job.id)).map(({ slug, row }) => [slug, stringifyJson(row)]));
    return new Journal(job, newest, rows);
  }

  get(slug: string, repeat: number): RunRecord | undefined {
    return this.#newest.get(keyOf(slug, repeat));
  }

  /** Is there an end that stays? A graded one always does. */
  isDone(run: RunRecord | undefined, rerun: readonly RunClass[]): run is RunRecord {
    return run?.class !== undefined && (run.class === 'graded' || !rerun.includes(run.class));
  }

  /** @throws HudError BAD_TASK when a task is not the one that the job recorded under its slug */
  checkSame(tasks: readonly Task[]): void {
    const changed = tasks.filter((task) => (this.#rows.get(task.slug) ?? stringifyJson(task.toJSON())) !== stringifyJson(task.toJSON()));
    if (changed.length === 0) return;
    const names = changed.slice(0, 5).map((task) => task.slug);
    throw new HudError(
      'BAD_TASK',
      `${names.join(', ')}${changed.length > 5 ? ` and ${changed.length - 5} more` : ''} changed since job ${this.job.id} began.`,
      { hint: 'Runs of two versions of a task must not share a mean: start a new job, or give the changed task another slug.' },
    );
  }
}

function keyOf(slug: string, repeat: number): string {
  return `${repeat} ${slug}`;
}
