import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { scriptedModel, tempDir } from 'hud/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { workplace } from '../../hud/src/cli/testing.ts';
import { gatherEvidence, type Evidence } from '../src/api/qa/evidence.ts';
import { askModel } from '../src/api/qa/judge.ts';
import { claimResult, requestResult } from '../src/storage/qa/results.ts';
import { testPlatform, type Call, type TestPlatform } from './registry.fixtures.ts';

let on: TestPlatform;
beforeAll(async () => {
  on = await testPlatform();
});
afterAll(async () => await on[Symbol.asyncDispose]());

interface Result {
  id: string;
  subject_id: string;
  status: string;
  stale: boolean;
  error: string | null;
  canonical_result: {
    schema_version: string;
    verdict: string;
    summary: string;
    findings: { summary: string; severity: string; evidence_refs: string[] }[];
  } | null;
}

const MANIFEST = {
  tasks: [
    {
      id: 'count',
      description: 'Count',
      args: { type: 'object', properties: { word: { type: 'string' } }, required: ['word'], additionalProperties: false },
    },
  ],
};

const row = (name: string, args: object = { word: name }, more: object = {}): object => ({
  name,
  env: { name: 'qa-env' },
  task_id: 'count',
  args,
  ...more,
});

async function taskset(name: string, tasks: object[]): Promise<string> {
  return ((await on.call('POST', '/v2/tasks/upload', { taskset_name: name, tasks })).json as { taskset_id: string }).taskset_id;
}

async function agent(name: string, call: Call = on.call): Promise<string> {
  const { items } = (await call('GET', '/v2/qa-agents')).json as { items: { id: string; name: string }[] };
  return items.find((item) => item.name === name)?.id ?? '';
}

async function run(name: string, subjects: string[], overwrite = false): Promise<Result[]> {
  return (await on.call('POST', `/v2/qa-agents/${await agent(name)}/run-resources`, { subject_ids: subjects, overwrite })).json as Result[];
}

