/** Where databases differ: order, case, characters, and what happens at the same moment. The answers are the same on all. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import type { Db } from '../src/storage/database.ts';
import { inTransaction } from '../src/storage/transaction.ts';
import { newTeam } from './platform.fixtures.ts';
import { graded, newTraceId, startSetup, wireJob, wireRun, wireSpan, type Answer, type Sender } from './ingest.fixtures.ts';

/** By their bytes; by language most of them would come in another order. */
const NAMES = ['A', 'B-1', 'B1', '_', 'a', 'a b', 'a-c', 'ab', 'É', 'é'];

type Json = Record<string, unknown>;
type List = Json & { items: Json[]; next_cursor?: string };

async function read(sender: Sender, path: string): Promise<List> {
  const response = await sender.get(path);
  expect(response.status, path).toBe(200);
  return (await response.json()) as List;
}

const shuffled = <T>(items: readonly T[]): T[] => items.toSorted(() => Math.random() - 0.5);
const statuses = (answers: readonly Answer[]): number[] => [...new Set(answers.map(({ status }) => status))];

test('names come in the order of their bytes, page by page', async () => {
  await using setup = await startSetup();
  for (const name of shuffled(NAMES)) await setup.a.post(`/v2/trace/job/${newTraceId()}/enter`, { name, group: 1 });
  const names: unknown[] = [];
  let cursor: string | undefined;
  do {
    const page = await read(setup.a, `/v2/jobs?sort=name&limit=3${cursor === undefined ? '' : `&cursor=${cursor}`}`);
    names.push(...page.items.map(({ name }) => name));
    cursor = page.next_cursor;
  } while (cursor !== undefined);
  expect(names).toEqual(NAMES);
  const environments = ['a-b', 'a-b-2', 'a1', 'ab', 'ab-1'];
  for (const name of shuffled(environments)) await setup.a.post('/v2/registry', { name, manifest: { tasks: [] } });
  expect((await read(setup.a, '/v2/registry?sort_by=name')).items.map(({ name }) => name)).toEqual(environments);
});

test('a search finds A to Z in any case, other letters as they are written, and signs of patterns as themselves', async () => {
  await using setup = await startSetup();
  const names = ['Übung 50%', 'ubung_x', 'back\\slash!'];
  for (const name of names) {
    await setup.a.post(`/v2/trace/job/${newTraceId()}/enter`, { name, group: 1 });
    await setup.a.post('/v2/tasks/upload', { taskset_name: name, tasks: [{ name: 't', env: { name: 'e' }, task_id: 't', args: {} }] });
  }
  for (const path of ['/v2/jobs', '/v2/tasksets']) {
    const found = async (search: string): Promise<unknown[]> =>
      (await read(setup.a, `${path}?search=${encodeURIComponent(search)}`)).items.map(({ name }) => name);
    expect(await found('Übung'), path).toEqual([names[0]]);
    expect(await found('UBUNG_X'), path).toEqual([names[1]]);
    expect(await found('0%'), path).toEqual([names[0]]);
    expect(await found('k\\S'), path).toEqual([names[2]]);
    expect(await found('h!'), path).toEqual([names[2]]);
    expect(await found('x%'), path).toEqual([]);
  }
});

test('texts with a NUL, half a character and large numbers are taken in, and come back with what is left of them', async () => {
  await using setup = await startSetup();
  const [jobId, traceId] = [newTraceId(), newTraceId()];
  const text = 'a\0b\ud800c😀';
  const run = { ...graded, answer: text, prompt_tokens: 5_000_000_000, completion_tokens: 2 ** 40, cost_usd: 0.1 + 0.2 };
  const lines = [wireJob(jobId, { name: text }), wireRun(traceId, jobId, { slug: text, ...run })];
  expect(await setup.a.record([...lines, { span: wireSpan(traceId, { payload: { text } }) }])).toMatchObject({
    status: 200,
    body: { rejected: [] },
  });
  expect(
    (
      await setup.a.post('/v2/tasks/upload', {
        taskset_name: text,
        tasks: [{ name: text, env: { name: 'e' }, task_id: 't', args: { text } }],
      })
    ).status,
  ).toBeLessThan(500);
  const job = await read(setup.a, `/v2/jobs/${jobId}`);
  expect(String(job.name).replace('\0', '\ufffd')).toBe('a\ufffdb\ufffdc😀');
  expect(job).toMatchObject({ runs: 1, cost_usd: 0.1 + 0.2 });
  const row = await setup.platform.context.store.getRun(traceId);
  expect(row).toMatchObject({ promptTokens: 5_000_000_000, completionTokens: 2 ** 40, costUsd: 0.1 + 0.2 });
  const search = await setup.a.get(`/v2/jobs?search=${encodeURIComponent('a\0b')}`);
  expect(search.status).toBe(200);
});

test('runs of one task that begin at the same moment are different repeats of it', async () => {
  await using setup = await startSetup();
  const jobId = newTraceId();
  const traces = Array.from({ length: 24 }, newTraceId);
  const answers = await Promise.all(
    traces.map(async (id) => await setup.a.post(`/v2/trace/${id}/enter`, { job_id: jobId, task_slug: 's' })),
  );
  expect(statuses(answers)).toEqual([200]);
  const runs = await setup.platform.context.store.listRuns(jobId, { limit: 100 });
  expect(runs.items.map(({ repeat }) => repeat).toSorted((a, b) => a - b)).toEqual(traces.map((_id, n) => n));
});

