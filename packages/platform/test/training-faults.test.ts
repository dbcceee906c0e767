/** Faults in the middle of training: each is told, the weights stay those of an undisturbed training, and no step is made twice. */
import { readdirSync, truncateSync } from 'node:fs';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { TrainingClient } from 'hud';
import { tempDir } from 'hud/testing';
import { readConfig } from '../src/config.ts';
import { startPlatform, type Platform } from '../src/server.ts';
import { exactEngine, type ExactEngine } from '../src/training/exact.fixtures.ts';
import type { TrainEngine } from '../src/training/engine.ts';
import { openLocalEngine } from '../src/training/local/local-engine.ts';
import { newTeam, ownPlatform, ownStorage, type OwnStorage } from './platform.fixtures.ts';
import { caller, type Call } from './registry.fixtures.ts';
import { ADAM, batch, modelOf, start, team, type Model } from './training.fixtures.ts';

const FIRST = { inputs: batch(1, 0), group_size: 2 };
const SECOND = { inputs: batch(0.25, 1), group_size: 2 };
const detail = (text: string): object => ({ detail: expect.stringContaining(text) as string });
const keyed = (key: string): Record<string, string> => ({ 'idempotency-key': key });

let storage: OwnStorage;
let platform: Platform;
let engine: ExactEngine;
let key: string;
let other: Call;
let fork: (name?: string) => Promise<Model>;
/** Weights after FIRST and SECOND in one step, and after the same once more. */
let undisturbed: Buffer[];
/** Called with what is on record. */
let onPhase: ((kind: string, phase: string) => void) | undefined;

beforeAll(async () => {
  storage = await ownStorage();
  ({ platform, engine } = await start(storage, (kind, phase) => onPhase?.(kind, phase)));
  key = (await newTeam(platform.context.db, 'first')).key;
  other = caller(platform.url, (await newTeam(platform.context.db, 'second')).key);
  ({ fork } = team(platform, key));
  const model = await fork('undisturbed');
  undisturbed = [await stepped(model), await stepped(model)];
});
afterAll(async () => {
  await platform.close();
  await storage[Symbol.asyncDispose]();
});

/** Both batches, and a step. @returns the weights */
async function stepped(model: Model): Promise<Buffer> {
  for (const [path, body] of [
    ['forward-backward', FIRST],
    ['forward-backward', SECOND],
    ['optim-step', ADAM],
  ] as const) {
    const { status, text } = await model.train(path, body);
    expect(status, text).toBe(200);
  }
  return await model.weights();
}

/** `fault` happens once, when the step is in the phase. */
function whenStepIs(phase: string, fault: () => void): void {
  onPhase = (kind, reached) => {
    if (kind !== 'optim-step' || reached !== phase) return;
    onPhase = undefined;
    fault();
  };
}

describe('what was accumulated and is lost', () => {
  test('is told to whoever asks again as well: a batch is never half of itself', async () => {
    const model = await fork();
    expect((await model.train('forward-backward', FIRST)).status).toBe(200);
    engine.lose();
    // What counts on nothing, or is nonsense, may be somebody else's: that it was answered is not enough.
    expect((await model.train('forward', FIRST)).status).toBe(409);
    expect((await model.train('forward-backward', { inputs: ['0'.repeat(32)] })).status).toBe(404);
    // The first answer is lost on the way, so the same is sent once more.
    for (let sent = 0; sent < 3; sent += 1)
      expect(await model.train('forward-backward', SECOND, keyed('second'))).toMatchObject({
        status: 409,
        json: detail('under a new key'),
      });
    expect(await stepped(model)).toEqual(undisturbed[0]);
  });

  test.each(['applying', 'applied'])(
    'with the engine while a step is %s is told, and the batch run again gives the same weights',
    async (phase) => {
      const model = await fork();
      await model.train('forward-backward', FIRST);
      whenStepIs(phase, () => engine.lose());
      for (let sent = 0; sent < 2; sent += 1)
        expect(await model.train('optim-step', ADAM, keyed('step'))).toMatchObject({ status: 409, json: detail('session rebuilt') });
      expect(await model.checkpoints()).toEqual([]);
      expect(await stepped(model)).toEqual(undisturbed[0]);
      expect(await stepped(model)).toEqual(undisturbed[1]);
    },
  );
});

