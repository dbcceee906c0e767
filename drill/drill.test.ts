import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BookReader, readBook, type Graded, type Told } from './books.ts';
import { findProcesses, leftFolders, listeningInodes, listeningSockets } from './census.ts';
import { planLoads, slotsOf, type Slot } from './load.ts';
import { FAULT_KINDS, planFaults, randomOf } from './plan.ts';
import { readRecord, verifyRecord, type Evidence, type RecordedRun } from './verify.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hud-drill-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Two slots, the second of which was interrupted once, as everybody saw it. */
function clean(): Evidence & { runs: RecordedRun[]; told: Told[]; grades: Graded[] } {
  const slots: Slot[] = [0, 1].map((repeat) => ({ load: 'a', slug: 'a-0', repeat, reward: 0.25 + repeat / 2 }));
  const run = (repeat: number, attempt: number, kind: string | null, reward: number | null): RecordedRun => ({
    load: 'a',
    slug: 'a-0',
    repeat,
    attempt,
    traceId: `t${repeat}${attempt}`,
    class: kind,
    reward,
  });
  const runs = [run(0, 1, 'graded', 0.25), run(1, 1, 'cancelled', null), run(1, 2, 'graded', 0.75)];
  const told: Told[] = runs.flatMap((one) => {
    const common = { load: 'a', slug: one.slug, repeat: one.repeat, attempt: one.attempt, traceId: one.traceId, driver: 1 };
    const started: Told = { type: 'started', ...common };
    return one.class === 'graded' ? [started, { type: 'ended', ...common, class: 'graded', reward: one.reward ?? 0 }] : [started];
  });
  const grades = runs.flatMap(({ slug, repeat, traceId, reward }) =>
    reward === null ? [] : [{ slug, repeat, traceId, sessionId: 's', reward }],
  );
  return { slots, runs, told, grades };
}

describe('the verification', () => {
  test('finds nothing where nothing is wrong', () => {
    expect(verifyRecord(clean(), true)).toEqual([]);
  });

  test.each<{ what: string; rule: string; detail: RegExp; plant: (evidence: ReturnType<typeof clean>) => void }>([
    { what: 'a verdict that is gone', rule: 'lost', detail: /a-0 0 has no verdict/, plant: ({ runs }) => void runs.shift() },
    {
      what: 'a told verdict that the record calls cancelled',
      rule: 'changed',
      detail: /told as graded/,
      plant: ({ runs }) => Object.assign(runs[0] ?? {}, { class: 'cancelled' }),
    },
    {
      what: 'a run that never ended',
      rule: 'lost',
      detail: /never ended/,
      plant: ({ runs }) => Object.assign(runs[1] ?? {}, { class: null }),
    },
    { what: 'an attempt that is gone', rule: 'lost', detail: /attempts 2/, plant: ({ runs }) => void runs.splice(1, 1) },
    {
      what: 'a reward that changed in the record',
      rule: 'changed',
      detail: /must earn 0.75/,
      plant: ({ runs }) => Object.assign(runs[2] ?? {}, { reward: 0.5 }),
    },
    { what: 'a verdict that nobody gave', rule: 'changed', detail: /no environment gave/, plant: ({ grades }) => void grades.pop() },
    {
      what: 'a grade given twice',
      rule: 'graded twice',
      detail: /graded 2 times/,
      plant: ({ grades }) => grades.push({ ...(grades[0] as Graded) }),
    },
    {
      what: 'a slot with two verdicts',
      rule: 'graded twice',
      detail: /2 verdicts that count/,
      plant: ({ runs }) => Object.assign(runs[1] ?? {}, { class: 'graded', reward: 0.75 }),
    },
    {
      what: 'a slot that was started after its verdict was told',
      rule: 'graded twice',
      detail: /started again after its verdict/,
      plant: ({ told }) => told.push({ ...(told[0] as Told & { type: 'started' }), traceId: 't11', attempt: 3 }),
    },
    {
      what: 'a job that was begun anew',
      rule: 'lost',
      detail: /begun again/,
      plant: ({ told }) =>
        told.unshift({ type: 'job', load: 'a', jobId: '1', driver: 1, at: 0 }, { type: 'job', load: 'a', jobId: '2', driver: 2, at: 0 }),
    },
  ])('finds $what', ({ rule, detail, plant }) => {
    const evidence = clean();
    plant(evidence);
    const findings = verifyRecord(evidence, true);
    expect(findings).toContainEqual({ rule, detail: expect.stringMatching(detail) as string });
  });

  test('reads runs and leases from the file, and finds a job that is there twice', () => {
    const path = join(folder, 'hud.db');
    const db = new DatabaseSync(path);
    db.exec(`CREATE TABLE jobs (id, name); CREATE TABLE leases (id); CREATE TABLE runs (job_id, slug, repeat, attempt, trace_id, class, reward);
      INSERT INTO jobs VALUES ('1', 'a'), ('2', 'a'); INSERT INTO leases VALUES ('left');
      INSERT INTO runs VALUES ('1', 'a-0', 0, 1, 't', 'graded', 0.5);`);
    db.close();
    const record = readRecord(path);
    expect(record.findings).toEqual([{ rule: 'lost', detail: '2 jobs are named a' }]);
    expect(record.leases).toEqual(['{"id":"left"}']);
    expect(record.runs).toMatchObject([{ load: 'a', slug: 'a-0', traceId: 't', reward: 0.5 }]);
  });
});

