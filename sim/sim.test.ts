import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCampaign } from './campaign.ts';
import { PLANTS } from './plants.ts';
import { play, type Played } from './play.ts';

const FRESH_SEEDS = 30;
const BROKEN_SEEDS = 120;

test(`${FRESH_SEEDS} fresh seeds break nothing`, async () => {
  const from = Date.now();
  const options = { from, seeds: FRESH_SEEDS, minutes: 1, workers: 2, plant: undefined, seed: undefined };
  const { played, failures, faults, attempts } = await runCampaign(options);
  expect(failures, `seeds from ${from}`).toEqual([]);
  expect(played).toBe(FRESH_SEEDS);
  expect(attempts).toBeGreaterThan(FRESH_SEEDS);
  expect(Object.keys(faults).length).toBeGreaterThan(5);
});

test.each(PLANTS)('a seed shows that $does, and shows it again', async (plant) => {
  const found = await firstBroken(plant);
  expect(found?.violation?.invariant, `within ${BROKEN_SEEDS} seeds`).toBeOneOf([...plant.breaks]);
  const again = await play(found?.seed ?? 0, { plant });
  expect(again).toEqual(found);
});

test('what a plant broke is whole again afterwards', async () => {
  for (const plant of PLANTS) expect((await play(1, { plant })).seed).toBe(1);
  expect((await play(1)).violation).toBeUndefined();
});

test('a seed is the same world in every process', async () => {
  const [first, second] = await Promise.all([elsewhere(7), elsewhere(7)]);
  expect(first.fingerprint).toMatch(/^[0-9a-f]{64}$/);
  expect(second).toEqual(first);
  expect((await elsewhere(8)).fingerprint).not.toBe(first.fingerprint);
});

async function firstBroken(plant: (typeof PLANTS)[number]): Promise<Played | undefined> {
  for (let seed = 1; seed <= BROKEN_SEEDS; seed++) {
    const played = await play(seed, { plant });
    if (played.violation !== undefined) return played;
  }
  return undefined;
}

/** In a process that has played nothing else. */
async function elsewhere(seed: number): Promise<Played> {
  const worker = fork(join(import.meta.dirname, 'worker.ts'), { execArgv: [] });
  const message = once(worker, 'message', { signal: AbortSignal.timeout(15_000) });
  worker.send({ from: seed, count: 1, plant: undefined });
  const [played] = (await message) as [Played];
  worker.disconnect();
  return played;
}
