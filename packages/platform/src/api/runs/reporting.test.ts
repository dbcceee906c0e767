import { expect, test } from 'vitest';
import { startReporting } from './reporting.fixtures.ts';

const T1 = '03dd2a73d3df4d10a54ae3d87c2d530d';
const DASHED = '03DD2A73-D3DF-4D10-A54A-E3D87C2D530D';
const T2 = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa2';
const J = '11111111111111111111111111111111';

test('T1, T2: a run whose end comes first is made by it, joins its job later, and stays ended', async () => {
  await using at = await startReporting();
  const exit = await at.call('POST', `/v2/trace/${T1}/exit`, { status: 'completed', reward: 1.0 });
  expect(exit).toMatchObject({ status: 200, body: { ok: true, trace_id: T1, job_id: T1 } });
  expect((await at.call('GET', `/v2/trace/${T1}`)).body).toMatchObject({ status: 'completed', reward: 1, class: 'graded' });
  expect((await at.call('GET', '/v2/jobs')).body.items).toMatchObject([{ id: T1, status: 'completed', runs: 1 }]);

  expect((await at.call('POST', `/v2/trace/${T1}/enter`, { job_id: J, task_slug: 'count' })).body).toMatchObject({ job_id: J });
  expect((await at.call('GET', `/v2/trace/${T1}`)).body).toMatchObject({ status: 'completed', job_id: J, slug: 'count', reward: 1 });
  expect((await at.call('GET', '/v2/jobs')).body.items).toMatchObject([{ id: J, status: 'completed', runs: 1, graded: 1, mean_reward: 1 }]);
  expect((await at.call('GET', `/v2/jobs/${T1}`)).status).toBe(404);
});

test('T3: a job that is entered twice is one, with the last values', async () => {
  await using at = await startReporting();
  await at.call('POST', `/v2/trace/job/${J}/enter`, { name: 'first', group: 1 });
  expect((await at.call('POST', `/v2/trace/job/${J}/enter`, { name: 'second', group: 8 })).body).toEqual({ ok: true, job_id: J });
  expect((await at.call('GET', '/v2/jobs')).body.items).toMatchObject([
    { id: J, name: 'second', group: 8, status: 'running', runs: 0, mean_reward: null },
  ]);
});

test('T4: a run that failed has no reward, whatever number came with it', async () => {
  await using at = await startReporting();
  await at.call('POST', `/v2/trace/${T1}/exit`, { status: 'error', reward: 0.0, error: 'x' });
  expect((await at.call('GET', `/v2/trace/${T1}`)).body).toMatchObject({ status: 'error', reward: null, error: 'x', class: 'agent' });
});

test('T5: a run may be entered with nothing said about it', async () => {
  await using at = await startReporting();
  expect(await at.call('POST', `/v2/trace/${T1}/enter`)).toMatchObject({ status: 200, body: { ok: true, cancelled: false } });
  expect((await at.call('GET', `/v2/trace/${T1}`)).body).toMatchObject({ status: 'running', reward: null, error: null, class: null });
});

test.each([
  { text: '[provisioning] RuntimeError: no such image', kind: 'boot' },
  { text: '[starting task] KeyError: x', kind: 'boot' },
  { text: '[grading] ValueError: y', kind: 'grader' },
  { text: '[provisioning verifier] boom', kind: 'grader' },
  { text: 'rollout timed out after 60s during agent loop', kind: 'timeout' },
  { text: 'agent timed out after 30s', kind: 'agent' },
  { text: '[agent loop] openai.RateLimitError: 429', kind: 'provider' },
  { text: '[agent loop] anthropic.APIStatusError: overloaded', kind: 'provider' },
  { text: '[agent loop] ConnectionResetError: peer', kind: 'sandbox' },
  { text: '[agent loop] ZeroDivisionError: z', kind: 'agent' },
])('"$text" without a grade is of class $kind', async ({ text, kind }) => {
  await using at = await startReporting();
  await at.call('POST', `/v2/trace/${T1}/exit`, { status: 'error', reward: 0, error: text });
  expect((await at.call('GET', `/v2/trace/${T1}`)).body).toMatchObject({ class: kind, reward: null, error: text });
});

