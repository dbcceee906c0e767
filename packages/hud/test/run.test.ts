import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { defineAgent, type Agent } from '../src/agents/agent.ts';
import type { Run } from '../src/client/index.ts';
import { Environment, bind } from '../src/environment/index.ts';
import { Job, Taskset, type RunEvent } from '../src/eval/index.ts';
import { HudError, Task } from '../src/protocol/index.ts';
import { LocalRuntime, Runtime, type ProviderObject } from '../src/runtime/index.ts';
import { openStore, type Store } from '../src/store/index.ts';

let folder: string;
let store: Store;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hud-run-'));
  store = await openStore({ directory: folder });
});
afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true });
});

function letters(): { env: Environment; log: string[]; echo: (args: { want?: string }) => Task } {
  const env = new Environment('letters');
  const log: string[] = [];
  const echo = env.template({ id: 'echo', args: z.object({ want: z.string().default('yes') }) }, async function* ({ want }) {
    try {
      const answer = yield `say ${want}`;
      log.push(`graded ${String(answer)}`);
      yield answer === want ? 1 : 0;
    } finally {
      log.push('cleaned');
    }
  });
  env.template({ id: 'bad-start' }, async function* () {
    yield await Promise.reject(new Error('no such level'));
  });
  env.template({ id: 'bad-grade' }, async function* () {
    yield 'p';
    throw new Error('grader broke');
  });
  env.template({ id: 'nan' }, async function* () {
    yield 'p';
    yield Number.NaN;
  });
  env.template({ id: 'grading-error' }, async function* () {
    yield 'p';
    yield { reward: 0, isError: true, content: 'the judge was away' };
  });
  env.template({ id: 'hang' }, async function* () {
    await new Promise(() => {});
    yield 'never';
  });
  env.template({ id: 'die' }, async function* () {
    yield 'p';
    yield 1;
  });
  env.template({ id: 'check' }, async function* () {
    const frame: unknown = yield '';
    yield { score: 0.5, info: { frame } };
  });
  return { env, log, echo };
}

const say = (text: string): Agent =>
  defineAgent(
    async (run) => {
      run.record({ source: 'agent', content: text, done: true });
      run.trace.content = text;
    },
    { name: 'say' },
  );

const runtimeOf = (env: Environment): LocalRuntime => new LocalRuntime(env);
const row = (id: string, more: object = {}): Task => new Task({ env: 'letters', id, ...more });

async function one(task: Task, agent: Agent, options: Parameters<Taskset['run']>[1] = {}): Promise<Run> {
  const { env } = letters();
  const job = await task.run(agent, { runtime: runtimeOf(env), store, ...options });
  expect(job.runs).toHaveLength(1);
  return job.runs[0] as Run;
}

test('a graded rollout has its reward, its steps, and everything on disk', async () => {
  const { env, echo } = letters();
  const job = await echo({}).run(say('yes'), { runtime: runtimeOf(env), store });
  const [run] = job.runs as [Run];
  expect(run).toMatchObject({ class: 'graded', reward: 1, error: undefined, slug: 'echo' });
  expect(run.trace).toMatchObject({ status: 'completed', content: 'yes' });
  expect(run.trace.steps.map(({ source, stepId }) => [source, stepId])).toEqual([
    ['task', 1],
    ['user', 2],
    ['agent', 3],
    ['task', 4],
  ]);
  expect(job.reward).toBe(1);
  const record = await store.getRun(run.traceId);
  expect(record).toMatchObject({ jobId: job.id, class: 'graded', reward: 1, answer: 'yes', status: 'completed', agent: 'say', steps: 4 });
  const spans = (await store.listSpans(run.traceId)).items;
  expect(spans.map(({ name }) => name)).toEqual(['step.task', 'step.user', 'step.agent', 'step.task']);
  expect(await store.getJob(job.id)).toMatchObject({ status: 'completed', name: 'echo' });
});

