/** Bare Node: the same spans into one table with the same indexes, waiting for the disk after each group: node sqlite-inserts.ts <folder> */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { answer } from '../worker.ts';
import { makeSpans } from './ingest-spans.ts';

const GROUP = 200;

const database = new DatabaseSync(join(process.argv[2] ?? '', 'floor.db'));
database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS spans (
    seq INTEGER PRIMARY KEY, trace_id TEXT NOT NULL, span_id TEXT NOT NULL, name TEXT NOT NULL,
    start_time TEXT NOT NULL, end_time TEXT NOT NULL, status_code TEXT NOT NULL, body TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX IF NOT EXISTS spans_once ON spans (trace_id, span_id);
  CREATE INDEX IF NOT EXISTS spans_in_order ON spans (trace_id, seq);`);
const insert = database.prepare(
  'INSERT OR IGNORE INTO spans (trace_id, span_id, name, start_time, end_time, status_code, body) VALUES (?, ?, ?, ?, ?, ?, ?)',
);

await answer(async ({ n = 40_000 }) => {
  const spans = makeSpans(Number(n));
  const startedAt = performance.now();
  for (let at = 0; at < spans.length; at += GROUP) {
    database.exec('BEGIN IMMEDIATE');
    for (const { traceId, spanId, text } of spans.slice(at, at + GROUP)) {
      insert.run(traceId, spanId, 'step.agent', '2026-08-21T10:00:00.125000Z', '2026-08-21T10:00:02.500000Z', 'OK', text);
    }
    database.exec('COMMIT');
  }
  return { rate: spans.length / ((performance.now() - startedAt) / 1000) };
});
