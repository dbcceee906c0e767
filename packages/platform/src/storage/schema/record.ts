/** The tables of the record, as `hud/store` has them in SQLite; on PostgreSQL they are made here, column for column. */
import { sql, type Generated, type Kysely } from 'kysely';

export interface RecordTables {
  jobs: JobsTable;
  tasks: TasksTable;
  runs: RunsTable;
  spans: SpansTable;
  blobs: BlobsTable;
  leases: LeasesTable;
}

/** Times are milliseconds since 1970; what is declared an object in `hud/protocol` is JSON text. */
interface JobsTable {
  id: string;
  name: string;
  group: number;
  status: string;
  taskset_name: string | null;
  taskset_id: string | null;
  agent: string | null;
  model: string | null;
  error: string | null;
  created_at: number;
  ended_at: number | null;
  config: string;
  /** Who owns it; empty in a record that has no teams. */
  team_id: Generated<string>;
  reported_to: string | null;
  reported_at: number | null;
}

interface TasksTable {
  job_id: string;
  slug: string;
  position: number;
  row: string;
}

interface RunsTable {
  trace_id: string;
  job_id: string;
  slug: string;
  task_id: string;
  repeat: number;
  attempt: number;
  group_id: string | null;
  agent: string | null;
  model: string | null;
  started_at: number;
  class: string | null;
  status: string | null;
  stop_reason: string | null;
  reward: number | null;
  grade: string | null;
  answer: string | null;
  error: string | null;
  runtime: string | null;
  steps: number | null;
  prompt_tokens: number | null;
  completion_tokens: number | null;
  cost_usd: number | null;
  ended_at: number | null;
  team_id: Generated<string>;
  /** The id as its driver spells it, when that is not the trace id. */
  alias: string | null;
  metadata: string | null;
  /** When something of it came last. */
  seen_at: number | null;
  cancel_requested_at: number | null;
}

interface SpansTable {
  seq: Generated<number>;
  trace_id: string;
  span_id: string;
  name: string;
  start_time: string;
  end_time: string;
  status_code: string;
  body: string;
}

interface BlobsTable {
  sha256: string;
  media_type: string;
  size_bytes: number;
}

interface LeasesTable {
  id: string;
  kind: string;
  target: string;
  owner: string;
  job_id: string | null;
  trace_id: string | null;
  created_at: number;
  deadline: number;
}

/** PostgreSQL only: the file of SQLite has them from `hud/store`. Text is compared by bytes, as SQLite does. */
export async function createRecord(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  `CREATE TABLE jobs (
    id text COLLATE "C" PRIMARY KEY, name text NOT NULL, "group" bigint NOT NULL, status text NOT NULL,
    taskset_name text, taskset_id text, agent text, model text, error text,
    created_at double precision NOT NULL, ended_at double precision, config text NOT NULL,
    team_id text COLLATE "C" NOT NULL DEFAULT '', reported_to text, reported_at double precision
  )`,
  'CREATE INDEX jobs_by_time ON jobs (created_at, id)',
  'CREATE INDEX jobs_by_team ON jobs (team_id, created_at, id)',
  `CREATE TABLE tasks (
    job_id text COLLATE "C" NOT NULL REFERENCES jobs (id), slug text COLLATE "C" NOT NULL, position bigint NOT NULL, "row" text NOT NULL,
    PRIMARY KEY (job_id, slug)
  )`,
  'CREATE UNIQUE INDEX tasks_in_order ON tasks (job_id, position, slug)',
  `CREATE TABLE runs (
    trace_id text COLLATE "C" PRIMARY KEY, job_id text COLLATE "C" NOT NULL REFERENCES jobs (id), slug text COLLATE "C" NOT NULL,
    task_id text NOT NULL, repeat bigint NOT NULL, attempt bigint NOT NULL, group_id text, agent text, model text,
    started_at double precision NOT NULL, class text, status text, stop_reason text, reward double precision, grade text,
    answer text, error text, runtime text, steps bigint, prompt_tokens bigint, completion_tokens bigint,
    cost_usd double precision, ended_at double precision,
    team_id text COLLATE "C" NOT NULL DEFAULT '', alias text, metadata text, seen_at double precision, cancel_requested_at double precision
  )`,
  'CREATE UNIQUE INDEX runs_by_slot ON runs (job_id, slug, repeat, attempt)',
  'CREATE INDEX runs_unended ON runs (seen_at) WHERE class IS NULL',
  `CREATE TABLE spans (
    seq bigserial PRIMARY KEY, trace_id text COLLATE "C" NOT NULL, span_id text COLLATE "C" NOT NULL, name text NOT NULL,
    start_time text NOT NULL, end_time text NOT NULL, status_code text NOT NULL, body text NOT NULL
  )`,
  'CREATE UNIQUE INDEX spans_once ON spans (trace_id, span_id)',
  'CREATE INDEX spans_in_order ON spans (trace_id, seq)',
  'CREATE TABLE blobs (sha256 text COLLATE "C" PRIMARY KEY, media_type text NOT NULL, size_bytes bigint NOT NULL)',
  `CREATE TABLE leases (
    id text COLLATE "C" PRIMARY KEY, kind text NOT NULL, target text NOT NULL, owner text NOT NULL,
    job_id text, trace_id text, created_at double precision NOT NULL, deadline double precision NOT NULL
  )`,
];
