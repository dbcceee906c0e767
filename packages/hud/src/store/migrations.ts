/** The tables of `hud.db`, one entry a version. Released entries never change; a new version is a new entry. */
import type { DatabaseSync } from 'node:sqlite';
import { HudError } from '../protocol/errors.ts';
import { damaged } from './store-errors.ts';

const TABLES = ['jobs', 'tasks', 'runs', 'spans', 'blobs', 'leases'] as const;

const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE jobs (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, "group" INTEGER NOT NULL, status TEXT NOT NULL,
    taskset_name TEXT, taskset_id TEXT, agent TEXT, model TEXT, error TEXT,
    created_at REAL NOT NULL, ended_at REAL, config TEXT NOT NULL
  ) STRICT;
  CREATE INDEX jobs_by_time ON jobs (created_at, id);

  CREATE TABLE tasks (
    job_id TEXT NOT NULL REFERENCES jobs (id), slug TEXT NOT NULL, position INTEGER NOT NULL, "row" TEXT NOT NULL,
    PRIMARY KEY (job_id, slug)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE runs (
    trace_id TEXT PRIMARY KEY, job_id TEXT NOT NULL REFERENCES jobs (id), slug TEXT NOT NULL, task_id TEXT NOT NULL,
    repeat INTEGER NOT NULL, attempt INTEGER NOT NULL, group_id TEXT, agent TEXT, model TEXT, started_at REAL NOT NULL,
    class TEXT, status TEXT, stop_reason TEXT, reward REAL, grade TEXT, answer TEXT, error TEXT, runtime TEXT,
    steps INTEGER, prompt_tokens INTEGER, completion_tokens INTEGER, cost_usd REAL, ended_at REAL
  ) STRICT;
  CREATE INDEX runs_by_slot ON runs (job_id, slug, repeat, attempt);

  CREATE TABLE spans (
    seq INTEGER PRIMARY KEY, trace_id TEXT NOT NULL, span_id TEXT NOT NULL, name TEXT NOT NULL,
    start_time TEXT NOT NULL, end_time TEXT NOT NULL, status_code TEXT NOT NULL, body TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX spans_once ON spans (trace_id, span_id);
  CREATE INDEX spans_in_order ON spans (trace_id, seq);

  CREATE TABLE blobs (
    sha256 TEXT PRIMARY KEY, media_type TEXT NOT NULL, size_bytes INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE leases (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, target TEXT NOT NULL, owner TEXT NOT NULL,
    job_id TEXT, trace_id TEXT, created_at REAL NOT NULL, deadline REAL NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- One job could run the same repeat several times; those become attempts, in the order in which they began.
  UPDATE runs SET attempt = (
    SELECT count(*) FROM runs AS other
    WHERE other.job_id = runs.job_id AND other.slug = runs.slug AND other.repeat = runs.repeat
      AND (other.started_at, other.trace_id) <= (runs.started_at, runs.trace_id)
  );
  DROP INDEX runs_by_slot;
  CREATE UNIQUE INDEX runs_by_slot ON runs (job_id, slug, repeat, attempt);
  `,
  // Runs are listed in the order of their tasks: this one gives the tasks, runs_by_slot the runs of each.
  'CREATE UNIQUE INDEX tasks_in_order ON tasks (job_id, position, slug);',
  // What a platform keeps beside: whose it is, and what is told about a run while it goes on. Where a job was sent to.
  `
  ALTER TABLE jobs ADD COLUMN team_id TEXT NOT NULL DEFAULT '';
  ALTER TABLE jobs ADD COLUMN reported_to TEXT;
  ALTER TABLE jobs ADD COLUMN reported_at REAL;
  CREATE INDEX jobs_by_team ON jobs (team_id, created_at, id);
  ALTER TABLE runs ADD COLUMN team_id TEXT NOT NULL DEFAULT '';
  ALTER TABLE runs ADD COLUMN alias TEXT;
  ALTER TABLE runs ADD COLUMN metadata TEXT;
  ALTER TABLE runs ADD COLUMN seen_at REAL;
  ALTER TABLE runs ADD COLUMN cancel_requested_at REAL;
  CREATE INDEX runs_unended ON runs (seen_at) WHERE class IS NULL;
  `,
];

/**
 * Is the file at the current version? Changes nothing.
 * @returns false when it is empty, or of an older version
 * @throws HudError STORE_DAMAGED when it belongs to another program, lost tables, or is of a newer version
 */
export function isCurrent(db: DatabaseSync, location: string): boolean {
  const version = versionOf(db);
  const tables = db
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
    .all()
    .map((row) => row.name);
  if (tables.length === 0 && version === 0) return false;
  const missing = TABLES.filter((name) => !tables.includes(name));
  if (version === 0 || missing.length === TABLES.length) throw damaged(location, 'it is a database of another program');
  if (version > MIGRATIONS.length) throw newer(version, location);
  if (version < MIGRATIONS.length) return false;
  if (missing.length > 0) throw damaged(location, `it has no table ${missing.join(', ')}`);
  return true;
}

/** Brings the file to the current version, or leaves it as it was. Two processes may do so at once. */
export function migrate(db: DatabaseSync, location: string): void {
  db.exec('BEGIN IMMEDIATE');
  try {
    if (!isCurrent(db, location)) {
      for (const migration of MIGRATIONS.slice(versionOf(db))) db.exec(migration);
      db.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
    }
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

function versionOf(db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.user_version);
}

function newer(version: number, location: string): HudError {
  const formats = `its format is ${version}, this one knows ${MIGRATIONS.length}`;
  return new HudError('STORE_DAMAGED', `${location} was written by a newer version of this package (${formats}).`, {
    hint: 'Update the package: npm install hud@latest. Nothing was changed.',
  });
}
