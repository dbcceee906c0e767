/** Which weights stay of what training leaves behind, and what becomes of those who still need them. */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newTeam, ownStorage, type OwnStorage } from './platform.fixtures.ts';
import { ADAM, batch, modelOf, team, type Checkpoint, type Model } from './training.fixtures.ts';
import { readConfig } from '../src/config.ts';
import { startPlatform, type Platform } from '../src/server.ts';
import { beginOperation, failOperation, noteProgress } from '../src/storage/training/operations.ts';
import { savedName } from '../src/storage/training/retention.ts';
import { exactEngine } from '../src/training/exact.fixtures.ts';

type Node = Checkpoint & { has_state: boolean; is_pinned: boolean };

let storage: OwnStorage;
let platform: Platform;
let key: string;
let on: ReturnType<typeof team>;

/** Keeps two states and three samplers. @param refusals of the engine to remove, the first ones */
async function begin(graceMs: number, refusals: (() => Promise<boolean>)[] = []): Promise<void> {
  const settings = { HUD_PLATFORM_PORT: '0', HUD_PLATFORM_LOG: 'silent', HUD_TRAIN_KEEP_STATES: '2', HUD_TRAIN_KEEP_SAMPLERS: '3' };
  const config = readConfig({ ...storage.settings, ...settings });
  const exact = exactEngine(weights());
  const remove = async (path: string): Promise<boolean> => await (refusals.shift() ?? (async () => await exact.remove(path)))();
  platform = await startPlatform(config, { version: '0.0.0', training: { engine: { ...exact, remove }, graceMs } });
  key ??= (await newTeam(platform.context.db, 'first')).key;
  on = team(platform, key);
}

beforeAll(async () => {
  storage = await ownStorage();
  await begin(0);
});
afterAll(async () => {
  await platform.close();
  await storage[Symbol.asyncDispose]();
});

const weights = (): string => join(storage.settings.HUD_PLATFORM_DIR ?? '', 'weights');
const nodes = async (model: Model): Promise<Node[]> => (await model.checkpoints()) as Node[];
const named = async (model: Model, name: string): Promise<Node> => (await nodes(model)).find((one) => one.name === name)!;
const head = async ({ id }: Model, checkpoint: Node) => await on.call('PUT', `/v2/models/${id}/head`, { checkpoint_id: checkpoint.id });
const pin = async ({ id }: Model, checkpoint: Node, isPinned = true) =>
  await on.call('PUT', `/v2/models/${id}/checkpoints/${checkpoint.id}/pin`, { is_pinned: isPinned });

/** Names of steps whose states are kept, and of those that can be sampled. */
async function kept(model: Model): Promise<[string[], string[]]> {
  const all = await nodes(model);
  const names = (these: Node[]): string[] => these.map(({ name }) => name.replace('step-', ''));
  return [names(all.filter(({ has_state: has }) => has)), names(all.filter(({ checkpoint_name: name }) => name !== null))];
}

/** Saved weights on the disk. */
async function files(): Promise<string[]> {
  return (await readdir(weights())).map((file) => file.replace(/-[0-9a-f]{32}$/, '')).toSorted();
}

async function steps(model: Model, count: number): Promise<Buffer> {
  for (let n = 0; n < count; n += 1) {
    expect((await model.train('forward-backward', { inputs: batch(1, 0), group_size: 2 })).status).toBe(200);
    const { status, text } = await model.train('optim-step', ADAM);
    expect(status, text).toBe(200);
  }
  return await model.weights();
}

async function forkOf(source: Model, name: string): Promise<Model> {
  const { json, status, text } = await on.call('POST', '/v2/models/fork', { source_model_id: source.id, name });
  expect(status, text).toBe(200);
  return modelOf(on.call, (json as { id: string }).id, name);
}

async function answers(model: string, checkpoint?: string): Promise<number> {
  const body = { model, messages: [{ role: 'user', content: 'hé' }], max_tokens: 3, ...(checkpoint && { checkpoint }) };
  return (await on.call('POST', '/gateway/chat/completions', body)).status;
}