test('repeats share a group, and runs stand in the order of the taskset whatever ends first', async () => {
  const { env, echo } = letters();
  const tasks = new Taskset(
    'words',
    ['a', 'b', 'c'].map((want) => echo({ want })),
  );
  let nth = 0;
  const uneven = defineAgent(async (run) => {
    nth += 1;
    await delay(nth % 2 === 0 ? 1 : 30);
    run.trace.content = 'b';
  });
  const job = await tasks.run(uneven, { runtime: new LocalRuntime(() => env), group: 2, store, maxConcurrent: 4 });
  expect(job.name).toBe('words (3 tasks) (2 times)');
  expect(job.runs.map(({ slug, repeat }) => [slug, repeat])).toEqual(
    [...tasks].flatMap(({ slug }) => [
      [slug, 0],
      [slug, 1],
    ]),
  );
  expect(new Set(job.runs.map(({ groupId }) => groupId)).size).toBe(3);
  expect(job.runs[0]?.groupId).toBe(job.runs[1]?.groupId);
  expect(job.summary()).toMatchObject({ runs: 6, n: 6, mean: 1 / 3, excluded: {} });
  expect([...job.results.values()].map((runs) => runs.length)).toEqual([2, 2, 2]);
  expect((await store.listRuns(job.id)).items.map((r) => r.repeat)).toEqual([0, 1, 0, 1, 0, 1]);
});

test.each([
  ['bad-start', 'boot', 'no such level'],
  ['nowhere', 'boot', 'unknown task'],
  ['bad-grade', 'grader', 'grader broke'],
  ['nan', 'grader', 'finite number'],
  ['grading-error', 'grader', 'the judge was away'],
])('task %s ends as %s and stays out of the mean', async (id, kind, message) => {
  const run = await one(row(id), say('x'));
  expect(run.class).toBe(kind);
  expect(run.error?.message).toContain(message);
  expect(run.trace.status).toBe('error');
  expect(await store.getRun(run.traceId)).toMatchObject({ class: kind, error: { message: expect.stringContaining(message) as string } });
});

test('a system step says in which phase it failed', async () => {
  expect((await one(row('bad-grade'), say('x'))).trace.error).toMatch(/^\[grading\] .*grader broke/);
  expect((await one(row('bad-start'), say('x'))).trace.error).toMatch(/^\[starting task\] .*no such level/);
});

test('an agent that raises is graded all the same, and the verdict counts', async () => {
  const run = await one(
    row('echo'),
    defineAgent(async (r) => {
      r.trace.content = 'yes';
      throw new Error('my agent has a bug');
    }),
  );
  expect(run).toMatchObject({ class: 'graded', reward: 1 });
  expect(run.trace).toMatchObject({
    status: 'error',
    error: expect.stringMatching(/^\[agent loop\] my agent has a bug \(at .*run\.test\.ts:\d+:\d+\)$/) as string,
  });
});

test('an agent that raises and can not be graded ends as agent', async () => {
  expect(
    await one(
      row('bad-grade'),
      defineAgent(async () => {
        throw new Error('bug');
      }),
    ),
  ).toMatchObject({ class: 'agent', reward: 0 });
});

test('a model that fails is a fault of the provider: its grade is kept but does not count', async () => {
  const { env, echo } = letters();
  const job = await echo({}).run(
    defineAgent(async () => {
      throw new HudError('MODEL_RATE_LIMITED', '429 from the model', { data: { status: 429 } });
    }),
    { runtime: runtimeOf(env), store },
  );
  expect(job.runs[0]).toMatchObject({ class: 'provider', verdict: { raw: { score: 0 } } });
  expect(job.summary()).toMatchObject({ runs: 1, n: 0, mean: null, excluded: { provider: 1 } });
  expect(job.reward).toBe(0);
  expect(job.errors).toHaveLength(1);
  expect(await store.getRun(job.runs[0]?.traceId ?? '')).toMatchObject({
    class: 'provider',
    grade: { score: 0 },
    error: { code: 'MODEL_RATE_LIMITED', data: { status: 429 } },
  });
});

test('an agent timeout is graded with what there is, also when the agent ignores its signal', async () => {
  const stubborn: Agent = {
    ...defineAgent(async (run) => {
      run.trace.content = 'yes';
      await new Promise(() => {});
    }),
    timeoutSeconds: 0.05,
  };
  const run = await one(row('echo'), stubborn);
  expect(run).toMatchObject({
    class: 'graded',
    reward: 1,
    trace: { status: 'error', stopReason: 'timeout', error: 'agent timed out after 0.05s' },
  });
  const strict = await one(row('echo', { agentConfig: { timeoutSeconds: 0.05 } }), { ...stubborn, timeoutSeconds: 60 });
  expect(strict.trace.stopReason).toBe('timeout');
});

