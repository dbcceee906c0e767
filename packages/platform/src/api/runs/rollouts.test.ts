import { expect, test } from 'vitest';
import { startReporting } from './reporting.fixtures.ts';
import { sweepOnce } from './sweep.ts';

const T1 = '03dd2a73d3df4d10a54ae3d87c2d530d';
const T2 = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa2';
const J = '11111111111111111111111111111111';

test('H3: a run that is cancelled is ending until its driver says so', async () => {
  await using at = await startReporting();
  await at.call('POST', `/v2/trace/${T1}/enter`, { job_id: J });
  expect((await at.call('POST', '/v2/rollouts/cancel', { trace_id: T1, job_id: J })).body).toEqual({ status: 'accepted' });
  expect((await at.call('GET', `/v2/trace/${T1}`)).body).toMatchObject({ status: 'cancelling', class: null, reward: null });
  expect((await at.call('POST', `/v2/trace/${T1}/enter`, {})).body).toMatchObject({ cancelled: true });
  await at.call('POST', `/v2/trace/${T1}/exit`, { status: 'cancelled', reward: 0 });
  expect((await at.call('GET', `/v2/trace/${T1}`)).body).toMatchObject({ status: 'cancelled', class: 'cancelled', reward: null });
});

test('H3: a driver that does not hear loses the run after 30 s, for good', async () => {
  await using at = await startReporting();
  await at.call('POST', `/v2/trace/${T1}/enter`, { job_id: J });
  await at.call('POST', '/v2/rollouts/cancel', { trace_id: T1 });
  at.pass(29_000);
  expect(await sweepOnce(at.context)).toBe(0);
  at.pass(2_000);
  expect(await sweepOnce(at.context)).toBe(1);
  await at.call('POST', `/v2/trace/${T1}/exit`, { status: 'completed', reward: 1 });
  expect((await at.call('GET', `/v2/trace/${T1}`)).body).toMatchObject({
    status: 'cancelled',
    reward: null,
    error: expect.stringContaining('cancelled'),
  });
  expect((await at.call('GET', `/v2/jobs/${J}`)).body).toMatchObject({ status: 'cancelled' });
});

test('H4: what has ended, or was never told, can not be cancelled', async () => {
  await using at = await startReporting();
  await at.call('POST', `/v2/trace/${T1}/exit`, { status: 'completed', reward: 1 });
  for (const id of [T1, T2])
    expect(await at.call('POST', '/v2/rollouts/cancel', { trace_id: id })).toEqual({ status: 200, body: { status: 'noop' } });
  expect((await at.call('GET', `/v2/trace/${T2}`)).status).toBe(404);
});

test('H6: a job, or all there is, is cancelled run by run', async () => {
  await using at = await startReporting();
  expect((await at.call('POST', '/v2/rollouts/cancel_user_jobs', {})).body).toEqual({
    jobs_cancelled: 0,
    total_tasks_cancelled: 0,
    job_details: [],
  });
  for (const trace of [T1, T2]) await at.call('POST', `/v2/trace/${trace}/enter`, { job_id: J, task_slug: trace });
  await at.call('POST', `/v2/trace/${'b'.repeat(32)}/enter`, {}, 'b');
  expect((await at.call('POST', '/v2/rollouts/cancel_job', { job_id: J })).body).toEqual({ cancelled: 2, total_found: 2 });
  expect((await at.call('POST', '/v2/rollouts/cancel_user_jobs', {})).body).toEqual({
    jobs_cancelled: 1,
    total_tasks_cancelled: 2,
    job_details: [{ job_id: J, cancelled: 2 }],
  });
  expect((await at.call('GET', `/v2/trace/${'b'.repeat(32)}`, undefined, 'b')).body.status).toBe('running');
});

test('a rollout that is submitted is refused with advice, and leaves no run behind', async () => {
  await using at = await startReporting();
  const refused = await at.call('POST', '/v2/rollouts/submit', {
    trace_id: T1,
    job_id: J,
    env: 'e',
    task: 't',
    agent: { type: 'claude', config: {} },
  });
  expect(refused).toMatchObject({ status: 400, body: { detail: expect.stringContaining('hud eval') } });
  expect((await at.call('GET', `/v2/trace/${T1}`)).status).toBe(404);
});

test('a run of which nothing is heard counts as cancelled, until its driver tells its end after all', async () => {
  await using at = await startReporting();
  await at.call('POST', `/v2/trace/${T1}/enter`, { job_id: J });
  at.pass(20 * 60_000);
  await at.call('POST', `/v2/trace/${T1}/enter`, {}); // news
  at.pass(29 * 60_000);
  expect(await sweepOnce(at.context)).toBe(0);
  at.pass(2 * 60_000);
  expect(await sweepOnce(at.context)).toBe(1);
  expect((await at.call('GET', `/v2/trace/${T1}`)).body).toMatchObject({
    status: 'cancelled',
    class: 'cancelled',
    error: expect.stringContaining('Nothing was heard of this run for 30 minutes'),
  });
  expect((await at.call('GET', `/v2/jobs/${J}`)).body).toMatchObject({ status: 'cancelled' });
  await at.call('POST', `/v2/trace/${T1}/exit`, { status: 'completed', reward: 1 });
  expect((await at.call('GET', `/v2/trace/${T1}`)).body).toMatchObject({ status: 'completed', reward: 1, error: null });
  expect((await at.call('GET', `/v2/jobs/${J}`)).body).toMatchObject({ status: 'completed', mean_reward: 1 });
});

test('runs of a record that no platform was told of are never swept, and not cancelled from here', async () => {
  await using at = await startReporting();
  await at.context.store.createJob({ id: J, name: 'local', group: 1, status: 'running', createdAt: 0, config: {} }, []);
  await at.context.store.startRun({ traceId: T1, jobId: J, slug: 's', taskId: 't', repeat: 0, attempt: 1, startedAt: 0 });
  at.pass(24 * 3_600_000);
  expect(await sweepOnce(at.context)).toBe(0);
  expect((await at.call('POST', '/v2/rollouts/cancel_job', { job_id: J }, 'local')).status).toBe(400);
  expect((await at.call('GET', `/v2/trace/${T1}`, undefined, 'local')).body).toMatchObject({ status: 'running' });
});

test('a job that tells its own status is closed when the last of its runs is lost', async () => {
  await using at = await startReporting();
  await at.call('POST', `/v2/trace/${T1}/enter`, { job_id: J, task_slug: 's' });
  await at.call('POST', `/v2/trace/${T2}/enter`, { job_id: J, task_slug: 's' });
  await at.context.db.updateTable('jobs').set({ config: '{"command":"eval"}' }).execute();
  const status = async (): Promise<unknown> => (await at.call('GET', `/v2/jobs/${J}`)).body.status;
  await at.call('POST', '/v2/rollouts/cancel', { trace_id: T1 });
  at.pass(31_000);
  expect(await sweepOnce(at.context)).toBe(1);
  expect(await status()).toBe('running');
  at.pass(31 * 60_000);
  expect(await sweepOnce(at.context)).toBe(1);
  expect(await status()).toBe('cancelled');
});
