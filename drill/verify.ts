/** What must hold of the record, told from the drill's own books: nothing lost, graded twice or changed. */
import { DatabaseSync } from 'node:sqlite';
import type { Graded, Told } from './books.ts';
import type { Slot } from './load.ts';

/** A row of the store's runs. */
export interface RecordedRun {
  load: string;
  slug: string;
  repeat: number;
  attempt: number;
  traceId: string;
  class: string | null;
  reward: number | null;
}

export interface Evidence {
  slots: readonly Slot[];
  runs: readonly RecordedRun[];
  told: readonly Told[];
  grades: readonly Graded[];
}

export type Rule = 'lost' | 'graded twice' | 'changed' | 'left over' | 'damaged' | 'hung';

export interface Finding {
  rule: Rule;
  detail: string;
}

/** @param isOver every rollout must have its verdict, and none may be open */
export function verifyRecord(evidence: Evidence, isOver: boolean): Finding[] {
  const bySlot = Map.groupBy(evidence.runs, keyOf);
  const byTrace = new Map(evidence.runs.map((run) => [run.traceId, run]));
  return [
    ...checkSlots(evidence.slots, bySlot, isOver),
    ...checkAttempts(bySlot),
    ...checkGrades(evidence, byTrace, isOver),
    ...checkTold(evidence.told, byTrace),
  ];
}

function checkSlots(slots: readonly Slot[], bySlot: Map<string, RecordedRun[]>, isOver: boolean): Finding[] {
  const findings: Finding[] = [];
  const known = new Set(slots.map(keyOf));
  for (const key of bySlot.keys())
    if (!known.has(key)) findings.push({ rule: 'damaged', detail: `${key} is in the record and was never asked for` });
  for (const slot of slots) {
    const runs = bySlot.get(keyOf(slot)) ?? [];
    const graded = runs.filter((run) => run.class === 'graded');
    if (graded.length > 1) findings.push({ rule: 'graded twice', detail: `${keyOf(slot)} has ${graded.length} verdicts that count` });
    if (isOver && graded.length === 0) {
      findings.push({
        rule: 'lost',
        detail: `${keyOf(slot)} has no verdict: ${runs.map((run) => run.class ?? 'open').join(', ') || 'never run'}`,
      });
    }
    for (const run of graded) {
      if (run.reward !== slot.reward)
        findings.push({ rule: 'changed', detail: `${keyOf(slot)} must earn ${slot.reward}, the record says ${run.reward}` });
    }
    for (const run of isOver ? runs : []) {
      if (run.class === null) findings.push({ rule: 'lost', detail: `${keyOf(slot)}: attempt ${run.attempt} never ended` });
    }
  }
  return findings;
}

/** Attempts are 1, 2, 3, …, and a verdict is the last one. */
function checkAttempts(bySlot: Map<string, RecordedRun[]>): Finding[] {
  const findings: Finding[] = [];
  for (const [key, runs] of bySlot) {
    const attempts = runs.toSorted((a, b) => a.attempt - b.attempt);
    const numbers = attempts.map((run) => run.attempt).join(' ');
    if (attempts.some((run, i) => run.attempt !== i + 1)) findings.push({ rule: 'lost', detail: `${key} has the attempts ${numbers}` });
    const verdict = attempts.findIndex((run) => run.class === 'graded');
    if (verdict >= 0 && verdict < attempts.length - 1)
      findings.push({ rule: 'graded twice', detail: `${key} was run again after attempt ${verdict + 1} was graded` });
  }
  return findings;
}