describe('a step whose weights are saved is made once, and gone on with', () => {
  test.each([
    ['the engine is lost before the sampler is saved', 'state-saved', () => engine.lose(), 'not saved yet'],
    ['the disk is full when the state is saved', 'applied', () => engine.failNextSave(), 'No space left'],
    ['the disk is full when the sampler is saved', 'state-saved', () => engine.failNextSave(), 'No space left'],
    ['the disk of the database is full at the end', 'sampler-saved', () => fullDatabase(), 'the record can not be reached'],
  ])('%s', async (_name, phase, fault, text) => {
    const model = await fork();
    await model.train('forward-backward', FIRST);
    await model.train('forward-backward', SECOND);
    whenStepIs(phase, fault);
    const failed = await model.train('optim-step', ADAM, keyed('step'));
    expect(failed).toMatchObject({ status: 503, json: detail(text) });
    expect([failed.headers.get('retry-after'), failed.text]).toEqual(['2', expect.stringContaining('Call optim-step again')]);
    expect((await model.train('optim-step', ADAM, keyed('step'))).json).toMatchObject({ step: 1 });
    expect(await model.checkpoints()).toHaveLength(1);
    expect(await model.weights()).toEqual(undisturbed[0]);
    expect(await stepped(model)).toEqual(undisturbed[1]);
  });

  function fullDatabase(): void {
    vi.spyOn(platform.context.db, 'transaction').mockImplementationOnce(() => {
      throw Object.assign(new Error('database or disk is full'), { errcode: 13 });
    });
  }
});