test('a rollout timeout ends without a grade, at once, and the task is cancelled', async () => {
  const { env, log, echo } = letters();
  const startedAt = performance.now();
  const job = await echo({}).run(
    defineAgent(async (run) => {
      run.trace.content = 'yes';
      await new Promise(() => {});
    }),
    { runtime: runtimeOf(env), store, rolloutTimeout: 0.1 },
  );
  expect(performance.now() - startedAt).toBeLessThan(2_000);
  expect(job.runs[0]).toMatchObject({ class: 'timeout', verdict: { raw: {} }, trace: { status: 'error' } });
  expect(job.runs[0]?.error?.message).toBe('rollout timed out after 0.1s during agent loop');
  expect(log).toEqual(['cleaned']);
});

test('a template that hangs before its prompt is ended by the rollout timeout', async () => {
  const run = await one(row('hang'), say('x'), { rolloutTimeout: 0.2 });
  expect(run.error?.message).toBe('rollout timed out after 0.2s during starting task');
});

test('an interrupt cancels without grading, records it, and rejects', async () => {
  const { env, log, echo } = letters();
  const interrupt = new AbortController();
  const running = new Taskset('t', [echo({ want: 'a' }), echo({ want: 'b' })]).run(
    defineAgent(async (_run, { signal }) => {
      interrupt.abort(new HudError('CANCELLED', 'Ctrl-C'));
      await delay(60_000, undefined, { signal });
    }),
    { runtime: runtimeOf(env), store, signal: interrupt.signal, maxConcurrent: 1 },
  );
  await expect(running).rejects.toMatchObject({ code: 'CANCELLED' });
  expect(log).toEqual(['cleaned']);
  const [job] = (await store.listJobs()).items;
  expect(job).toMatchObject({ status: 'cancelled' });
  const runs = (await store.listRuns(job?.id ?? '')).items;
  expect(runs.map((run) => run.class)).toEqual(['cancelled']);
  expect(runs[0]?.grade).toBeUndefined();
});

test('an environment that dies under the agent is a fault of the sandbox', async () => {
  const { env } = letters();
  const server = await bind(env);
  const run = await one(
    row('die'),
    defineAgent(async (_run, { signal }) => {
      void server.close();
      await delay(60_000, undefined, { signal });
    }),
    { runtime: new Runtime(server.url) },
  );
  expect(run).toMatchObject({ class: 'sandbox', verdict: { raw: {} } });
  expect(run.error?.code).toBe('CONNECTION_LOST');
});

test('nothing that answers is a fault of the boot', async () => {
  const run = await one(row('echo'), say('x'), { runtime: new Runtime('tcp://127.0.0.1:9', { params: { ready_timeout: 0.1 } }) });
  expect(run).toMatchObject({ class: 'boot', trace: { status: 'error' } });
  expect(run.error?.code).toBe('RUNTIME_UNREACHABLE');
  expect(() => run.client).toThrow('no environment');
});

test('a provider that throws fails its own rollout only', async () => {
  const { env, echo } = letters();
  const good = runtimeOf(env);
  const flaky: ProviderObject = {
    name: 'flaky',
    acquire: async (task, context) => {
      if (task.args.want === 'a') throw new Error('no capacity');
      return await good.acquire(task, context);
    },
  };
  const job = await new Taskset('t', [echo({ want: 'a' }), echo({ want: 'b' })]).run(say('b'), { runtime: flaky, store });
  expect(job.runs.map((run) => run.class)).toEqual(['boot', 'graded']);
  expect(job.summary()).toMatchObject({ runs: 2, n: 1, mean: 1, excluded: { boot: 1 } });
});

test('steps that come after the end are not recorded', async () => {
  const late = Promise.withResolvers<void>();
  const run = await one(row('echo'), {
    ...defineAgent(async (r) => {
      setTimeout(() => {
        r.record({ source: 'agent', content: 'too late' });
        late.resolve();
      }, 300);
      await new Promise(() => {});
    }),
    timeoutSeconds: 0.05,
  });
  const before = run.trace.length;
  await late.promise;
  expect(run.trace.length).toBe(before);
});

test('a shared verifier sees the whole frame and replaces the grade', async () => {
  const task = row('echo', { verifier: { env: 'letters', id: 'check' } });
  const run = await one(task, say('yes'));
  expect(run).toMatchObject({ class: 'graded', reward: 0.5 });
  expect(run.verdict.info).toEqual({ frame: { score: 1 } });
  expect(run.trace.steps.filter(({ source }) => source === 'task')).toHaveLength(4);
});

