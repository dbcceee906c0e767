/** Our scheduler on environments that the Python package serves, placed by address or as child processes. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Taskset, type Job, type RunOptions } from '../../packages/hud/src/eval/index.ts';
import { defineAgent, type Agent } from '../../packages/hud/src/agents/agent.ts';
import { connect, type Client } from '../../packages/hud/src/client/index.ts';
import { HudError, Task, type TaskInit } from '../../packages/hud/src/protocol/index.ts';
import { LocalRuntime, Runtime, type Provider } from '../../packages/hud/src/runtime/index.ts';
import type { Python } from '../python.ts';
import type { Case } from '../report.ts';

export interface RolloutOptions {
  python: Python;
  /** Served addresses, by environment name. */
  urls: Record<string, string>;
  /** The served environments read on while a task starts or grades. */
  isInterruptible: boolean;
}

/** A Python child takes seconds to start. */
const CHILD_MS = 90_000;
const SOURCE = join(import.meta.dirname, '../envs/env.py');

export function typescriptRolloutCases({ python, urls, isInterruptible }: RolloutOptions): Case[] {
  const served: Provider = async (task) => {
    const url = urls[task.env];
    if (url === undefined) throw new HudError('ENVIRONMENT_NOT_FOUND', `No address for ${task.env}.`);
    return await new Runtime(url).acquire();
  };
  const hangs = isInterruptible ? [hangCase(served, urls)] : [];
  return [...servedCases(served, urls), ...hangs, ...verifierCases(served), ...childCases(python)];
}

/** Answers with what follows `tag=` in the prompt. */
const tagReader: Agent = defineAgent(
  async (run) => {
    run.trace.content = run.promptText.replace('tag=', '');
  },
  { name: 'tag-reader' },
);

function row(id: string, args: Record<string, unknown> = {}, more: Partial<TaskInit> = {}): Task {
  return new Task({ env: 'interop', id, args, ...more });
}

async function runAll(tasks: Task[], agent: Agent, options: RunOptions): Promise<Job> {
  return await new Taskset('interop', tasks).run(agent, { store: false, ...options });
}

function servedCases(runtime: Provider, urls: Record<string, string>): Case[] {
  return [
    {
      name: 'a taskset with group 2 on a served environment is graded run by run',
      async run() {
        const job = await runAll(
          ['a', 'b', 'c'].map((tag) => row('echo', { tag })),
          tagReader,
          { runtime, group: 2 },
        );
        assert.deepEqual(
          job.runs.map((run) => run.evaluation.tag),
          ['a', 'a', 'b', 'b', 'c', 'c'],
        );
        assert.deepEqual(
          job.runs.map((run) => run.class),
          Array.from({ length: 6 }, () => 'graded'),
        );
        assert.equal(job.reward, 1);
      },
    },
    {
      name: 'a bare address is a place',
      async run() {
        const job = await runAll([row('echo', { tag: 'x' })], tagReader, { runtime: new Runtime(urls.interop ?? '') });
        assert.equal(job.runs[0]?.reward, 1);
      },
    },
    {
      name: 'every kind of grade ends in its class',
      async run() {
        const kinds = ['result', 'bool', 'error', 'text', 'raise', 'nan'];
        const job = await runAll(
          kinds.map((kind) => row('grade_as', { kind })),
          tagReader,
          { runtime },
        );
        assert.deepEqual(
          job.runs.map((run) => run.class),
          ['graded', 'graded', 'grader', 'grader', 'grader', 'grader'],
        );
        assert.deepEqual(
          job.runs.slice(0, 2).map((run) => run.reward),
          [0.75, 1],
        );
        assert.match(job.runs[3]?.error?.message ?? '', /yield a number/);
      },
    },
    {
      name: 'an agent that fails is graded all the same',
      async run() {
        const failing = defineAgent(
          async () => {
            throw new Error('out of ideas');
          },
          { name: 'failing' },
        );
        const job = await runAll([row('tracked', { key: `failing-${process.hrtime.bigint()}` })], failing, { runtime });
        const [run] = job.runs;
        assert.deepEqual([run?.class, run?.reward, run?.trace.status], ['graded', 0.5, 'error']);
      },
    },
    {
      name: "a start that fails ends the run before the agent, with the environment's words",
      async run() {
        const job = await runAll([row('fix_bug', { difficulty: 'five', bugs: 2 })], tagReader, { runtime });
        assert.equal(job.runs[0]?.class, 'boot');
        assert.match(job.runs[0]?.error?.message ?? '', /bad args/);
      },
    },
  ];
}