test('J1–J3, J5: the mean of a job is over what was graded, and the rest is counted by class', async () => {
  await using at = await startReporting();
  const mean = async (ends: Record<string, unknown>[]): Promise<unknown[]> => {
    const job = crypto.randomUUID();
    await at.call('POST', `/v2/trace/job/${job}/enter`, { name: 'j', group: 1 });
    for (const end of ends) {
      const trace = crypto.randomUUID();
      await at.call('POST', `/v2/trace/${trace}/enter`, { job_id: job, task_slug: 's' });
      await at.call('POST', `/v2/trace/${trace}/exit`, end);
    }
    const { body } = await at.call('GET', `/v2/jobs/${job}`);
    return [body.mean_reward, body.errors];
  };
  const failed = { status: 'error', reward: 0, error: '[provisioning] x' };
  expect(await mean([{ status: 'completed', reward: 1, evaluation_result: { score: 1 } }, failed])).toEqual([1, { boot: 1 }]);
  const late = {
    status: 'error',
    reward: 0.75,
    error: 'agent timed out after 3s',
    stop_reason: 'timeout',
    evaluation_result: { score: 0.75 },
  };
  expect(await mean([late])).toEqual([0.75, {}]);
  expect(await mean([{ status: 'error', reward: 0, evaluation_result: { score: 0, isError: true } }])).toEqual([null, { grader: 1 }]);
  expect(await mean([])).toEqual([null, {}]);
});

test('J4: a grade whose score is no number is no grade', async () => {
  await using at = await startReporting();
  await at.call('POST', `/v2/trace/${T1}/exit`, { status: 'completed', reward: 0, evaluation_result: { score: true } });
  expect((await at.call('GET', `/v2/trace/${T1}`)).body).toMatchObject({ class: 'grader', reward: null });
});

test('a grade frame and metadata are kept as they came', async () => {
  await using at = await startReporting();
  await at.call('POST', `/v2/trace/${T1}/enter`, { parent_trace_id: T2 });
  const frame = '{"score":0.5,"isError":false,"info":{"n":1.0,"big":12345678901234567890}}';
  const body = `{"status":"completed","reward":0.5,"evaluation_result":${frame},"metadata":{"env_index":0}}`;
  await at.call('POST', `/v2/trace/${T1}/exit`, body);
  const row = await at.context.db.selectFrom('runs').select(['grade', 'metadata']).executeTakeFirstOrThrow();
  expect(row.grade).toBe(frame);
  expect(row.metadata).toBe(`{"parent_trace_id":"${T2}","env_index":0}`);
});

test('G2: the same call twice has the effect of one, and the first end stays', async () => {
  await using at = await startReporting();
  for (let i = 0; i < 2; i += 1) await at.call('POST', `/v2/trace/${T1}/enter`, { job_id: J, task_slug: 's', model: 'm' });
  for (let i = 0; i < 2; i += 1) await at.call('POST', `/v2/trace/${T1}/exit`, { status: 'completed', reward: 1 });
  await at.call('POST', `/v2/trace/${T1}/exit`, { status: 'error', reward: 0, error: 'late' });
  await at.call('POST', `/v2/trace/${T1}/enter`, { job_id: J, task_slug: 's' });
  const { items, total } = (await at.call('GET', `/v2/jobs/${J}/traces`)).body;
  expect(total).toBe(1);
  expect(items).toMatchObject([{ id: T1, status: 'completed', reward: 1, error: null, repeat: 0 }]);
});

test('G3, N1, N3: a run is found by every spelling of its id, and an id of free text is kept', async () => {
  await using at = await startReporting();
  await at.call('POST', `/v2/trace/${DASHED}/enter`, { job_id: J.toUpperCase() });
  for (const id of [T1, DASHED, T1.toUpperCase(), T1.slice(0, 8)])
    expect((await at.call('GET', `/v2/trace/${id}`)).body).toMatchObject({ id: T1, job_id: J });
  await at.call('POST', '/v2/trace/run-1/enter', { job_id: 'my job' });
  for (const id of ['run-1', 'a1512d2b-077d-5269-9e52-b7122739c297'])
    expect((await at.call('GET', `/v2/trace/${id}`)).body).toMatchObject({ id: 'a1512d2b077d52699e52b7122739c297', alias: 'run-1' });
  expect((await at.call('GET', `/v2/jobs/${encodeURIComponent('my job')}/traces`)).body.items).toHaveLength(1);
});