test('a separate verifier runs in a place of its own, after the actor is gone', async () => {
  const { env } = letters();
  const judge = new Environment('judge');
  judge.template({ id: 'check' }, async function* () {
    const frame: unknown = yield '';
    yield (frame as { isError?: boolean }).isError === true ? 0.25 : 0.75;
  });
  const places = { letters: runtimeOf(env), judge: runtimeOf(judge) };
  const provider: ProviderObject = {
    name: 'two',
    acquire: async (task, context) => await places[task.env as 'letters' | 'judge'].acquire(task, context),
  };
  const verifier = { env: 'judge', id: 'check' };
  expect(await one(row('echo', { verifier }), say('yes'), { runtime: provider })).toMatchObject({ class: 'graded', reward: 0.75 });
  expect(await one(row('bad-grade', { verifier }), say('yes'), { runtime: provider })).toMatchObject({ class: 'graded', reward: 0.25 });
});

test('a verifier that fails leaves the run ungraded', async () => {
  const run = await one(row('echo', { verifier: { env: 'letters', id: 'bad-grade' } }), say('yes'));
  expect(run).toMatchObject({ class: 'grader', reward: 0, verdict: { raw: {} } });
  expect(run.trace.error).toContain('[verifying]');
});

test('a thousand rollouts in flight, each with its own verdict', async () => {
  const env = new Environment('many');
  const pick = env.template({ id: 'pick', args: z.object({ n: z.int() }) }, async function* ({ n }) {
    const answer = yield String(n);
    yield Number(answer) === n ? 1 : 0;
  });
  await using server = await bind(env);
  const tasks = new Taskset(
    'many',
    Array.from({ length: 1_000 }, (_, n) => pick({ n })),
  );
  let inFlight = 0;
  let most = 0;
  const job = await tasks.run(
    defineAgent(async (run) => {
      most = Math.max(most, ++inFlight);
      run.trace.content = run.promptText;
      await delay(1_000);
      inFlight -= 1;
    }),
    { runtime: new Runtime(server.url), store },
  );
  expect(job.summary()).toMatchObject({ n: 1_000, mean: 1 });
  expect(most).toBeGreaterThan(500);
});

test('the stream tells what happens, verdicts after they are on disk', async () => {
  const { env, echo } = letters();
  const events: string[] = [];
  for await (const event of new Taskset('t', [echo({})]).stream(say('yes'), { runtime: runtimeOf(env), store })) {
    events.push(event.type === 'phase' ? event.phase : event.type);
    if (event.type === 'run-ended') expect((await store.getRun(event.run.traceId))?.class).toBe('graded');
  }
  expect(events.filter((name) => name !== 'step')).toEqual([
    'job-started',
    'run-started',
    'provisioning',
    'starting task',
    'agent loop',
    'grading',
    'run-ended',
    'group-ended',
    'job-ended',
  ]);
});

test('leaving the stream early interrupts the job', async () => {
  const { env, echo } = letters();
  let last: RunEvent | undefined;
  for await (const event of echoSet(echo).stream(
    defineAgent(async (_run, { signal }) => await delay(60_000, undefined, { signal })),
    { runtime: runtimeOf(env), store },
  )) {
    last = event;
    if (event.type === 'phase' && event.phase === 'agent loop') break;
  }
  expect(last?.type).toBe('phase');
  expect((await store.listJobs()).items[0]).toMatchObject({ status: 'cancelled' });
});

test('an open job collects the runs of several calls', async () => {
  const { env, echo } = letters();
  const job = await Job.start('session', { group: 2, store });
  await echoSet(echo).run(say('yes'), { runtime: runtimeOf(env), job });
  const same = await echoSet(echo).run(say('no'), { runtime: runtimeOf(env), job });
  expect(same).toBe(job);
  expect(job.runs.map((run) => run.reward)).toEqual([1, 1, 0, 0]);
  expect((await store.listRuns(job.id)).items).toHaveLength(4);
  expect(await store.getJob(job.id)).toMatchObject({ status: 'running' });
  await job.end();
  expect(await store.getJob(job.id)).toMatchObject({ status: 'completed' });
});

