import { expect, test } from 'vitest';
import { connect, Run } from '../client/index.ts';
import { Environment, bind } from '../environment/index.ts';
import type { Agent } from './agent.ts';
import { nop } from './nop.ts';
import { oracle } from './oracle.ts';

/** What the agent leaves behind on a task with this solution, and what it was rejected with. */
async function runOn(agent: Agent, solution?: () => unknown): Promise<{ run: Run; error: unknown }> {
  const environment = new Environment('solved');
  const ask = environment.template({ id: 'ask', ...(solution && { solution }) }, async function* () {
    yield 'What?';
    yield 1;
  });
  await using server = await bind(environment, { port: 0, allowSolutions: true });
  await using client = await connect(server);
  const run = await Run.start(client, ask());
  const error: unknown = await agent.run(run, { signal: new AbortController().signal }).then(
    () => undefined,
    (cause: unknown) => cause,
  );
  return { run, error };
}

test.each([
  ['text as it is', () => '  42\n', '  42\n'],
  ['a number as JSON', () => 42, '42'],
  ['an object as JSON', () => ({ a: [1, 'b'] }), '{"a":[1,"b"]}'],
  ['what it waited for', () => Promise.resolve('later'), 'later'],
  ['nothing as no answer', () => null, undefined],
])('the oracle answers %s', async (_, solution, content) => {
  const { run, error } = await runOn(oracle, solution);
  expect(error).toBeUndefined();
  expect(run.trace).toMatchObject({ content, stopReason: 'done' });
  expect(run.trace.steps.filter(({ source }) => source === 'agent')).toMatchObject([{ content: content ?? null, done: true }]);
});

test("a task without a solution is one that the oracle can't solve", async () => {
  const { run, error } = await runOn(oracle);
  expect(error).toMatchObject({ code: 'TEMPLATE_NOT_FOUND' });
  expect(run.trace.content).toBeUndefined();
});

test('nop answers nothing, in one turn', async () => {
  const { run, error } = await runOn(nop, () => '42');
  expect(error).toBeUndefined();
  expect(run.trace).toMatchObject({ content: undefined, stopReason: 'done' });
  expect(run.trace.steps.filter(({ source }) => source === 'agent')).toMatchObject([{ done: true }]);
});
