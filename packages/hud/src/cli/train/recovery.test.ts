/** What a session does when the platform goes away: scripted is the platform alone. */
import { expect, test } from 'vitest';
import { z } from 'zod';
import { Environment } from '../../environment/index.ts';
import type { Agent } from '../../agents/agent.ts';
import { Job } from '../../eval/index.ts';
import { HudError } from '../../protocol/errors.ts';
import { LocalRuntime } from '../../runtime/index.ts';
import { learn } from './learning.ts';
import { rollOut } from './rolling-out.ts';
import type { Session } from './session.ts';

const gone = (detail: string): HudError => new HudError('PLATFORM_FAILED', detail, { data: { status: 409, detail } });
const silent = (): HudError => new HudError('PLATFORM_UNREACHABLE', 'no answer');

/** @param outcomes of steps, one after the other: an error, or none */
function trainee(outcomes: (HudError | undefined)[]): { session: Session; asked: string[]; notes: string[] } {
  const asked: string[] = [];
  const notes: string[] = [];
  const trainer = {
    availableLosses: async () => [],
    forwardBackward: async (_runs: unknown, { operationId }: { operationId: string }) => {
      asked.push(operationId);
      return { metrics: { 'loss:sum': 1 } };
    },
    optimStep: async ({ operationId }: { operationId: string }) => {
      asked.push(operationId);
      const failure = outcomes.shift();
      if (failure !== undefined) throw failure;
      return { checkpointId: 'c' };
    },
  };
  const session = {
    plan: { steps: 9, group: 2, loss: 'ppo', learningRate: 1 },
    job: { id: 'j' },
    model: { id: 'm', modelName: 'mine' },
    isResumed: false,
    trainer,
    signal: new AbortController().signal,
    listener: { onPhase: () => {}, onNote: (text: string) => notes.push(text) },
  };
  return { session: session as unknown as Session, asked, notes };
}

test('a gradient that was lost is made again under another name', async () => {
  const { session, asked, notes } = trainee([gone('session rebuilt, re-run the batch')]);
  expect(await learn(session, 4, [])).toEqual({ metrics: { 'loss:sum': 1 }, checkpointId: 'c' });
  expect(asked).toEqual(['train-j-4-gradient', 'train-j-4-step', 'train-j-4-2-gradient', 'train-j-4-2-step']);
  expect(notes).toEqual([expect.stringContaining('step 4 of 9: the gradient was gone')]);
});

test('what nobody answered is asked for again under the same name, so that it is done once', async () => {
  const { session, asked } = trainee([silent()]);
  await learn(session, 4, []);
  expect(asked).toEqual(['train-j-4-gradient', 'train-j-4-step', 'train-j-4-gradient', 'train-j-4-step']);
});

test('a gradient that another trainer took is not made again, and the error says what to do', async () => {
  const { session, asked } = trainee([gone('no accumulated gradient: step 3 applied all there was')]);
  await expect(learn(session, 4, [])).rejects.toMatchObject({ hint: expect.stringContaining("Something else trains 'mine'") });
  expect(asked).toHaveLength(2);
});

/** Two tasks, the second of which the model does not answer at first. */
function rolling(failures: number): { session: Session; job: Job; tasks: Parameters<typeof rollOut>[1]['tasks']; notes: string[] } {
  const { session, notes } = trainee([]);
  const env = new Environment('sums');
  const say = env.template({ id: 'say', args: z.object({ word: z.string() }) }, async function* ({ word }) {
    const answer = yield word;
    yield answer === word ? 1 : 0;
  });
  let left = failures;
  const agent: Agent = {
    name: 'echo',
    run: async (run) => {
      if (String(run.prompt).includes('b') && left-- > 0) throw new HudError('MODEL_UNAVAILABLE', 'shutting down');
      run.trace.content = String(run.prompt);
      await Promise.resolve();
    },
  };
  const place = { runtime: new LocalRuntime(env), maxConcurrent: 1 };
  const job = new Job({ name: 'round', report: false });
  return {
    session: { ...session, agent, place, journal: { begin: { modelName: 'mine' } } } as unknown as Session,
    job,
    tasks: [say({ word: 'a' }), say({ word: 'b' })],
    notes,
  };
}

test('a task whose model did not answer is rolled out again as a whole, and its first group does not count', async () => {
  const { session, job, tasks, notes } = rolling(1);
  const { runs, again } = await rollOut(session, { tasks, job, group: 2, text: 'step 1 of 9' });
  expect(runs.map(({ class: kind, slug }) => [kind, slug])).toEqual(tasks.flatMap(({ slug }) => [1, 2].map(() => ['graded', slug])));
  expect([again, job.runs.length]).toEqual([[[tasks[1]?.slug]], 6]);
  expect(notes).toEqual(['step 1 of 9: 1 rollout had no answer of the model (shutting down), so 1 task is rolled out again']);
});

test('a model that never answers is given up on after two more rounds of rollouts', async () => {
  const { session, job, tasks } = rolling(100);
  const { runs, again } = await rollOut(session, { tasks, job, group: 2, text: 'step 1 of 9' });
  expect(runs.map(({ class: kind }) => kind)).toEqual(['graded', 'graded', 'provider', 'provider']);
  expect(again).toHaveLength(2);
});
