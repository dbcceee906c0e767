/** The tables of `hud.db`, one migration a version. Released ones never change; a new version is a new entry. */

export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE jobs (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, "group" INTEGER NOT NULL, status TEXT NOT NULL,
    taskset_name TEXT, taskset_id TEXT, agent TEXT, model TEXT, error TEXT,
    created_at INTEGER NOT NULL, ended_at INTEGER, config TEXT NOT NULL
  ) STRICT;
  CREATE INDEX jobs_by_time ON jobs (created_at DESC, id);

  CREATE TABLE tasks (
    job_id TEXT NOT NULL REFERENCES jobs (id), slug TEXT NOT NULL, position INTEGER NOT NULL, "row" TEXT NOT NULL,
    PRIMARY KEY (job_id, slug)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE runs (
    trace_id TEXT PRIMARY KEY, job_id TEXT NOT NULL REFERENCES jobs (id), slug TEXT NOT NULL, task_id TEXT NOT NULL,
    repeat INTEGER NOT NULL, attempt INTEGER NOT NULL, group_id TEXT, agent TEXT, model TEXT, started_at INTEGER NOT NULL,
    class TEXT, status TEXT, stop_reason TEXT, reward REAL, grade TEXT, answer TEXT, error TEXT, runtime TEXT,
    steps INTEGER, prompt_tokens INTEGER, completion_tokens INTEGER, cost_usd REAL, ended_at INTEGER
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
    job_id TEXT, trace_id TEXT, created_at INTEGER NOT NULL, deadline INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
];