test("two that stand in each other's way both get through, each once", async () => {
  await using setup = await startSetup();
  const { db } = setup.platform.context;
  const rename = async (on: Db, id: string): Promise<void> => {
    await on
      .updateTable('teams')
      .set({ name: sql<string>`name || '.'` })
      .where('id', '=', id)
      .execute();
  };
  let arrived = 0;
  const both = Promise.withResolvers<void>();
  const cross = async (first: string, second: string): Promise<void> =>
    await inTransaction(db, async (transaction) => {
      await rename(transaction, first);
      if ((arrived += 1) === 2) both.resolve();
      await Promise.race([both.promise, sleep(300)]); // where one alone may write, the other does not arrive
      await rename(transaction, second);
    });
  const [one, two] = [setup.a.teamId, setup.b.teamId];
  await Promise.all([cross(one, two), cross(two, one)]);
  const names = await db.selectFrom('teams').select('name').where('id', 'in', [one, two]).orderBy('name').execute();
  expect(names).toEqual([{ name: 'a..' }, { name: 'b..' }]);
});

test('the same record, sent from many sides in any order at once, is there once', async () => {
  await using setup = await startSetup();
  const jobs = Array.from({ length: 3 }, newTraceId);
  const runs = Array.from({ length: 30 }, (_, n) => ({ id: newTraceId(), job: jobs[n % 3] ?? '', repeat: n }));
  const lines = [
    ...jobs.map((id) => wireJob(id)),
    ...jobs.map((id) => ({ task: { job_id: id, slug: 'task-1', position: 0, row: {} } })),
    ...runs.map(({ id, job, repeat }) => wireRun(id, job, { repeat, ...graded })),
    ...runs.map(({ id }) => ({ span: wireSpan(id, { spanId: id.slice(0, 16) }) })),
  ];
  const spans = runs.map(({ id }) => wireSpan(id, { spanId: id.slice(0, 16) }));
  for (let round = 0; round < 3; round += 1) {
    const answers = await Promise.all([
      ...Array.from({ length: 8 }, async () => await setup.a.record(shuffled(lines))),
      ...Array.from({ length: 4 }, async () => await setup.a.upload(runs[0]?.id ?? '', shuffled(spans))),
    ]);
    expect(statuses(answers)).toEqual([200]);
  }
  expect(await setup.a.record(lines)).toMatchObject({ status: 200, body: { rejected: [] } });
  const list = (await read(setup.a, '/v2/jobs')).items;
  expect(list.map(({ runs: count }) => count)).toEqual(jobs.map(() => 10));
  for (const { id, job, repeat } of runs) {
    expect(await setup.platform.context.store.getRun(id)).toMatchObject({ jobId: job, repeat, class: 'graded' });
    expect((await setup.platform.context.store.listSpans(id)).items).toHaveLength(1);
  }
});

test('teams that claim the same blobs in different orders at once get all of them', async () => {
  await using setup = await startSetup();
  const pictures = Array.from({ length: 12 }, () => randomBytes(6_000).toString('base64'));
  const payload = (): Json => ({ images: shuffled(pictures).map((data) => ({ type: 'image', mimeType: 'image/png', data })) });
  const answers = await Promise.all(
    Array.from({ length: 10 }, async (_, n) => {
      const traceId = newTraceId();
      return await (n % 2 === 0 ? setup.a : setup.b).upload(traceId, [wireSpan(traceId, { payload: payload() })]);
    }),
  );
  expect(statuses(answers)).toEqual([200]);
  const claims = await setup.platform.context.db.selectFrom('claims').select(['team_id', 'sha256']).execute();
  for (const { teamId } of [setup.a, setup.b]) expect(claims.filter((claim) => claim.team_id === teamId)).toHaveLength(pictures.length);
});

test('names that people take at the same moment are taken once', async () => {
  await using setup = await startSetup();
  const { db } = setup.platform.context;
  const many = async <T>(make: () => Promise<T>): Promise<T[]> => await Promise.all(Array.from({ length: 8 }, make));
  const ids = (answers: readonly Answer[], name: string): number => new Set(answers.map(({ body }) => body[name])).size;
  const teams = await many(async () => await newTeam(db, 'same'));
  expect(new Set(teams.map(({ userId }) => userId)).size).toBe(1);
  const environments = await many(
    async () => await setup.a.post('/v2/registry', { name: 'same', manifest: { tasks: [{ id: String(Math.random()) }] } }),
  );
  expect([statuses(environments), ids(environments, 'id')]).toEqual([[200], 1]);
  const row = (): object => ({ name: `t-${Math.floor(Math.random() * 4)}`, env: { name: 'e' }, task_id: 't', args: { n: Math.random() } });
  const tasksets = await many(async () => await setup.a.post('/v2/tasks/upload', { taskset_name: 'same', tasks: [row()] }));
  expect([statuses(tasksets), ids(tasksets, 'taskset_id'), ids(tasksets, 'version')]).toEqual([[200], 1, 8]);
});