test('G4, G5: a slash at the end changes nothing, and every answer is JSON', async () => {
  await using at = await startReporting();
  const response = await fetch(`${at.url}/v2/trace/${T1}/enter/`, {
    method: 'POST',
    headers: { authorization: 'Bearer a' },
    redirect: 'manual',
  });
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json']);
  expect(await response.text()).not.toBe('');
});

test('what one team has reported does not exist for another', async () => {
  await using at = await startReporting();
  await at.call('POST', `/v2/trace/${T1}/enter`, { job_id: J, task_slug: 's' });
  const tries = [
    ['POST', `/v2/trace/${T1}/enter`, {}],
    ['POST', `/v2/trace/${T1}/exit`, { status: 'completed', reward: 0 }],
    ['POST', `/v2/trace/job/${J}/enter`, { name: 'mine', group: 1 }],
    ['POST', `/v2/trace/${T2}/enter`, { job_id: J }],
    ['GET', `/v2/trace/${T1}`],
    ['GET', `/v2/trace/${T1}/events`],
    ['GET', `/v2/trace/${T1}/spans`],
    ['GET', `/v2/trace/${T1}/live`],
    ['GET', `/v2/jobs/${J}`],
    ['GET', `/v2/jobs/${J}/traces`],
    ['GET', `/v2/jobs/${J}/live`],
  ] as const;
  for (const [method, path, body] of tries) {
    const { status, body: answer } = await at.call(method, path, body, 'b');
    expect([path, status]).toEqual([path, 404]);
    expect(answer.detail).toMatch(/^There is no (run|job) /);
  }
  expect((await at.call('GET', '/v2/jobs', undefined, 'b')).body.items).toEqual([]);
  expect((await at.call('POST', '/v2/rollouts/cancel', { trace_id: T1 }, 'b')).body).toEqual({ status: 'noop' });
  expect((await at.call('POST', '/v2/rollouts/cancel_user_jobs', {}, 'b')).body).toMatchObject({ jobs_cancelled: 0 });
  expect((await at.call('GET', `/v2/trace/${T1}`)).body).toMatchObject({ status: 'running' });
});

test('runs that come at once are told apart by their repeat', async () => {
  await using at = await startReporting();
  const ids = Array.from({ length: 40 }, () => crypto.randomUUID());
  await Promise.all(ids.map(async (id) => await at.call('POST', `/v2/trace/${id}/enter`, { job_id: J, task_slug: 's' })));
  const { items } = (await at.call('GET', `/v2/jobs/${J}/traces?limit=100`)).body;
  expect(items.map(({ repeat }) => repeat).toSorted((a, b) => Number(a) - Number(b))).toEqual(ids.map((_id, i) => i));
});

test('a job runs while one of its runs does', async () => {
  await using at = await startReporting();
  const status = async (): Promise<unknown> => (await at.call('GET', `/v2/jobs/${J}`)).body.status;
  await at.call('POST', `/v2/trace/${T1}/enter`, { job_id: J, task_slug: 's' });
  await at.call('POST', `/v2/trace/${T1}/exit`, { status: 'completed', reward: 1 });
  expect(await status()).toBe('completed');
  await at.call('POST', `/v2/trace/${T2}/enter`, { job_id: J, task_slug: 's' });
  expect(await status()).toBe('running');
  await at.call('POST', `/v2/trace/${T2}/exit`, { status: 'cancelled', reward: 0 });
  expect((await at.call('GET', `/v2/jobs/${J}`)).body).toMatchObject({
    status: 'completed',
    errors: { cancelled: 1 },
    ended_at: expect.stringMatching(/Z$/),
  });
});