test.each([
  [{ group: 0 }, 'group'],
  [{ maxConcurrent: 0 }, 'maxConcurrent'],
  [{ maxConcurrent: 1.5 }, 'maxConcurrent'],
  [{ rolloutTimeout: 0 }, 'rolloutTimeout'],
])('options that make no sense are refused before anything starts: %o', async (options, name) => {
  const { env, echo, log } = letters();
  await expect(echoSet(echo).run(say('x'), { runtime: runtimeOf(env), store, ...options })).rejects.toThrow(name);
  expect(log).toEqual([]);
  expect((await store.listJobs()).items).toEqual([]);
});

test('deadlines that contradict each other are refused before anything starts', async () => {
  const slow = row('echo', { agentConfig: { timeoutSeconds: 60 } });
  await expect(slow.run(say('x'), { store, runtime: new Runtime('tcp://127.0.0.1:9'), rolloutTimeout: 60 })).rejects.toThrow(
    'not below the rollout timeout',
  );
  const limited = row('echo', { agentConfig: { timeoutSeconds: 60 }, runtimeConfig: { limits: { runTimeoutS: 60 } } });
  await expect(limited.run(say('x'), { store, runtime: new Runtime('tcp://127.0.0.1:9') })).rejects.toThrow(
    "not below the runtime's run timeout",
  );
});

test('a row that comes from nowhere needs a runtime', async () => {
  await expect(row('echo').run(say('x'), { store })).rejects.toMatchObject({ code: 'PLACEMENT_UNKNOWN' });
});

test('a task runs in the environment that minted it when nobody says where', async () => {
  const { echo } = letters();
  expect((await echo({}).run(say('yes'), { store })).reward).toBe(1);
  expect(
    (
      await echo({})
        .with({ slug: 'copy', verifier: echo({}) })
        .run(say('yes'), { store })
    ).runs[0]?.class,
  ).toBe('graded');
  await expect(echo({}).with({ env: 'elsewhere' }).run(say('yes'), { store })).rejects.toMatchObject({ code: 'PLACEMENT_UNKNOWN' });
});

test("a task's agent config reaches an agent that takes it", async () => {
  let seen: unknown;
  const agent: Agent = {
    ...say('yes'),
    withConfig: (config) => {
      seen = config;
      return say('other');
    },
  };
  const run = await one(row('echo', { agentConfig: { maxSteps: 3, systemPrompt: 'be brief', custom: 1 } }), agent);
  expect(seen).toEqual({ maxSteps: 3, systemPrompt: 'be brief', custom: 1 });
  expect(run.trace.content).toBe('other');
});

test('a record that can no longer be written ends the job with that error and loses no verdict', async () => {
  const { env, echo } = letters();
  const tasks = new Taskset(
    't',
    Array.from({ length: 20 }, (_, n) => echo({ want: String(n) })),
  );
  let finished = 0;
  const full: Store = new Proxy(store, {
    get(target, key) {
      if (key === 'finishRun') {
        return async (...args: Parameters<Store['finishRun']>) => {
          finished += 1;
          if (finished > 5) throw new HudError('STORE_FULL', 'no space left');
          return await target.finishRun(...args);
        };
      }
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  await expect(tasks.run(say('yes'), { runtime: new LocalRuntime(() => env), store: full, maxConcurrent: 1 })).rejects.toMatchObject({
    code: 'STORE_FULL',
  });
  const [job] = (await store.listJobs()).items;
  expect(job).toMatchObject({ status: 'failed', error: 'no space left' });
  expect((await store.listRuns(job?.id ?? '')).items.filter((run) => run.class === 'graded')).toHaveLength(5);
});

function echoSet(echo: (args: { want?: string }) => Task): Taskset {
  return new Taskset('t', [echo({})]);
}

test('a start that hangs on a served environment is cancelled there, not left parked', async () => {
  const env = new Environment('letters');
  let isCleaned = false;
  env.template({ id: 'hang' }, async function* (_args, { signal }) {
    signal.addEventListener('abort', () => (isCleaned = true));
    await new Promise(() => {});
    yield 'never';
  });
  await using server = await bind(env);
  const run = await one(row('hang'), say('x'), { runtime: new Runtime(server.url), rolloutTimeout: 0.2 });
  expect(run.class).toBe('timeout');
  await expect.poll(() => isCleaned).toBe(true);
});
