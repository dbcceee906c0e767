import { float, isHudError, sync, Task, Taskset } from 'hud';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testPlatform, type TestPlatform } from './registry.fixtures.ts';

let on: TestPlatform;
beforeAll(async () => {
  on = await testPlatform();
});
afterAll(async () => await on[Symbol.asyncDispose]());

const place = (): { baseUrl: string; apiKey: string } => ({ baseUrl: on.url, apiKey: on.keys[0] });
const task = (slug: string, args: Record<string, unknown> = {}, env = 'e'): Task => new Task({ env, id: 'solve', slug, args });

test('a taskset comes back as it was uploaded, by name and by id', async () => {
  const rows = [
    new Task({
      env: 'e',
      id: 'solve',
      args: { one: float(1), big: 12345678901234567890n, none: null, text: 'é' },
      columns: { level: null },
      agentConfig: { maxSteps: 3 },
      validation: [{ answer: float(2) }],
      runtimeConfig: { image: null, resources: { cpu: 2 } },
      verifier: { env: 'judge', id: 'check', args: { q: 1 } },
    }),
    task('plain'),
  ];
  const local = new Taskset('round/trip é', rows);
  const { tasksetId, tasksCreated } = await sync.uploadTasks({ name: local.name }, local, place());
  expect(tasksCreated).toBe(2);
  for (const reference of [local.name, tasksetId]) {
    const remote = await Taskset.fromApi(reference, place());
    expect([remote.name, remote.tasksetId]).toEqual([local.name, tasksetId]);
    expect([...remote].map((row) => row.toJSON())).toEqual(rows.map((row) => row.toJSON()));
    expect(sync.diff(local, remote)).toMatchObject({ toApply: [], unchanged: rows, remoteOnly: [] });
  }
});

test('a diff tells what is new, changed, moved to another environment, and only remote', async () => {
  await sync.uploadTasks({ name: 'differs' }, [task('same'), task('changed', { n: 1 }), task('moved'), task('theirs')], place());
  const remote = await Taskset.fromApi('differs', place());
  const plan = sync.diff(
    new Taskset('differs', [task('same'), task('changed', { n: float(1) }), task('moved', {}, 'other'), task('new')]),
    remote,
  );
  const slugs = (tasks: Task[]): string[] => tasks.map(({ slug }) => slug);
  expect([slugs(plan.toCreate), slugs(plan.toUpdate), slugs(plan.unchanged), slugs(plan.remoteOnly)]).toEqual([
    ['new'],
    ['changed', 'moved'],
    ['same'],
    ['theirs'],
  ]);
  await sync.uploadTasks({ id: remote.tasksetId ?? '' }, plan.toApply, place());
  expect(await sync.deleteTasks(remote.tasksetId ?? '', slugs(plan.remoteOnly), place())).toBe(1);
  expect(sync.diff(await Taskset.fromApi('differs', place()), await Taskset.fromApi('differs', place())).summary()).toBe(
    '0 to create, 0 to update, 4 unchanged, 0 remote only',
  );
});

test('a taskset that is not there is an error that names it, and nothing to fetch', async () => {
  const error: unknown = await Taskset.fromApi('nobody', place()).catch((reason: unknown) => reason);
  expect(isHudError(error) && [error.code, error.message]).toEqual(['PLATFORM_NOT_FOUND', "The platform has no taskset 'nobody'."]);
  expect(await sync.fetchTaskset('00000000-0000-4000-8000-000000000000', place())).toBe(undefined);
});
