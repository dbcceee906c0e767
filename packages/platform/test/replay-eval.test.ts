/** `hud eval --replay`: a job again, with the replies that its models gave, and no model anywhere. */
import { fileURLToPath } from 'node:url';
import { scriptedModel, type ModelScript } from 'hud/testing';
import { expect, test } from 'vitest';
import { workplace, type Finished } from '../../hud/src/cli/testing.ts';
import { platformBefore, type GatewayFixture } from './gateway.fixtures.ts';

const ENVIRONMENT = fileURLToPath(new URL('../../hud/src/environment/index.ts', import.meta.url));

const LETTERS = `
import { Environment } from '${ENVIRONMENT}';
import { z } from 'zod';
export const env = new Environment('letters');
export const count = env.template({ id: 'count', args: z.object({ word: z.string() }) }, async function* ({ word }) {
  const answer = yield 'How many r are in ' + word + '?';
  yield Number(answer) === word.split('r').length - 1 ? 1 : 0;
});
export const tasks = [count({ word: 'strawberry' }), count({ word: 'cherry' })];
`;

interface Document {
  job: { id: string; reward: number | null };
  runs: {
    slug: string;
    repeat: number;
    class: string;
    reward: number | null;
    traceId: string;
    answer: string | null;
    error?: { code: string; message: string };
  }[];
}

const documentOf = ({ stdout }: Finished): Document => JSON.parse(stdout) as Document;
const results = ({ runs }: Document): unknown[] =>
  runs.map(({ slug, repeat, class: kind, reward, answer }) => ({ slug, repeat, kind, reward, answer }));

/** Right for one word, and each time in other words. */
const script: ModelScript = ({ messages, index }) => ({
  text: messages[0]?.text.includes('strawberry') === true ? '3' : String(100 + index),
});

function envOf({ platform, key }: GatewayFixture): Record<string, string> {
  return { HUD_BASE_URL: platform.url, HUD_API_KEY: key };
}

test.each([
  { model: 'claude-haiku-4-5', from: 'this folder' },
  { model: 'gpt-5', from: 'the platform' },
  { model: 'gemini-2.5-pro', from: 'this folder' },
])(
  'a job of $model, known to $from, is replayed with the model server off: the same answers and rewards, at no cost',
  async ({ model, from }) => {
    const models = await scriptedModel(script);
    await using gateway = await platformBefore(models);
    await using place = await workplace();
    await place.write({ 'env.ts': LETTERS });
    const args = ['eval', 'env.ts', model, '--all', '--group', '2', '--json', '-y'];
    const env = envOf(gateway);
    const then = await place.hud([...args, '--gateway'], { env });
    expect(then).toMatchObject({ code: 0 });
    await models.close();
    const { job, ...first } = documentOf(then);
    expect(job.reward).toBe(0.5);
    await using elsewhere = await workplace();
    await elsewhere.write({ 'env.ts': LETTERS });
    const now = await (from === 'this folder' ? place : elsewhere).hud([...args, '--replay', job.id.slice(0, 8)], { env });
    expect(now).toMatchObject({ code: 0 });
    const again = documentOf(now);
    expect(results(again)).toEqual(results({ job, ...first }));
    expect(again.runs.map(({ traceId }) => traceId)).not.toEqual(first.runs.map(({ traceId }) => traceId));
    const { db } = gateway.platform.context;
    const ids = again.runs.map(({ traceId }) => traceId);
    const read = () => db.selectFrom('model_calls').select(['status', 'cost_usd']).where('trace_id', 'in', ids).execute();
    await expect.poll(read).toEqual(ids.map(() => ({ status: 'replayed', cost_usd: 0 })));
  },
  60_000,
);

test('runs that the job never had, and requests that differ, are failures of class provider that say why', async () => {
  const models = await scriptedModel(script);
  await using gateway = await platformBefore(models);
  await using place = await workplace();
  await place.write({ 'env.ts': LETTERS });
  const env = envOf(gateway);
  const then = documentOf(await place.hud(['eval', 'env.ts', 'claude-haiku-4-5', '--gateway', '--json'], { env }));
  await models.close();
  const more = documentOf(
    await place.hud(['eval', 'env.ts', 'claude-haiku-4-5', '--group', '2', '--json', '--replay', then.job.id], { env }),
  );
  expect(more.runs).toMatchObject([
    { class: 'graded', reward: 1 },
    {
      class: 'provider',
      error: {
        message: expect.stringMatching(/^Job \w{8} has no repeat 2 of the task 'count-\w+', so there is nothing to replay\.$/) as string,
      },
    },
  ]);
  await place.write({ 'env.ts': LETTERS.replace('How many r', 'How many letters r') });
  const other = documentOf(await place.hud(['eval', 'env.ts', 'claude-haiku-4-5', '--json', '--replay', then.job.id], { env }));
  expect(other.runs).toMatchObject([
    {
      class: 'provider',
      error: {
        message: expect.stringMatching(/Call 1 is not in the recording of trace \w{32}: `messages\[0\]` is not what it was/) as string,
      },
    },
  ]);
}, 60_000);

test.each([
  { args: ['claude_code'], says: '--replay does not work with claude_code' },
  { args: ['--agent-module', 'agent.ts'], says: '--replay does not work with --agent-module' },
  { args: ['claude'], says: "There is no job 'abcd1234'" },
])('what can not be replayed is told before anything runs: $args', async ({ args, says }) => {
  await using place = await workplace();
  await place.write({ 'env.ts': LETTERS });
  const finished = await place.hud(['eval', 'env.ts', ...args, '--replay', 'abcd1234']);
  expect(finished.stderr).toContain(says);
  expect(finished.code).not.toBe(0);
});