function hangCase(runtime: Provider, urls: Record<string, string>): Case {
  return {
    name: "a rollout's deadline ends a start that hangs, and nothing stays behind",
    async run() {
      const key = `hung-${process.hrtime.bigint()}`;
      const job = await runAll([row('slow', { seconds: 30, key })], tagReader, { runtime, rolloutTimeout: 1 });
      assert.equal(job.runs[0]?.class, 'timeout');
      await using client = await connect(new Runtime(urls.interop ?? ''));
      await until(async () => (await cleanups(client, key)) === 1, 'the hung task was cancelled and cleaned up');
    },
  };
}

async function cleanups(client: Client, key: string): Promise<number> {
  const { prompt } = await client.start('journal');
  await client.cancel();
  return (JSON.parse(String(prompt)) as Record<string, number>)[key] ?? 0;
}

/** @throws Error when the condition does not come true within ten seconds */
async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  const endsAt = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > endsAt) throw new Error(`after 10 s still not: ${what}`);
    await sleep(50);
  }
}

function verifierCases(runtime: Provider): Case[] {
  return [
    {
      name: "a shared verifier's grade replaces the actor's",
      async run() {
        const task = row('echo', { tag: 'v' }, { verifier: row('check', { factor: 0.25 }) });
        const job = await runAll([task], tagReader, { runtime, group: 2 });
        for (const run of job.runs) {
          assert.deepEqual([run.class, run.reward], ['graded', 0.25]);
          assert.deepEqual(run.evaluation.seen, { score: 1, tag: 'v', answer: 'v' });
        }
      },
    },
    {
      name: "a verifier of another environment runs there, on the actor's grade",
      async run() {
        const verifier = new Task({ env: 'interop-verifier', id: 'check' });
        const job = await runAll([row('echo', { tag: 'w' }, { verifier })], tagReader, { runtime });
        const [run] = job.runs;
        assert.deepEqual([run?.class, run?.reward, run?.evaluation.separate], ['graded', 0.5, true]);
        assert.deepEqual(run?.evaluation.seen, { score: 1, tag: 'w', answer: 'w' });
      },
    },
  ];
}

function childCases(python: Python): Case[] {
  const local = new LocalRuntime(SOURCE, { python: python.command, readyTimeout: 30 });
  const cases: Case[] = [
    {
      name: 'LocalRuntime serves env.py in a child process for each run',
      async run() {
        const job = await runAll([row('echo', { tag: 'child' })], tagReader, { runtime: local, group: 2 });
        assert.deepEqual(
          job.runs.map((run) => [run.class, run.reward]),
          [
            ['graded', 1],
            ['graded', 1],
          ],
        );
        const places = new Set(job.runs.map((run) => run.runtime ?? ''));
        assert.equal(places.size, 2, 'each run had an address of its own');
        for (const place of places) await assert.rejects(connect(new Runtime(place), { readyTimeout: 0.1 }), 'its process is gone');
      },
    },
    {
      name: 'LocalRuntime takes the interpreter from HUD_PYTHON, and a verifier from the same file',
      async run() {
        const task = row('echo', { tag: 'w' }, { verifier: new Task({ env: 'interop-verifier', id: 'check' }) });
        const job = await runAll([task], tagReader, { runtime: new LocalRuntime(SOURCE) });
        assert.deepEqual(
          job.runs.map((run) => [run.class, run.reward]),
          [['graded', 0.5]],
        );
      },
    },
    {
      name: "an environment that the file does not define fails with the child's words",
      async run() {
        const job = await runAll([new Task({ env: 'absent', id: 'echo' })], tagReader, { runtime: local });
        assert.match(job.runs[0]?.error?.message ?? '', /no Environment named 'absent'/);
        assert.deepEqual([job.runs[0]?.class, job.runs[0]?.error?.code], ['boot', 'RUNTIME_EXITED']);
      },
    },
  ];
  const env = { ...python.env, HUD_PYTHON: python.command };
  return cases.map(({ name, run }) => ({
    name,
    limitMs: CHILD_MS,
    run: async (context) => await withEnv(env, async () => await run(context)),
  }));
}

/** Runs the body while these variables are set (undefined: unset) in this process, which children inherit. */
async function withEnv(env: Record<string, string | undefined>, body: () => Promise<void>): Promise<void> {
  const before = Object.fromEntries(Object.keys(env).map((name) => [name, process.env[name]]));
  apply(env);
  try {
    await body();
  } finally {
    apply(before);
  }
}

function apply(env: Record<string, string | undefined>): void {
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}
