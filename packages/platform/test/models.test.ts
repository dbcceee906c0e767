import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tempDir, type TempDir } from 'hud/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { workplace } from '../../hud/src/cli/testing.ts';
import { testPlatform, type TestPlatform } from './registry.fixtures.ts';

const UPSTREAMS = {
  upstreams: [{ name: 'lab', base_url: 'http://127.0.0.1:9/v1' }],
  models: [
    { model_name: 'Qwen/Qwen3.5-4B', name: 'Qwen small', upstream: 'lab', is_trainable: true },
    { model_name: 'fixed', upstream: 'lab' },
  ],
};

let dir: TempDir;
let on: TestPlatform;
beforeAll(async () => {
  dir = await tempDir('hud-models-');
  await writeFile(join(dir.path, 'upstreams.json'), JSON.stringify(UPSTREAMS));
  on = await testPlatform({ HUD_PLATFORM_UPSTREAMS: join(dir.path, 'upstreams.json') });
});
afterAll(async () => {
  await on[Symbol.asyncDispose]();
  await dir[Symbol.asyncDispose]();
});

interface Model {
  id: string;
  name: string;
  model_name: string;
  is_trainable: boolean;
}

async function resolve(model: string): Promise<Model> {
  return (await on.call('GET', `/v2/models/resolve?model=${encodeURIComponent(model)}`)).json as Model;
}

async function fork(source: string, name: string): Promise<{ status: number; json: Model }> {
  return (await on.call('POST', '/v2/models/fork', { source_model_id: (await resolve(source)).id, name })) as never;
}

/** As training leaves them: each the child of the one before, the last one active. */
async function train(modelId: string, steps: number): Promise<string[]> {
  const { db } = on.platform.context;
  const model = modelId.replaceAll('-', '');
  const ids = Array.from({ length: steps }, (_, n) => `${String(n + 1).padStart(2, '0')}${model.slice(2)}`);
  for (const [n, id] of ids.entries()) {
    const numbers = { num_traces: 8, num_datums: 8, num_tokens: 512, mean_reward: 0.25 * n, learning_rate: 1e-5, loss_fn: 'ppo' };
    const row = {
      id,
      model_id: model,
      name: `step-${n + 1}`,
      checkpoint_name: `lab://${n}`,
      prev_id: ids[n - 1] ?? null,
      created_at: 1_000 + n,
      metrics: '{"loss":0.5}',
    };
    await db
      .insertInto('checkpoints')
      .values({ ...row, ...numbers })
      .execute();
  }
  await db
    .updateTable('models')
    .set({ head_id: ids.at(-1) ?? null })
    .where('id', '=', model)
    .execute();
  return ids;
}

const nodes = async (id: string): Promise<{ id: string; name: string; is_active: boolean; prev_model_checkpoint_id: string | null }[]> =>
  (await on.call('GET', `/v2/models/${id}/checkpoints`)).json as never;