/** As the Python package waits: until there are as many as were begun, and all have ended. */
async function ended(started: readonly Result[]): Promise<Result[]> {
  const query = started.map(({ id }) => `result_ids=${id}`).join('&');
  for (;;) {
    const results = (await on.call('GET', `/v2/qa-agents/results/resources?${query}`)).json as Result[];
    expect(results.length).toBeLessThanOrEqual(started.length);
    if (results.length === started.length && results.every(({ status }) => status === 'completed' || status === 'error')) return results;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function verdictOf(name: string, subject: string): Promise<Result> {
  const [result] = await ended(await run(name, [subject]));
  if (result === undefined) throw new Error('There is no result.');
  return result;
}

describe('QA', () => {
  test('Q1, Q2, Q3: two subjects are two results, and what has not changed is not examined again', async () => {
    const subjects = [await taskset('q-a', [row('a')]), await taskset('q-b', [row('b')])];
    const started = await run('taskset-check', subjects);
    expect(started.map(({ subject_id: id }) => id)).toEqual(subjects);
    const results = await ended(started);
    expect(results.map(({ id }) => id).toSorted()).toEqual(started.map(({ id }) => id).toSorted());
    const again = await run('taskset-check', subjects);
    expect(again.map(({ id, status }) => [id, status])).toEqual(started.map(({ id }) => [id, 'completed']));
    const overwritten = await run('taskset-check', subjects, true);
    expect(overwritten.every(({ id }) => !started.some((one) => one.id === id))).toBe(true);
    await ended(overwritten);
  });

  test('a sound taskset passes; rows that are there twice or that can not run are found', async () => {
    await taskset('unsound', [
      row('good'),
      row('twin-1', { word: 'x' }),
      row('twin-2', { word: 'x' }),
      row('empty', {}),
      row('valid', { word: 'v' }, { validation: [{ answer: '1' }] }),
    ]);
    await on.call('POST', '/v2/registry', { name: 'qa-env', manifest: MANIFEST });
    const sound = await verdictOf('taskset-check', await taskset('sound', [row('a', { word: 'a' }, { validation: [{ answer: '1' }] })]));
    expect(sound.canonical_result).toMatchObject({
      schema_version: 'qa_agent_result.v1',
      verdict: 'passed',
      summary: 'sound: 0 errors, 0 warnings.',
      findings: [],
    });
    const { json } = await on.call('GET', '/v2/tasksets/by-name/unsound');
    const unsound = await verdictOf('taskset-check', (json as { id: string }).id);
    expect(unsound.canonical_result?.verdict).toBe('failed');
    expect(unsound.canonical_result?.findings).toMatchObject([
      { summary: '2 tasks are the same but for their slugs.', severity: 'error', evidence_refs: ['twin-1', 'twin-2'] },
      { summary: "The environment 'qa-env' can't run 'empty'.", severity: 'error', evidence_refs: ['empty'] },
      { summary: '4 tasks without a validation.', severity: 'warning' },
    ]);
  });

  test('a task that everybody solves is found in the recorded runs, and its result is stale when that changes', async () => {
    const id = await taskset('flat', [
      row('always', { word: 'a' }, { validation: [{}] }),
      row('mixed', { word: 'm' }, { validation: [{}] }),
    ]);
    const before = await verdictOf('taskset-check', id);
    expect(before.canonical_result?.findings).toEqual([]);
    await record(id, 'always', [1, 1, 1, 1, 1]);
    await record(id, 'mixed', [1, 0, 1, 1, 1]);
    const [stale] = (await on.call('GET', `/v2/qa-agents/results/resources?subject_type=taskset&subject_ids=${id}`)).json as Result[];
    expect(stale).toMatchObject({ id: before.id, stale: true });
    const after = await verdictOf('taskset-check', id);
    expect(after).toMatchObject({
      stale: false,
      canonical_result: {
        verdict: 'passed',
        findings: [{ summary: "Every one of 5 graded runs of 'always' earned 1.", severity: 'warning' }],
      },
    });
  });

  test('one task is examined by its own id, an environment by its own', async () => {
    const id = await taskset('single', [row('bad', { wrod: 'x' }, { env: { name: 'later' } })]);
    await on.call('POST', '/v2/registry', { name: 'later', manifest: MANIFEST });
    const [task] = ((await on.call('GET', `/v2/tasksets/${id}/export`)).json as { tasks: { id: string }[] }).tasks;
    const { canonical_result: result } = await verdictOf('task-check', task?.id ?? '');
    expect(result).toMatchObject({ verdict: 'failed', summary: 'bad: 1 error, 1 warning.' });
    const bare = (await on.call('POST', '/v2/registry', { name: 'bare' })).json as { id: string };
    expect((await verdictOf('environment-check', bare.id)).canonical_result).toMatchObject({
      verdict: 'failed',
      findings: [{ summary: 'There is no manifest.' }],
    });
    await on.call('POST', '/v2/registry', { name: 'bare', manifest: { tasks: [{ id: 't', args: MANIFEST.tasks[0]?.args }] } });
    expect((await verdictOf('environment-check', bare.id)).canonical_result).toMatchObject({
      verdict: 'passed',
      findings: [{ summary: "Template 't' has no description." }],
    });
  });

  test('what belongs to another team is absent, and nothing is begun when one subject is', async () => {
    const mine = await taskset('private', [row('a')]);
    const path = `/v2/qa-agents/${await agent('taskset-check')}/run-resources`;
    expect((await on.other('POST', path, { subject_ids: [mine] })).status).toBe(404);
    expect((await on.call('POST', path, { subject_ids: [mine, '00000000-0000-4000-8000-000000000000'] })).status).toBe(404);
    expect((await on.call('GET', `/v2/qa-agents/results/resources?subject_type=taskset&subject_ids=${mine}`)).json).toEqual([]);
    const [result] = await ended(await run('taskset-check', [mine]));
    expect((await on.other('GET', `/v2/qa-agents/results/resources?result_ids=${result?.id}`)).json).toEqual([]);
    expect((await on.call('GET', '/v2/qa-agents/results/resources')).status).toBe(400);
  });

  test('agents are listed by what they examine; one of the team is changed under its name', async () => {
    const define = async (instructions: string): Promise<{ id: string }> =>
      (await on.call('POST', '/v2/qa-agents', { name: 'reader', subject_type: 'task', model_name: 'none-such', instructions })).json as {
        id: string;
      };
    const { id } = await define('Read.');
    expect(await define('Read twice.')).toMatchObject({ id, instructions: 'Read twice.' });
    const listed = (await on.call('GET', '/v2/qa-agents?subject_type=task&limit=1&offset=1')).json;
    expect(listed).toMatchObject({ items: [{ id, name: 'reader', model_name: 'none-such' }], total: 2, limit: 1, offset: 1 });
    expect(await agent('reader', on.other)).toBe('');
    expect(
      (await on.call('POST', '/v2/qa-agents', { name: 'task-check', subject_type: 'task', model_name: 'm', instructions: 'i' })).status,
    ).toBe(409);
  });

  test('an agent whose model is not there ends in an error that says why', async () => {
    await on.call('POST', '/v2/qa-agents', { name: 'asks', subject_type: 'taskset', model_name: 'none-such', instructions: 'Judge.' });
    const result = await verdictOf('asks', await taskset('judged', [row('a')]));
    expect(result).toMatchObject({ status: 'error', canonical_result: null, error: expect.stringContaining("'none-such'") as string });
  });
});

test('newer Python packages ask for checks of tasks by name, and get results of tasks as they are now', async () => {
  const id = await taskset('checked', [row('c', { word: 'c' }, { env: { name: 'unknown-yet' } })]);
  const [task] = ((await on.call('GET', `/v2/tasksets/${id}/export`)).json as { tasks: { id: string }[] }).tasks;
  expect((await on.call('GET', '/v2/qa/checks')).json).toMatchObject({
    checks: expect.arrayContaining([expect.objectContaining({ key: 'task-check', subject_type: 'task' })]) as unknown[],
  });
  const run = { check_keys: ['task-check'], task_ids: [task?.id], overwrite: false };
  const begun = (await on.call('POST', '/v2/qa/runs', run)).json as { results: { id: string }[] };
  expect(begun.results).toMatchObject([{ check_key: 'task-check', subject_task_id: task?.id, source: 'analysis' }]);
  const read = async (more = ''): Promise<unknown> => (await on.call('GET', `/v2/qa/results?task_ids=${task?.id}${more}`)).json;
  await expect
    .poll(async () => await read())
    .toMatchObject({ results: [{ id: begun.results[0]?.id, status: 'completed', verdict: 'passed', note: null }] });
  await taskset('checked', [row('c', { word: 'changed' }, { env: { name: 'unknown-yet' } })]);
  expect(await read()).toEqual({ results: [] });
  expect(await read('&include_history=True')).toMatchObject({ results: [{ id: begun.results[0]?.id }] });
  expect((await on.other('POST', '/v2/qa/runs', run)).status).toBe(404);
  expect((await on.call('POST', '/v2/qa/runs', { ...run, check_keys: ['taskset-check'] })).status).toBe(404);
});

describe('a model as the judge', () => {
  const evidence = async (): Promise<Evidence> => {
    const id = await taskset('for the judge', [row('a', { word: 'seen by the model' })]);
    return (await gatherEvidence(on.platform.context.db, on.teams[0], 'taskset', id.replaceAll('-', ''))) as Evidence;
  };
  const ask = async (gateway: string): Promise<unknown> =>
    await askModel(await evidence(), {
      gateway,
      key: 'k',
      modelName: 'm',
      instructions: 'Be strict.',
      signal: AbortSignal.timeout(20_000),
    });

  test('sees the rows, and its findings are the verdict', async () => {
    const reply =
      'Here it is:\n```json\n{"verdict":"failed","summary":"Bad.","findings":[{"summary":"Vague","severity":"critical","evidence_refs":["a"]}]}\n```';
    await using model = await scriptedModel([{ text: reply }]);
    expect(await ask(model.baseUrls.openai)).toEqual({
      schemaVersion: 'qa_agent_result.v1',
      verdict: 'failed',
      summary: 'Bad.',
      findings: [{ summary: 'Vague', evidenceRefs: ['a'] }],
      metadata: { model: 'm', saw_everything: true },
    });
    expect(JSON.stringify(model.requests[0])).toContain('seen by the model');
  });

  test.each([
    ['no verdict', 'I think it is fine.', /without a verdict/],
    ['another word', '{"verdict":"fine","summary":""}', /verdict/],
  ])('an answer with %s is an error', async (_what, text, message) => {
    await using model = await scriptedModel([{ text }]);
    await expect(ask(model.baseUrls.openai)).rejects.toThrow(message);
  });
});

test('what a process left undone is gone on with by the next one', async () => {
  const { db } = on.platform.context;
  const subject = await taskset('left', [row('a')]);
  const agentId = (await agent('taskset-check')).replaceAll('-', '');
  const long = Date.now() - 3_600_000;
  const request = { teamId: on.teams[0], agentId, subjectType: 'taskset', subjectId: subject.replaceAll('-', ''), evidence: 'as it was' };
  const left = await requestResult(db, { ...request, agentId: '0'.repeat(32) }, false, long);
  await claimResult(db, { now: long, silentSince: 0, openAgents: ['0'.repeat(32)], own: [] });
  const open = await requestResult(db, request, false, long);
  await run('taskset-check', [await taskset('wakes it', [row('b')])]);
  const results = await ended([{ id: left.id }, { id: open.id }] as Result[]);
  const of = ({ id }: { id: string }): Result | undefined => results.find((result) => result.id.replaceAll('-', '') === id);
  expect(of(left)).toMatchObject({ status: 'error', error: 'The agent is not there any more.' });
  expect(of(open)).toMatchObject({ status: 'completed', stale: false });
});

test('an agent of the team asks its model through the gateway, with the key of whoever started it', async () => {
  await using model = await scriptedModel([{ text: '{"verdict":"passed","summary":"Clear."}' }]);
  await using dir = await tempDir();
  const upstreams = join(dir.path, 'upstreams.json');
  const served = { upstreams: [{ name: 'lab', base_url: model.baseUrls.openai }], models: [{ model_name: 'judge-1', upstream: 'lab' }] };
  await writeFile(upstreams, JSON.stringify(served));
  await using own = await testPlatform({ HUD_PLATFORM_UPSTREAMS: upstreams });
  const { taskset_id: subject } = (await own.call('POST', '/v2/tasks/upload', { taskset_name: 't', tasks: [row('a')] })).json as {
    taskset_id: string;
  };
  const judge = { name: 'judge', subject_type: 'taskset', model_name: 'judge-1', instructions: 'Are the tasks clear?' };
  const { id } = (await own.call('POST', '/v2/qa-agents', judge)).json as { id: string };
  const run = { subject_ids: [subject] };
  const [started] = (await own.call('POST', `/v2/qa-agents/${id}/run-resources`, run)).json as [Result];
  const read = async (): Promise<unknown> => (await own.call('GET', `/v2/qa-agents/results/resources?result_ids=${started.id}`)).json;
  await expect
    .poll(read, { timeout: 10_000 })
    .toMatchObject([
      { status: 'completed', error: null, canonical_result: { verdict: 'passed', summary: 'Clear.', metadata: { model: 'judge-1' } } },
    ]);
  expect((await own.call('POST', `/v2/qa-agents/${id}/run-resources`, run)).json).toMatchObject([{ id: started.id, status: 'completed' }]);
  expect(model.requests.length).toBe(1);
  await own.call('POST', '/v2/qa-agents', { ...judge, instructions: 'Are they hard?' });
  expect(await read()).toMatchObject([{ stale: true }]);

  // As after a restart: it waits, and no process has the key.
  const { db } = own.platform.context;
  const left = {
    teamId: own.teams[0],
    agentId: id.replaceAll('-', ''),
    subjectType: 'taskset',
    subjectId: subject.replaceAll('-', ''),
    evidence: 'x',
  };
  const { id: resultId } = await requestResult(db, left, false, Date.now() - 3_600_000);
  const check = ((await own.call('GET', '/v2/qa-agents')).json as { items: { id: string; name: string }[] }).items.find(
    ({ name }) => name === 'taskset-check',
  );
  await own.call('POST', `/v2/qa-agents/${check?.id}/run-resources`, run);
  await expect
    .poll(async () => (await own.call('GET', `/v2/qa-agents/results/resources?result_ids=${resultId}`)).json)
    .toMatchObject([{ status: 'error', error: expect.stringContaining('keeps no keys') as string }]);
});

test('hud qa runs an agent, and its exit code is the verdict', async () => {
  await using place = await workplace();
  const env = { HUD_BASE_URL: on.url, HUD_API_KEY: on.keys[0] };
  const hud = async (...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> =>
    await place.hud(['qa', ...args], { env });
  await taskset('by hand', [row('a', { word: 'a' }), row('b', { word: 'a' })]);
  expect((await hud('agents', '--subject-type', 'taskset')).stdout).toMatch(
    /^id\tname\tsubject\tmodel\tinstructions\n.*\n?[0-9a-f-]{36}\ttaskset-check\ttaskset\t-\t/,
  );
  const failed = await hud('run', 'taskset-check', 'by hand', '--json');
  expect([failed.code, JSON.parse(failed.stdout)]).toMatchObject([1, [{ status: 'completed', canonical_result: { verdict: 'failed' } }]]);
  const results = await hud('results', 'taskset', 'by hand');
  expect(results.stdout).toMatch(/\n[0-9a-f-]{36}\ttaskset-check\tfailed\tby hand: 1 error, 1 warning\.\n$/);
  await taskset('by hand', [row('b', { word: 'b' })]);
  expect((await hud('results', 'taskset', 'by hand')).stdout).toContain('\tfailed stale\t');
  expect(await hud('run', 'taskset-check', 'by hand')).toMatchObject({ code: 0, stdout: expect.stringContaining('\tpassed\t') as string });
  expect((await hud('run', 'taskset-check', 'by hand', '--overwrite', '--no-wait')).code).toBe(0);
  expect(await hud('run', 'tasket-check', 'by hand')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('Did you mean taskset-check?') as string,
  });
  expect((await hud('results', 'thing', 'x')).code).toBe(2);
});

async function record(tasksetId: string, slug: string, rewards: number[]): Promise<void> {
  const { db } = on.platform.context;
  const id = slug.padEnd(32, '0');
  const team = on.teams[0];
  await db
    .insertInto('jobs')
    .values({
      id,
      name: slug,
      group: rewards.length,
      status: 'completed',
      taskset_id: tasksetId,
      created_at: 0,
      config: '{}',
      team_id: team,
    })
    .execute();
  const runs = rewards.map((reward, repeat) => ({
    trace_id: `${slug}${repeat}`.padEnd(32, '0'),
    job_id: id,
    slug,
    task_id: 'count',
    repeat,
    attempt: 1,
    started_at: 0,
    class: 'graded',
    reward,
    team_id: team,
  }));
  await db.insertInto('runs').values(runs).execute();
}
