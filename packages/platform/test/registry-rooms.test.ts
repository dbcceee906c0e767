/** Every query of these rooms once. */
import { expect, test } from 'vitest';
import { createModel, listCheckpoints, setHead } from '../src/storage/models/models.ts';
import { testPlatform } from './registry.fixtures.ts';

test('tasksets, environments, models and QA are written, listed and read back', async () => {
  await using on = await testPlatform();
  const { db } = on.platform.context;
  const row = (name: string, n: number): object => ({ name, env: { name: 'e' }, task_id: 't', args: { n } });
  const upload = async (...tasks: object[]): Promise<unknown> =>
    (await on.call('POST', '/v2/tasks/upload', { taskset_name: 'Ü/1', tasks })).json;
  const created = (await upload(row('b', 1), row('a', 1))) as { taskset_id: string };
  expect(created).toMatchObject({ tasks_created: 2, version: 1 });
  expect(await upload(row('a', 2), row('c', 1))).toMatchObject({
    taskset_id: created.taskset_id,
    tasks_created: 1,
    tasks_updated: 1,
    version: 2,
  });
  const many = await Promise.all(Array.from({ length: 6 }, async (_, n) => await upload(row(`many-${n}`, n), row('shared', 0))));
  expect(new Set(many.map((one) => (one as { version: number }).version)).size).toBe(6);
  await on.call('DELETE', `/v2/tasksets/${created.taskset_id}/tasks`, {
    slugs: ['b', 'shared', ...Array.from({ length: 6 }, (_, n) => `many-${n}`)],
  });
  const exported = (await on.call('GET', `/v2/tasksets/${created.taskset_id}/export`)).json as {
    version: number;
    tasks: { name: string; args: object }[];
  };
  expect([exported.version, exported.tasks.map(({ name, args }) => [name, args])]).toEqual([
    9,
    [
      ['a', { n: 2 }],
      ['c', { n: 1 }],
    ],
  ]);
  expect((await on.call('GET', `/v2/tasksets/${created.taskset_id}/export?version=1`)).json).toMatchObject({
    tasks: [{ name: 'b' }, { name: 'a' }],
  });
  expect((await on.call('GET', '/v2/tasksets?search=%C3%BC')).json).toMatchObject({ total: expect.any(Number) as number });
  expect((await on.call('GET', '/v2/tasksets')).json).toMatchObject({
    items: [{ name: 'Ü/1', tasks: 2, unverified: 2, version: 9 }],
    total: 1,
  });

  const manifest = { tasks: [{ id: 't', args: { type: 'object', properties: { n: { type: 'integer' } } } }] };
  for (const name of ['e-2', 'e'])
    expect((await on.call('POST', '/v2/registry', { name, manifest })).json).toMatchObject({ latest_build: { version: '1' } });
  expect((await on.call('GET', '/v2/registry?search=E&limit=1')).json).toMatchObject({ items: [{ name: 'e' }], total: 2 });

  const model = await createModel(
    db,
    on.teams[0],
    { name: 'm', modelName: 'm', provider: 'p', sdkAgentType: 'openai_compatible', baseModel: 'b', sourceId: '0'.repeat(32) },
    1,
  );
  expect(
    await createModel(
      db,
      on.teams[0],
      { name: 'm', modelName: 'm', provider: 'p', sdkAgentType: 'openai_compatible', baseModel: 'b', sourceId: '0'.repeat(32) },
      1,
    ),
  ).toBe(undefined);
  await db
    .insertInto('checkpoints')
    .values({ id: '1'.repeat(32), model_id: model?.id ?? '', name: 'step-1', created_at: 1, metrics: '{}' })
    .execute();
  expect([await setHead(db, model?.id ?? '', '1'.repeat(32)), await setHead(db, model?.id ?? '', '2'.repeat(32))]).toEqual([
    'set',
    'absent',
  ]);
  expect(await listCheckpoints(db, model?.id ?? '')).toMatchObject([{ name: 'step-1' }]);

  const { items } = (await on.call('GET', '/v2/qa-agents?subject_type=taskset')).json as { items: { id: string }[] };
  const [{ id }] = (await on.call('POST', `/v2/qa-agents/${items[0]?.id}/run-resources`, { subject_ids: [created.taskset_id] })).json as [
    { id: string },
  ];
  await expect
    .poll(async () => (await on.call('GET', `/v2/qa-agents/results/resources?result_ids=${id}`)).json)
    .toMatchObject([{ status: 'completed', stale: false }]);
  expect((await on.call('POST', '/sdk-events/cli', { events: [{ command: 'eval' }] })).json).toEqual({ accepted: 1 });
});
