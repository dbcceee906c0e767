/** Whose a run is, asked of the database once in a while. */
import type { Context } from '../../context.ts';
import type { Db } from '../../storage/database.ts';
import { inTransaction } from '../../storage/transaction.ts';
import { touchRun } from '../../storage/runs/touch-run.ts';
import { Recent } from './recent.ts';

/** How long the answer holds, in milliseconds; the time of a run's last news is written as often. */
const HOLDS_MS = 5_000;
const MOST = 50_000;

interface Known {
  jobId: string;
  at: number;
}

export class KnownRuns {
  readonly #context: Pick<Context, 'db' | 'now'>;
  readonly #known = new Recent<Known>(MOST);

  constructor(context: Pick<Context, 'db' | 'now'>) {
    this.#context = context;
  }

  /**
   * Makes the runs that nobody told of yet.
   * @param given how their driver spells the id of each, where that is known
   * @returns the job of each; those of other teams are absent
   */
  async own(teamId: string, traceIds: Iterable<string>, given?: string): Promise<Map<string, string>> {
    const jobs = new Map<string, string>();
    const unknown: string[] = [];
    const now = this.#context.now();
    for (const traceId of traceIds) {
      const known = this.#known.get(keyOf(teamId, traceId));
      if (known !== undefined && now - known.at < HOLDS_MS) jobs.set(traceId, known.jobId);
      else unknown.push(traceId);
    }
    const touch = async (db: Db): Promise<void> => {
      for (const traceId of unknown.toSorted()) {
        const run = await touchRun(db, teamId, { traceId: given ?? traceId, now });
        if (run !== undefined) jobs.set(traceId, run.jobId);
      }
    };
    if (unknown.length === 1) await touch(this.#context.db);
    else if (unknown.length > 1) await inTransaction(this.#context.db, touch); // one wait for the disk
    for (const traceId of unknown) this.note(teamId, traceId, jobs.get(traceId));
    return jobs;
  }

  /** Is it known to be of another team? Makes nothing. */
  async isForeign(teamId: string, traceId: string): Promise<boolean> {
    if (this.#known.get(keyOf(teamId, traceId)) !== undefined) return false;
    const row = await this.#context.db.selectFrom('runs').select('team_id').where('trace_id', '=', traceId).executeTakeFirst();
    return row !== undefined && row.team_id !== teamId;
  }

  note(teamId: string, traceId: string, jobId: string | undefined): void {
    if (jobId !== undefined) this.#known.set(keyOf(teamId, traceId), { jobId, at: this.#context.now() });
  }
}

function keyOf(teamId: string, traceId: string): string {
  return `${teamId} ${traceId}`;
}
