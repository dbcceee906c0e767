/** `hud models` on a model that was trained: its checkpoints as a table and as series, two of them compared, one kept for good. */
import { expect, test } from 'vitest';
import { workplace } from '../../hud/src/cli/testing.ts';
import { ADAM, batch, trained } from './training.fixtures.ts';

interface Diff {
  common: string | null;
  steps_to_first: number;
  steps_to_second: number;
  numbers: Record<string, { first: number | null; second: number | null; difference: number | null }>;
}

test('checkpoints are listed with what is kept of them, exported as series, compared, and pinned', async () => {
  await using on = await trained();
  await using place = await workplace();
  const model = await on.fork('mine');
  const hud = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await place.hud(['models', ...args], { env: { HUD_BASE_URL: on.platform.url, HUD_API_KEY: on.key } });
    expect(code, stderr).toBe(0);
    return stdout.trimEnd();
  };
  for (const [rate, rewards] of [
    [0.1, [1, 0]],
    [0.2, [1, 0, 0.5, 0.5]],
  ] as const) {
    await model.train('forward-backward', { inputs: batch(...rewards), group_size: 2 });
    expect((await model.train('optim-step', { ...ADAM, learning_rate: rate })).status).toBe(200);
  }
  const [first, second] = await model.checkpoints();

  expect(await hud('pin', 'mine', 'step-1')).toContain('to train, pinned');
  const rows = (await hud('checkpoints', 'mine')).split('\n').map((line) => line.split('\t'));
  expect(rows.map((row) => [row[0], row[1], row[6]])).toEqual([
    ['', 'name', 'weights'],
    ['', 'step-1', 'to train, pinned'],
    ['>', 'step-2', 'to train'],
  ]);
  const [header = '', ...lines] = (await hud('checkpoints', 'mine', '--format', 'csv')).split('\n');
  const columns = header.split(',');
  const column = (name: string): string[] => lines.map((line) => line.split(',')[columns.indexOf(name)] ?? '');
  expect([column('name'), column('learning_rate'), column('traces')]).toEqual([
    ['step-1', 'step-2'],
    ['0.1', '0.2'],
    ['2', '4'],
  ]);
  expect(column('loss:sum').map(Number)).toEqual([first?.metrics['loss:sum'], second?.metrics['loss:sum']]);
  expect(JSON.parse(await hud('checkpoints', 'mine', '--format', 'json'))).toEqual(JSON.parse(await hud('checkpoints', 'mine', '--json')));

  const diff = JSON.parse(await hud('diff', 'mine', 'step-1', second?.id ?? '', '--json')) as Diff;
  expect(diff).toMatchObject({ common: first?.id, steps_to_first: 0, steps_to_second: 1 });
  expect(diff.numbers).toMatchObject({
    learning_rate: { first: 0.1, second: 0.2, difference: expect.closeTo(0.1) as number },
    trajectories: { first: 2, second: 4, difference: 2 },
    groups_without_spread: { first: 0, second: 1, difference: 1 },
  });
  await on.call('PUT', `/v2/models/${model.id}/head`, { checkpoint_id: first?.id });
  await model.train('forward-backward', { inputs: batch(1, 0), group_size: 2 });
  await model.train('optim-step', ADAM);
  expect(await hud('diff', 'mine', 'step-2', 'step-3')).toMatch(/^They part at step-1: step-2 is 1 step after it, step-3 1 step\./);
  expect(await hud('pin', 'mine', 'step-1', '--off')).not.toContain('pinned');
  const wrong = await place.hud(['models', 'pin', 'mine', 'step-9'], { env: { HUD_BASE_URL: on.platform.url, HUD_API_KEY: on.key } });
  expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining("mine has no checkpoint 'step-9'")]);
});