/** Every verdict was given by an environment, once, with this reward. */
function checkGrades({ runs, grades }: Evidence, byTrace: Map<string, RecordedRun>, isOver: boolean): Finding[] {
  const findings: Finding[] = [];
  const given = Map.groupBy(grades, (grade) => grade.traceId);
  for (const [traceId, lines] of given) {
    if (lines.length > 1) findings.push({ rule: 'graded twice', detail: `run ${traceId} was graded ${lines.length} times` });
    if (isOver && !byTrace.has(traceId)) findings.push({ rule: 'lost', detail: `run ${traceId} was graded and is not in the record` });
  }
  for (const run of runs) {
    if (run.class !== 'graded') continue;
    const grade = given.get(run.traceId)?.[0];
    if (grade === undefined) findings.push({ rule: 'changed', detail: `run ${run.traceId} has a verdict that no environment gave` });
    else if (grade.reward !== run.reward || keyOf(grade) !== keyOf(run))
      findings.push({ rule: 'changed', detail: `run ${run.traceId}: the environment gave ${grade.reward}, the record says ${run.reward}` });
  }
  return findings;
}

/** What a driver was told is in the record as it was told, and is never run again. */
function checkTold(told: readonly Told[], byTrace: Map<string, RecordedRun>): Finding[] {
  const findings: Finding[] = [];
  const done = new Map<string, string>();
  const jobs = new Map<string, string>();
  for (const line of told) {
    if (line.type === 'job') {
      const other = jobs.get(line.load);
      if (other !== undefined && other !== line.jobId)
        findings.push({ rule: 'lost', detail: `job ${other} of ${line.load} was begun again as ${line.jobId}` });
      jobs.set(line.load, line.jobId);
      continue;
    }
    const earlier = done.get(keyOf(line));
    if (line.type === 'started' && earlier !== undefined)
      findings.push({ rule: 'graded twice', detail: `${keyOf(line)} was started again after its verdict (run ${earlier}) was told` });
    const run = byTrace.get(line.traceId);
    if (run === undefined)
      findings.push({ rule: 'lost', detail: `run ${line.traceId} of ${keyOf(line)} was told of and is not in the record` });
    if (line.type !== 'ended') continue;
    if (run !== undefined && (run.class !== line.class || (line.class === 'graded' && run.reward !== line.reward)))
      findings.push({
        rule: 'changed',
        detail: `run ${line.traceId} was told as ${line.class} ${line.reward}, the record says ${run.class} ${run.reward}`,
      });
    if (line.class !== 'graded') continue;
    if (earlier !== undefined) findings.push({ rule: 'graded twice', detail: `${keyOf(line)} has a second verdict that was told` });
    done.set(keyOf(line), line.traceId);
  }
  return findings;
}

function keyOf({ slug, repeat }: { slug: string; repeat: number }): string {
  return `${slug} ${repeat}`;
}

export interface ReadRecord {
  runs: RecordedRun[];
  /** Rows of leases, as text. */
  leases: string[];
  findings: Finding[];
}

/** Reads the database file with nothing of the product in between. */
export function readRecord(path: string): ReadRecord {
  const db = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
  try {
    const findings: Finding[] = [];
    const check = db
      .prepare('PRAGMA integrity_check')
      .all()
      .map((row) => String(row.integrity_check));
    if (check.join() !== 'ok') findings.push({ rule: 'damaged', detail: `integrity_check: ${check.slice(0, 3).join('; ')}` });
    const foreign = db.prepare('PRAGMA foreign_key_check').all();
    if (foreign.length > 0) findings.push({ rule: 'damaged', detail: `${foreign.length} rows point at nothing` });
    for (const { name, count } of db.prepare('SELECT name, count(*) AS count FROM jobs GROUP BY name HAVING count(*) > 1').all())
      findings.push({ rule: 'lost', detail: `${String(count)} jobs are named ${String(name)}` });
    const sql = `SELECT jobs.name AS load, slug, repeat, attempt, trace_id AS traceId, class, reward FROM runs JOIN jobs ON jobs.id = job_id`;
    const runs = db.prepare(sql).all() as unknown as RecordedRun[];
    const leases = db
      .prepare('SELECT * FROM leases')
      .all()
      .map((row) => JSON.stringify(row));
    return { runs, leases, findings };
  } finally {
    db.close();
  }
}
