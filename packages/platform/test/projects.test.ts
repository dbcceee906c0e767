import { afterAll, beforeAll, expect, test } from 'vitest';
import { testPlatform, type TestPlatform } from './registry.fixtures.ts';

let on: TestPlatform;
beforeAll(async () => {
  on = await testPlatform();
});
afterAll(async () => await on[Symbol.asyncDispose]());

interface Project {
  id: string;
  name: string;
  is_default: boolean;
  capabilities: { create: boolean };
}

test('a team is one project, which is found by name, by id and on a page with a total', async () => {
  const { items, total } = (await on.call('GET', '/v2/projects?limit=500&offset=0')).json as { items: Project[]; total: number };
  const [project] = items;
  expect([total, items.length]).toEqual([1, 1]);
  expect(project).toMatchObject({ is_default: true, capabilities: { create: true } });
  expect((await on.call('GET', `/v2/projects?search=${project?.name}&limit=500`)).json).toEqual({ items, total });
  expect((await on.call('GET', '/v2/projects?search=nothing-of-that')).json).toEqual({ items: [], total: 0 });
  expect((await on.call('GET', `/v2/projects/${project?.id}`)).json).toEqual(project);
  expect((await on.other('GET', `/v2/projects/${project?.id}`)).status).toBe(404);
  expect((await on.call('GET', '/v2/auth/me')).json).toMatchObject({ team_id: project?.id });
});

test("making the team's own project gives it, making another is refused", async () => {
  const { items } = (await on.call('GET', '/v2/projects')).json as { items: Project[] };
  expect((await on.call('POST', '/v2/projects', { name: items[0]?.name, description: 'ours' })).json).toEqual(items[0]);
  expect(await on.call('POST', '/v2/projects', { name: 'Another one' })).toMatchObject({
    status: 409,
    json: { detail: expect.stringContaining('A team has one project here') as string },
  });
});

test.each(['/v2/jobs', '/v2/registry', '/v2/models', '/v2/projects', '/v2/tasksets'])(
  'the page of %s that is past the end tells the total all the same',
  async (path) => {
    const { total } = (await on.call('GET', `${path}?limit=100`)).json as { total: number };
    expect(total).toBeTypeOf('number');
    if (path === '/v2/jobs') return; // paged by a cursor
    expect((await on.call('GET', `${path}?limit=100&offset=${total}`)).json).toMatchObject({ items: [], total });
  },
);

test('a taskset can be made, and filled, with the project named; it tells whether it may be edited', async () => {
  const { team_id: project } = (await on.call('GET', '/v2/auth/me')).json as { team_id: string };
  const made = (await on.call('POST', '/v2/tasksets', { name: 'placed', project_id: project })).json as { id: string };
  expect(made).toMatchObject({ name: 'placed', can_edit: true });
  const tasks = [{ name: 'a', env: { name: 'shop' }, task_id: 'count', args: {} }];
  const upload = { taskset_name: 'placed', taskset_id: made.id, project_id: project, tasks };
  expect((await on.call('POST', '/v2/tasks/upload', upload)).json).toMatchObject({ taskset_id: made.id, tasks_created: 1 });
  expect((await on.call('GET', `/v2/tasksets/${made.id}`)).json).toMatchObject({ id: made.id, name: 'placed', can_edit: true });
});
