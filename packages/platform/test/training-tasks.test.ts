/** Which tasks still teach a model, step by step. */
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { ADAM, batch, trained, type Model, type Trained } from './training.fixtures.ts';

interface Tasks {
  steps: { name: string; groups: number; with_spread: number }[];
  items: { slug: string; groups: { step: number; n: number; mean: number; min: number; max: number }[] }[];
  total: number;
  teaching: number;
  solved: number;
  unsolved: number;
}

/** Two runs of a task of a job. @returns their ids */
async function runsOf({ call }: Trained, jobId: string, task: string, rewards: [number, number]): Promise<string[]> {
  const ids = rewards.map(() => randomUUID().replaceAll('-', ''));
  for (const [i, id] of ids.entries()) {
    await call('POST', `/v2/trace/${id}/enter`, { job_id: jobId, task_slug: task, group_id: `${task}-${ids[0]}` });
    await call('POST', `/v2/trace/${id}/exit`, { status: 'completed', reward: rewards[i] });
  }
  return ids;
}

async function step(model: Model, traces: readonly string[], rewards: readonly number[]): Promise<void> {
  const inputs = batch(...rewards).map((input, i) => ({ ...input, trace_id: traces[i] }));
  const gradient = await model.train('forward-backward', { inputs, group_size: 2 });
  expect(gradient.status, gradient.text).toBe(200);
  expect((await model.train('optim-step', ADAM)).status).toBe(200);
}

test('tasks are told by their last group, those that still teach first', async () => {
  await using on = await trained();
  const model = await on.fork();
  const job = randomUUID().replaceAll('-', '');
  await on.call('POST', `/v2/trace/job/${job}/enter`, { name: 'training' });
  const round = async (rewards: Record<string, [number, number]>): Promise<void> => {
    const traces: string[] = [];
    for (const [task, own] of Object.entries(rewards)) traces.push(...(await runsOf(on, job, task, own)));
    await step(model, traces, Object.values(rewards).flat());
  };
  await round({ easy: [1, 0], hard: [0, 0], even: [0, 1] });
  await round({ easy: [1, 1], even: [0.25, 0.75] });
  const { status, text, json } = await on.call('GET', `/v2/models/${model.id}/tasks`);
  expect(status, text).toBe(200);
  const { steps, items, ...counts } = json as Tasks;
  expect(counts).toEqual({ total: 3, teaching: 1, solved: 1, unsolved: 1 });
  expect(steps.map(({ name, groups, with_spread }) => [name, groups, with_spread])).toEqual([
    ['step-1', 3, 2],
    ['step-2', 2, 1],
  ]);
  expect(items.map(({ groups }) => groups.map(({ step: at, mean, min, max }) => [at, mean, min, max]))).toEqual([
    [
      [0, 0.5, 0, 1],
      [1, 0.5, 0.25, 0.75],
    ],
    [
      [0, 0.5, 0, 1],
      [1, 1, 1, 1],
    ],
    [[0, 0, 0, 0]],
  ]);
  const newest = (await on.call('GET', `/v2/models/${model.id}/tasks?steps=1&limit=1`)).json as Tasks;
  expect([newest.total, newest.items.length, newest.steps.map(({ name }) => name)]).toEqual([2, 1, ['step-2']]);
});
