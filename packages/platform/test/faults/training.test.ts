/** Each operation counts once, whatever happens to requests, processes, the engine, the disk and the database. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { readWeights } from '../../src/training/local/weights-file.ts';
import { caller } from '../registry.fixtures.ts';
import { Faults } from './training-faults.fixtures.ts';
import { PLAN } from './training-plan.fixtures.ts';
import { DisturbedPlatform } from './training-platform.fixtures.ts';
import { train, untilAnswered } from './training-trainer.fixtures.ts';

/** HUD_TRAINING_FAULTS makes a shorter or longer run of it, or HUD_KILLS, as of the other tests here. */
const FAULTS = Number(process.env.HUD_TRAINING_FAULTS ?? Number(process.env.HUD_KILLS ?? 1_000) / 2);
/** HUD_SEED draws the same faults again; moments are never quite the same. */
const SEED = Number(process.env.HUD_SEED ?? Date.now() % 1_000_000);
const LIMIT_MS = 3_000_000;

test(
  `after ${FAULTS} duplicates, timeouts, kills and full disks, weights and checkpoints are those of a training that nothing disturbed`,
  {
    timeout: LIMIT_MS,
  },
  async () => {
    process.stdout.write(`seed ${SEED}\n`);
    await using on = await DisturbedPlatform.begin();
    const { signal } = on.failed;
    const began = performance.now();
    const place = { url: on.url, apiKey: on.key, signal };
    const plain = await fork(on, 'undisturbed');
    await train({ ...place, modelId: plain, perform: async (call) => await untilAnswered(call, signal) });
    const undisturbed = await resultOf(on, plain);
    expect(undisturbed.checkpoints.map(({ step }) => step)).toEqual(PLAN.map((_none, i) => i + 1));
    const faults = new Faults(on, SEED);
    let [rounds, again] = [0, 0];
    for (; faults.count < FAULTS; rounds += 1) {
      const modelId = await fork(on, `disturbed-${rounds}`);
      again += await train({ ...place, modelId, perform: async (call) => await faults.perform(call, signal) });
      expect(await resultOf(on, modelId), `round ${rounds} of seed ${SEED}`).toEqual(undisturbed);
    }
    const figures = { faults: faults.count, rounds, steps: rounds * PLAN.length, runAgain: again, starts: on.starts };
    const seconds = Math.round((performance.now() - began) / 1_000);
    process.stdout.write(
      `${JSON.stringify({ ...figures, seconds, hasDisk: on.hasDisk })}\n${JSON.stringify(Object.fromEntries(faults.tally))}\n`,
    );
  },
);

/** @returns its id */
async function fork(on: DisturbedPlatform, name: string): Promise<string> {
  const call = caller(on.url, on.key);
  const asked = async (tries: number): Promise<Awaited<ReturnType<typeof call>>> => {
    const base = await call('GET', '/v2/models/resolve?model=tiny-chat');
    if (base.status !== 200) return base;
    const { id } = base.json as { id: string };
    return await call('POST', '/v2/models/fork', { source_model_id: id, name: `${name}-${tries}` });
  };
  for (let tries = 1; ; tries += 1) {
    on.failed.signal.throwIfAborted();
    const answer = await asked(tries).catch(() => undefined); // the platform starts again
    if (answer === undefined || answer.status === 503) continue;
    expect(answer.status, answer.text).toBe(200);
    return (answer.json as { id: string }).id;
  }
}

interface Result {
  /** In their order, but for ids, paths and times. */
  checkpoints: Record<string, unknown>[];
  inputs: unknown[];
  /** SHA-256 of the numbers of the head: weights and both moments of what is trained on, weights of what is sampled. */
  state: string[];
  sampler: string[];
  gradient: unknown;
  openOperations: unknown;
}

async function resultOf(on: DisturbedPlatform, modelId: string): Promise<Result> {
  const database = new DatabaseSync(join(on.folder, 'hud.db'), { timeout: 10_000 });
  try {
    const id = modelId.replaceAll('-', '');
    const rows = database.prepare('SELECT * FROM checkpoints WHERE model_id = ? ORDER BY created_at').all(id);
    const checkpoints = rows.map(
      ({ id: _id, model_id: _model, created_at: _at, state_path: _state, checkpoint_name: _name, prev_id, ...row }) => ({
        ...row,
        parent: rows.findIndex((each) => each.id === prev_id),
      }),
    );
    const fed = 'SELECT step, position, group_index, reward, advantage, tokens FROM training_inputs JOIN checkpoints ON checkpoint_id = id';
    const open = 'SELECT count(*) AS count FROM training_operations WHERE model_id = ? AND ended_at IS NULL';
    const model = database.prepare('SELECT head_id, gradient FROM models WHERE id = ?').get(id);
    const head = rows.find((row) => row.id === model?.head_id);
    return {
      checkpoints,
      inputs: database.prepare(`${fed} WHERE checkpoints.model_id = ? ORDER BY step, position`).all(id),
      state: await hashesOf(on, head?.state_path),
      sampler: await hashesOf(on, head?.checkpoint_name),
      gradient: model?.gradient,
      openOperations: database.prepare(open).get(id)?.count,
    };
  } finally {
    database.close();
  }
}

async function hashesOf(on: DisturbedPlatform, path: unknown): Promise<string[]> {
  const saved = await readWeights(join(on.folder, 'weights', `${String(path)}.weights`));
  const numbers = [saved?.weights, saved?.moments?.first, saved?.moments?.second].filter((list) => list !== undefined);
  return numbers.map((list) => createHash('sha256').update(list).digest('hex'));
}