describe('the model catalogue', () => {
  test('M1: every item says whether it is trainable and who provides it, all on the first page', async () => {
    const { items, total } = (await on.call('GET', '/v2/models')).json as { items: (Model & { provider: object })[]; total: number };
    expect(items.length).toBe(total);
    for (const item of items)
      expect(item).toMatchObject({
        id: expect.stringMatching(/^[0-9a-f]{8}-/) as string,
        is_trainable: expect.any(Boolean) as boolean,
        provider: { name: expect.any(String) as string },
      });
    expect(items.find(({ model_name: name }) => name === 'fixed')).toMatchObject({
      sdk_agent_type: 'openai_compatible',
      is_trainable: false,
    });
    expect((await on.call('GET', '/v2/models?limit=1&offset=1')).json).toMatchObject({ items: [{ id: items[1]?.id }], total });
  });

  test('M2: a model resolves by what requests say, and by nothing else', async () => {
    expect(await resolve('Qwen/Qwen3.5-4B')).toMatchObject({ id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string, name: 'Qwen small' });
    for (const name of ['Qwen small', 'nobody'])
      expect((await on.call('GET', `/v2/models/resolve?model=${encodeURIComponent(name)}`)).status).toBe(404);
  });

  test('M3: a fork has its base weights, and the same request again is the same fork', async () => {
    const first = await fork('Qwen/Qwen3.5-4B', 'My Fork');
    expect(first).toMatchObject({ status: 200, json: { name: 'My Fork', model_name: 'my-fork', is_trainable: true } });
    expect((await fork('Qwen/Qwen3.5-4B', 'My Fork')).json).toEqual(first.json);
    expect(await nodes(first.json.id)).toEqual([]);
    expect(await resolve('my-fork')).toMatchObject({ id: first.json.id });
    expect((await fork('Qwen/Qwen3.5-4B', 'my fork')).json.model_name).toBe('my-fork-2');
    expect((await fork('my-fork', 'My Fork')).status).toBe(409);
    expect((await on.other('GET', `/v2/models/${first.json.id}/checkpoints`)).status).toBe(404);
    expect((await on.other('POST', '/v2/models/fork', { source_model_id: first.json.id, name: 'theft' })).status).toBe(404);
  });

  test('what is not trainable is not forked, what is not there neither', async () => {
    expect(await fork('fixed', 'f')).toMatchObject({
      status: 400,
      json: { detail: expect.stringContaining("'fixed' can't be forked") as string },
    });
    expect((await on.call('POST', '/v2/models/fork', { source_model_id: '00000000-0000-4000-8000-000000000000', name: 'f' })).status).toBe(
      404,
    );
  });

  test('M4, CK3: setting the head leaves exactly one active, an unknown checkpoint changes nothing', async () => {
    const { id } = (await fork('Qwen/Qwen3.5-4B', 'headed')).json;
    await train(id, 3);
    const before = await nodes(id);
    expect(before.map(({ name, is_active: isActive }) => [name, isActive])).toEqual([
      ['step-1', false],
      ['step-2', false],
      ['step-3', true],
    ]);
    expect(before[1]?.prev_model_checkpoint_id).toBe(before[0]?.id);
    expect((await on.call('PUT', `/v2/models/${id}/head`, { checkpoint_id: before[0]?.id })).status).toBe(200);
    const other = (await fork('Qwen/Qwen3.5-4B', 'another')).json.id;
    for (const wrong of ['00000000-0000-4000-8000-000000000000', 'x'])
      expect((await on.call('PUT', `/v2/models/${id}/head`, { checkpoint_id: wrong })).status).toBe(404);
    expect((await on.call('PUT', `/v2/models/${other}/head`, { checkpoint_id: before[0]?.id })).status).toBe(404);
    expect((await on.other('PUT', `/v2/models/${id}/head`, { checkpoint_id: before[1]?.id })).status).toBe(404);
    expect((await nodes(id)).filter(({ is_active: isActive }) => isActive).map(({ name }) => name)).toEqual(['step-1']);
  });

  test('CK2: a fork begins as the active checkpoint of its source, which stays as it was', async () => {
    const { id } = (await fork('Qwen/Qwen3.5-4B', 'parent')).json;
    await train(id, 2);
    const child = (await fork('parent', 'child')).json.id;
    expect(await nodes(child)).toMatchObject([{ name: 'step-2', is_active: true, prev_model_checkpoint_id: null }]);
    expect((await nodes(child))[0]?.id).not.toBe((await nodes(id))[1]?.id);
    await train(child, 1);
    expect((await nodes(id)).find(({ is_active: isActive }) => isActive)?.name).toBe('step-2');
  });
});

test('hud models lists, forks, and moves the head', async () => {
  await using place = await workplace();
  const env = { HUD_BASE_URL: on.url, HUD_API_KEY: on.keys[0] };
  const hud = async (...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> =>
    await place.hud(['models', ...args], { env });
  expect((await hud('list')).stdout).toMatch(/\nQwen small\tQwen\/Qwen3\.5-4B\t[0-9a-f-]{36}\tlab\topenai_compatible\tyes\n/);
  expect(JSON.parse((await hud('fork', 'Qwen/Qwen3.5-4B', '-n', 'By Hand', '--json')).stdout)).toMatchObject({ model_name: 'by-hand' });
  expect(await hud('checkpoints', 'by-hand')).toMatchObject({
    code: 0,
    stdout: '',
    stderr: expect.stringContaining('base weights') as string,
  });
  expect((await hud('head', 'by-hand')).stdout).toBe('by-hand has its base weights\n');
  await train((await resolve('by-hand')).id, 2);
  expect((await hud('head', 'by-hand')).stdout).toMatch(/^step-2 {2}/);
  expect((await hud('head', 'by-hand', '--set', 'step-1')).stdout).toMatch(/^step-1 {2}/);
  expect((await hud('checkpoints', 'by-hand')).stdout.split('\n').slice(1, 3)).toEqual([
    expect.stringMatching(/^>\tstep-1\t.*\t0\.000\t0\.5000\t8\t/),
    expect.stringMatching(/^\tstep-2\t/),
  ]);
  expect(await hud('fork', 'fixed', '-n', 'x')).toMatchObject({ code: 1, stderr: expect.stringContaining('not trainable') as string });
  expect(await hud('head', 'by-hnd')).toMatchObject({ code: 1, stderr: expect.stringContaining('Did you mean by-hand?') as string });
  expect(await hud('usage', '--by', 'nothing')).toMatchObject({ code: 2 });
  expect(JSON.parse((await hud('usage', '--json')).stdout)).toMatchObject({ items: [], total: { calls: 0 } });
});
