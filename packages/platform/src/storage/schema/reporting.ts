/** Indexes for lists of runs: the tables are those of the record. */
import { sql, type Kysely } from 'kysely';

export async function createReporting(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  'CREATE INDEX runs_by_time ON runs (job_id, started_at, trace_id)', // the runs of a job, newest first
  'CREATE INDEX runs_unended_by_job ON runs (job_id) WHERE class IS NULL',
  'CREATE INDEX runs_unended_by_team ON runs (team_id) WHERE class IS NULL',
];