describe('two trainers', () => {
  test('of one model take turns; whose batch the other has applied is told so', async () => {
    const { name } = await fork('shared');
    const client = (): TrainingClient => new TrainingClient(name, { apiKey: key, baseUrl: platform.url, apiUrl: platform.url });
    const [mine, theirs] = [client(), client()];
    const inputs = [1, 0].map((reward) => ({
      samples: [{ promptTokenIds: [257, 65], outputTokenIds: [97], outputLogprobs: [-5] }],
      reward,
    }));
    const passes = await Promise.all([mine, theirs, mine, theirs].map(async (one) => await one.forwardBackward(inputs, { groupSize: 2 })));
    expect(passes.map(({ numDatums }) => numDatums)).toEqual([2, 2, 2, 2]);
    expect(await mine.optimStep({ learningRate: 0.1 })).toMatchObject({ step: 1 });
    expect(await mine.head()).toMatchObject({ numDatums: 8 });
    await expect(theirs.optimStep({ learningRate: 0.1 })).rejects.toMatchObject({
      data: {
        status: 409,
        detail: expect.stringMatching(/no accumulated gradient: step 1 applied all there was.*another trainer.*fork/) as string,
      },
    });
  });

  test('why there is nothing to apply: equal rewards, or a head that was set', async () => {
    const model = await fork();
    expect((await model.train('forward-backward', { inputs: batch(1, 1), group_size: 2 })).status).toBe(200);
    expect(await model.train('optim-step', ADAM)).toMatchObject({ status: 409, json: detail('all rewards are equal') });
    await stepped(model);
    await model.train('forward-backward', FIRST);
    const [head] = await model.checkpoints();
    await caller(platform.url, key)('PUT', `/v2/models/${model.id}/head`, { checkpoint_id: head?.id });
    expect(await model.train('optim-step', ADAM)).toMatchObject({ status: 409, json: detail('it was dropped') });
  });

  test('platforms with one record: a step that the other took over does not count, here or there', async () => {
    const model = await fork('contended');
    await using slow = await anotherPlatform();
    const there = modelOf(caller(slow.platform.url, key), model.id, model.name);
    expect((await there.train('forward-backward', FIRST)).status).toBe(200);
    const held = slow.hold('state');
    const step = there.train('optim-step', ADAM, keyed('step'));
    await held.reached;
    expect(await model.train('optim-step', ADAM, keyed('step'))).toMatchObject({ status: 409, json: detail('session rebuilt') });
    held.release();
    expect(await step).toMatchObject({ status: 409, json: detail('Another platform with the same record') });
    expect(await model.checkpoints()).toEqual([]);
    expect(await stepped(model)).toEqual(undisturbed[0]);
    expect(await stepped(there)).toEqual(undisturbed[1]);
    expect((await model.checkpoints()).map(({ name }) => name)).toEqual(['step-1', 'step-2']);
  });

  test('platforms with one record: a checkpoint that the other has finished is the one that both tell', async () => {
    const model = await fork('finished');
    await using slow = await anotherPlatform();
    const there = modelOf(caller(slow.platform.url, key), model.id, model.name);
    for (const body of [FIRST, SECOND]) expect((await there.train('forward-backward', body)).status).toBe(200);
    const held = slow.hold('sampler');
    const step = there.train('optim-step', ADAM, keyed('step'));
    await held.reached;
    const finished = await model.train('optim-step', ADAM, keyed('step'));
    expect(finished.json).toMatchObject({ step: 1 });
    held.release();
    expect((await step).json).toEqual(finished.json);
    expect(await model.checkpoints()).toHaveLength(1);
    expect(await model.weights()).toEqual(undisturbed[0]);
    expect(await stepped(there)).toEqual(undisturbed[1]);
  });

  test('platforms with one record: a step of a head that has moved meanwhile does not count', async () => {
    const model = await fork('moved');
    await using slow = await anotherPlatform();
    const there = modelOf(caller(slow.platform.url, key), model.id, model.name);
    await stepped(there);
    expect((await there.train('forward-backward', FIRST)).status).toBe(200);
    const held = slow.hold('sampler');
    const step = there.train('optim-step', ADAM);
    await held.reached;
    await platform.context.db.updateTable('models').set({ head_id: null }).where('id', '=', model.id.replaceAll('-', '')).execute();
    held.release();
    expect(await step).toMatchObject({ status: 409, json: detail('session rebuilt') });
    expect((await there.train('optim-step', ADAM)).status).toBe(409); // what it had accumulated was of that head
    expect(await stepped(there)).toEqual(undisturbed[0]);
  });

  /** On the same storage; `hold` makes its next save of the kind wait. */
  async function anotherPlatform() {
    const exact = exactEngine(join(storage.settings.HUD_PLATFORM_DIR ?? '', 'weights'));
    let next: { kind: string; reached: () => void; released: Promise<void> } | undefined;
    const save = async (kind: string, work: () => Promise<string>): Promise<string> => {
      if (next?.kind === kind) {
        next.reached();
        await next.released;
        next = undefined;
      }
      return await work();
    };
    const open: TrainEngine['open'] = async (base, state, signal) => {
      const model = await exact.open(base, state, signal);
      const [saveState, saveSampler] = [model.saveState.bind(model), model.saveSampler.bind(model)];
      return Object.assign(model, {
        saveState: async (name: string) => await save('state', async () => await saveState(name)),
        saveSampler: async (name: string) => await save('sampler', async () => await saveSampler(name)),
      });
    };
    const config = readConfig({ HUD_PLATFORM_PORT: '0', HUD_PLATFORM_LOG: 'silent', ...storage.settings });
    const own = await startPlatform(config, { version: '0.0.0', training: { engine: { ...exact, open } } });
    const hold = (kind: 'state' | 'sampler') => {
      const [reached, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      next = { kind, reached: reached.resolve, released: released.promise };
      return { reached: reached.promise, release: released.resolve };
    };
    return { platform: own, hold, [Symbol.asyncDispose]: async () => await own.close() };
  }
});

test("another team's run is no input, whoever names it, and what was accumulated stays", async () => {
  const trace = 'ab'.repeat(16);
  await other('POST', `/v2/trace/${trace}/enter`, {});
  await other('POST', `/v2/trace/${trace}/exit`, { status: 'completed', reward: 1 });
  const model = await fork();
  await model.train('forward-backward', FIRST);
  expect(await model.train('forward-backward', { inputs: [trace, ...batch(0)] })).toMatchObject({ status: 404, json: detail('no trace') });
  await model.train('forward-backward', SECOND);
  expect((await model.train('optim-step', ADAM)).status).toBe(200);
  expect(await model.weights()).toEqual(undisturbed[0]);
});

test('saved weights that are damaged are refused by name, and another checkpoint is gone on from', { timeout: 120_000 }, async () => {
  await using folder = await tempDir('hud-damaged-');
  const local = openLocalEngine({ directory: folder.path });
  const training = { engine: local, onPhase: (kind: string, phase: string) => onPhase?.(kind, phase) };
  await using own = await ownPlatform({}, { training });
  const call = caller(own.platform.url, (await newTeam(own.platform.context.db, 'first')).key);
  const { id: base } = (await call('GET', '/v2/models/resolve?model=tiny-chat')).json as { id: string };
  const { id } = (await call('POST', '/v2/models/fork', { source_model_id: base, name: 'mine' })).json as { id: string };
  const model = modelOf(call, id, 'mine');
  const samples = [{ prompt_token_ids: [2, 40, 5, 3], output_token_ids: [50, 5], output_logprobs: [-4, -4] }];
  const pass = { inputs: [1, 0].map((reward) => ({ samples, reward })), group_size: 2 };
  const step = async (): Promise<Record<string, string>> => {
    expect((await model.train('forward-backward', pass)).status).toBe(200);
    return (await model.train('optim-step', ADAM)).json as Record<string, string>;
  };
  // No number of it may leave the finite ones, whatever the rewards and log-probabilities.
  const far = [{ ...samples[0], output_logprobs: [-2_000, -2_000] }];
  const refused = await model.train('forward-backward', { ...pass, inputs: [1, 0].map((reward) => ({ samples: far, reward })) });
  expect(refused).toMatchObject({ status: 400, json: detail('no finite number; nothing was added') });
  const [first, second] = [await step(), await step()];
  const pathOf = (name: string | undefined): string => join(folder.path, `${name}.weights`);
  const state = await readFile(pathOf(second.state_path));
  state[state.length >> 1]! ^= 1;
  await writeFile(pathOf(second.state_path), state);
  await truncate(pathOf(second.sampler_path), 1_000);
  const head = async (to: string | undefined): Promise<unknown> =>
    (await call('PUT', `/v2/models/${id}/head`, { checkpoint_id: to })).status;
  const ask = { model: 'mine', messages: [{ role: 'user', content: 'hi' }], max_tokens: 2, checkpoint: second.checkpoint_id };
  const sampled = await call('POST', '/gateway/chat/completions', ask);
  expect([sampled.status, sampled.text]).toEqual([500, expect.stringContaining('are damaged: what is in the file has not the hash')]);
  expect(await head(first.checkpoint_id)).toBe(200);
  expect((await model.train('forward', pass)).status).toBe(200); // the engine holds the first now
  expect(await head(second.checkpoint_id)).toBe(200);
  const told = await model.train('forward-backward', pass);
  expect(told).toMatchObject({ status: 409, json: detail('Make another checkpoint the head') });
  expect(told.text).not.toContain(folder.path);
  await head(first.checkpoint_id);
  // The only copy of a step goes with the engine's memory and a torn file: the step has not been, and is made again.
  whenStepIs('state-saved', () => {
    for (const name of readdirSync(folder.path)) if (name.startsWith('state-3-')) truncateSync(join(folder.path, name), 1_000);
    void local.kill();
  });
  expect((await model.train('forward-backward', pass)).status).toBe(200);
  expect((await model.train('optim-step', ADAM)).status).toBe(503);
  expect(await model.train('optim-step', ADAM)).toMatchObject({ status: 409, json: detail('session rebuilt') });
  expect(await step()).toMatchObject({ step: 3 });
});
