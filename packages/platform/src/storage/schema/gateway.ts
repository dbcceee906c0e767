/** Tables of the gateway: model calls, budgets, recorded replies. */
import { sql, type Kysely } from 'kysely';

export interface GatewayTables {
  model_calls: ModelCallsTable;
  budgets: BudgetsTable;
  recorded_calls: RecordedCallsTable;
}

/** One row is one call that a client made, however often it tried. Its job is that of its run. */
export interface ModelCallsTable {
  id: string;
  team_id: string;
  key_id: string | null;
  user_id: string | null;
  trace_id: string | null;
  /** As it was asked for. */
  model: string;
  upstream: string;
  dialect: string;
  tries: number;
  /** Id of the newest try: the same try is counted once, however often it is written. */
  last_try: string;
  status: string;
  http_status: number;
  prompt_tokens: number | null;
  completion_tokens: number | null;
  cached_tokens: number | null;
  cache_write_tokens: number | null;
  reasoning_tokens: number | null;
  /** USD; null when unknown. */
  cost_usd: number | null;
  /** What budgets count: the cost; where that is unknown, what was held back for it. */
  charged_usd: number;
  started_at: number;
  first_byte_ms: number | null;
  latency_ms: number;
  /** `YYYY-MM-DD`, UTC: of its start. */
  day: string;
}

export interface BudgetsTable {
  team_id: string;
  scope: string;
  /** Empty for the team's own. */
  scope_id: string;
  period: string;
  limit_usd: number;
  /** 0 or 1. */
  allow_unknown_price: number;
}

/** A request, as a hash of what it asks, and its reply. */
export interface RecordedCallsTable {
  /** Of the call. */
  id: string;
  team_id: string;
  trace_id: string;
  /** SHA-256 of the request without what changes from run to run. */
  request_hash: string;
  /** JSON: hashes of the request's parts, to name what differs. */
  parts: string;
  /** The reply's bytes in base64; null when a blob has them. */
  reply: string | null;
  /** SHA-256 of the blob that has a long reply. */
  reply_blob: string | null;
  size_bytes: number;
  started_at: number;
}

export async function createGateway(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS = [
  `CREATE TABLE model_calls (
    id text PRIMARY KEY, team_id text NOT NULL, key_id text, user_id text, trace_id text,
    model text NOT NULL, upstream text NOT NULL, dialect text NOT NULL,
    tries bigint NOT NULL, last_try text NOT NULL, status text NOT NULL, http_status bigint NOT NULL,
    prompt_tokens bigint, completion_tokens bigint, cached_tokens bigint, cache_write_tokens bigint, reasoning_tokens bigint,
    cost_usd double precision, charged_usd double precision NOT NULL,
    started_at double precision NOT NULL, first_byte_ms double precision, latency_ms double precision NOT NULL, day text NOT NULL
  )`,
  'CREATE INDEX model_calls_by_time ON model_calls (team_id, started_at)',
  'CREATE INDEX model_calls_by_trace ON model_calls (trace_id, started_at, id)',
  'CREATE INDEX model_calls_by_key ON model_calls (key_id, started_at)',
  `CREATE TABLE budgets (
    team_id text NOT NULL, scope text NOT NULL, scope_id text NOT NULL, period text NOT NULL,
    limit_usd double precision NOT NULL, allow_unknown_price bigint NOT NULL,
    PRIMARY KEY (team_id, scope, scope_id, period)
  )`,
  `CREATE TABLE recorded_calls (
    id text PRIMARY KEY, team_id text NOT NULL, trace_id text NOT NULL, request_hash text NOT NULL, parts text NOT NULL,
    reply text, reply_blob text, size_bytes bigint NOT NULL, started_at double precision NOT NULL
  )`,
  'CREATE INDEX recorded_calls_by_trace ON recorded_calls (trace_id, started_at, id)',
];