describe.skipIf(process.platform !== 'linux')('the census (of /proc, so on Linux)', () => {
  test('finds an orphan with the tag, the socket it listens on, and neither once it is gone', async () => {
    const tag = `test-${process.pid}`;
    const program = `require('node:net').createServer().listen(0, '127.0.0.1', () => console.log('up'))`;
    const child = spawn(process.execPath, ['-e', program], {
      env: { ...process.env, DRILL_TAG: tag, DRILL_OWNER: 'driver-7' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    await once(child.stdout, 'data');
    const found = findProcesses(tag);
    expect(found).toEqual([{ pid: child.pid, owner: 'driver-7', isChild: false }]);
    const sockets = listeningSockets([child.pid ?? 0]);
    expect(sockets).toHaveLength(1);
    expect(listeningInodes()).toContain(sockets[0]);
    child.kill('SIGKILL');
    await ended;
    expect(findProcesses(tag)).toEqual([]);
    expect(listeningInodes()).not.toContain(sockets[0]);
  });

  test('does not take a socket of somebody else for ours', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    expect(listeningSockets([process.pid])).toHaveLength(1);
    expect(listeningSockets([])).toEqual([]);
    server.close();
  });

  test('finds folders that were left, by owner', () => {
    mkdirSync(join(folder, 'driver-1', 'hud-0123'), { recursive: true });
    mkdirSync(join(folder, 'driver-2'));
    expect(leftFolders(folder)).toEqual([{ owner: 'driver-1', path: join(folder, 'driver-1', 'hud-0123') }]);
  });
});

test('a book is read line by line as it grows, without half lines', () => {
  const path = join(folder, 'book.jsonl');
  writeFileSync(path, '{"n":1}\n{"n"');
  const reader = new BookReader<{ n: number }>(path);
  expect(reader.read()).toEqual([{ n: 1 }]);
  writeFileSync(path, ':2}\n', { flag: 'a' });
  expect(reader.read()).toEqual([{ n: 2 }]);
  expect(reader.read()).toEqual([]);
  reader.close();
  expect(readBook(path)).toEqual([{ n: 1 }, { n: 2 }]);
});

test('loads hold exactly as many rollouts as asked for, each under a name of its own', () => {
  for (const rollouts of [10, 600, 19_999]) {
    const slots = planLoads(rollouts).flatMap(slotsOf);
    expect(slots).toHaveLength(rollouts);
    expect(new Set(slots.map(({ slug, repeat }) => `${slug} ${repeat}`)).size).toBe(rollouts);
  }
});

test('the same seed plans the same faults, of every kind in its share', () => {
  const plan = planFaults(1000, randomOf('x'), []);
  expect(planFaults(1000, randomOf('x'), [])).toEqual(plan);
  expect(planFaults(1000, randomOf('y'), [])).not.toEqual(plan);
  const counts = Object.fromEntries([...Map.groupBy(plan, ({ kind }) => kind)].map(([kind, all]) => [kind, all.length]));
  expect(counts).toEqual(FAULT_KINDS);
  expect(planFaults(7, randomOf('x'), ['delay'])).toHaveLength(7);
});