test('the head, the newest and what is pinned stay; what is gone says so, and which setting decides', async () => {
  const before = await files().catch(() => []);
  expect(before).toEqual([]);
  const model = await on.fork('pinned');
  await steps(model, 1);
  expect((await pin(model, await named(model, 'step-1'))).json).toMatchObject({ name: 'step-1', is_pinned: true, has_state: true });
  await steps(model, 5);
  expect(await kept(model)).toEqual([
    ['1', '5', '6'],
    ['1', '4', '5', '6'],
  ]);
  const left = ['sampler-1', 'sampler-4', 'sampler-5', 'sampler-6', 'state-1', 'state-5', 'state-6'];
  await expect.poll(files).toEqual(left);

  for (const name of ['step-2', 'step-4']) {
    const gone = await head(model, await named(model, name));
    expect([gone.status, gone.text]).toEqual([409, expect.stringContaining('HUD_TRAIN_KEEP_STATES keeps the newest 2')]);
  }
  expect((await pin(model, await named(model, 'step-2'))).status).toBe(409);
  expect([await answers(model.name, 'step-2'), await answers(model.name, 'step-4'), await answers(model.name)]).toEqual([404, 200, 200]);
  expect((await nodes(model)).map(({ name, metrics }) => [name, Object.keys(metrics).length > 0])).toHaveLength(6);

  const first = await named(model, 'step-1');
  expect((await head(model, first)).status).toBe(200);
  await steps(model, 1);
  expect(await named(model, 'step-7')).toMatchObject({ prev_model_checkpoint_id: first.id, is_active: true });
  expect((await pin(model, first, false)).json).toMatchObject({ is_pinned: false, has_state: true });
  await steps(model, 1);
  expect(await kept(model)).toEqual([
    ['7', '8'],
    ['6', '7', '8'],
  ]);
  await expect.poll(files).toEqual(['sampler-6', 'sampler-7', 'sampler-8', 'state-7', 'state-8']);
});

test('a fork is trained and sampled from what it shares, whatever becomes of its source', async () => {
  const undisturbed = await on.fork('undisturbed');
  const expected = [await steps(undisturbed, 3), await steps(undisturbed, 1)];
  const source = await on.fork('source');
  await steps(source, 2);
  const [one, other] = [await forkOf(source, 'one'), await forkOf(source, 'other')];
  const shared = (await named(source, 'step-2')).checkpoint_name;
  await steps(source, 4);
  expect(await named(source, 'step-2')).toMatchObject({ has_state: false, checkpoint_name: null });
  await head(source, await named(source, 'step-5'));
  expect(await answers('one')).toBe(200);
  expect(await steps(one, 1)).toEqual(expected[0]);
  await steps(one, 3);
  expect(await named(one, 'step-2')).toMatchObject({ has_state: false, checkpoint_name: null });
  // The last one that names it.
  await expect.poll(async () => await pending()).toEqual([]);
  expect((await nodes(other))[0]).toMatchObject({ has_state: true, checkpoint_name: shared });
  expect(await answers('other')).toBe(200);
  expect([await steps(other, 1), await steps(other, 1)]).toEqual(expected);
  await steps(other, 2);
  await expect.poll(async () => (await readdir(weights())).some((file) => shared.endsWith(file))).toBe(false);
});

/** Weights that are to be removed. */
async function pending(): Promise<string[]> {
  return (await platform.context.db.selectFrom('weights_removals').select('path').execute()).map(({ path }) => path);
}

test('what a process leaves to be removed, the next one removes: also what a step that failed had saved', async () => {
  await expect.poll(pending).toEqual([]);
  await platform.close();
  await begin(3_600_000);
  const model = await on.fork('left');
  await steps(model, 4);
  expect(await kept(model)).toEqual([
    ['3', '4'],
    ['2', '3', '4'],
  ]);
  const { db } = platform.context;
  const id = 'f'.repeat(32);
  const modelId = model.id.replaceAll('-', '');
  await beginOperation(db, { id, model_id: modelId, key: id, kind: 'optim-step', request_hash: '' }, 1);
  await noteProgress(db, id, { phase: 'applied', plan: '{"step":5}' });
  await writeFile(join(weights(), savedName('state', 5, id)), 'a crash came before this was on record');
  await failOperation(db, { id, modelId, now: 1 }, '{}', false);
  const left = await pending();
  expect(left).toHaveLength(3 + 2);
  await platform.close();
  const all = await readdir(weights());
  const refusals = [() => Promise.reject(new Error('out of reach')), () => Promise.resolve(false)];
  await begin(0, refusals);
  await expect.poll(pending).toEqual([]);
  expect(refusals).toEqual([]);
  const gone = all.filter((file) => left.some((path) => path.endsWith(file)));
  expect(gone).toHaveLength(3 + 1);
  expect(await readdir(weights())).toEqual(all.filter((file) => !gone.includes(file)));
  expect(await answers(model.name)).toBe(200);
  await steps(modelOf(on.call, model.id, model.name), 1);
});

test('checkpoints come in pages after one of them, or all together', async () => {
  const model = await on.fork('paged');
  await steps(model, 4);
  const all = await nodes(model);
  const path = `/v2/models/${model.id}/checkpoints`;
  const page = async (query: string): Promise<unknown> => (await on.call('GET', `${path}?${query}`)).json;
  expect(await page(`limit=2`)).toEqual(all.slice(0, 2));
  expect(await page(`after=${all[1]?.id}&limit=1`)).toEqual(all.slice(2, 3));
  expect(await page(`after=${all[3]?.id}`)).toEqual([]);
  expect((await on.call('GET', `${path}?after=${'0'.repeat(32)}`)).status).toBe(404);
});
