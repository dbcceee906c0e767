import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { defineAgent, type Agent } from '../src/agents/agent.ts';
import { Environment } from '../src/environment/index.ts';
import { Job, Taskset, type RunEvent } from '../src/eval/index.ts';
import { nodeHost } from '../src/host/node.ts';
import { HudError, Task } from '../src/protocol/index.ts';
import { LocalRuntime } from '../src/runtime/index.ts';
import { openStore, reap, type Store } from '../src/store/index.ts';

let folder: string;
let store: Store;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hud-resume-'));
  store = await openStore({ directory: join(folder, '.hud') });
});
afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true });
});

/** Counts how often each number was graded. */
function numbers(): { tasks: Taskset; graded: string[]; runtime: LocalRuntime } {
  const env = new Environment('numbers');
  const graded: string[] = [];
  const pick = env.template({ id: 'pick', args: z.object({ n: z.int() }) }, async function* ({ n }) {
    const answer = yield String(n);
    graded.push(String(answer));
    yield n / 10;
  });
  const tasks = new Taskset(
    'numbers',
    [1, 2, 3].map((n) => pick({ n }).with({ slug: `n${n}` })),
  );
  return { tasks, graded, runtime: new LocalRuntime(() => env) };
}

const repeatBack: Agent = defineAgent(async (run) => void (run.trace.content = run.promptText), { name: 'repeat' });

/** Answers `limit` times, then waits until it is interrupted. */
function stopsAfter(limit: number, stop: () => void): Agent {
  let answered = 0;
  return defineAgent(async (run, { signal }) => {
    run.record({ source: 'agent', content: 'thinking' });
    if (answered++ < limit) {
      run.trace.content = run.promptText;
      return;
    }
    stop();
    await delay(60_000, undefined, { signal });
  });
}

async function interrupted(tasks: Taskset, runtime: LocalRuntime, limit: number, group = 2): Promise<string> {
  const stop = new AbortController();
  await expect(
    tasks.run(
      stopsAfter(limit, () => stop.abort(new HudError('CANCELLED', 'stop'))),
      {
        runtime,
        store,
        group,
        maxConcurrent: 1,
        signal: stop.signal,
      },
    ),
  ).rejects.toMatchObject({ code: 'CANCELLED' });
  const [job] = (await store.listJobs()).items;
  return job?.id ?? '';
}

test('a job goes on where it was interrupted: what it finished is taken from the record', async () => {
  const { tasks, graded, runtime } = numbers();
  const id = await interrupted(tasks, runtime, 4);
  expect(graded).toHaveLength(4);
  const job = await tasks.run(repeatBack, { runtime, store, job: id });
  expect(job.id).toBe(id);
  expect(graded).toHaveLength(6);
  expect(job.summary()).toMatchObject({ runs: 6, n: 6, excluded: {} });
  expect(job.summary().mean).toBeCloseTo(0.2);
  expect(job.runs.map((run) => `${run.slug} ${run.repeat}`)).toEqual(['n1 0', 'n1 1', 'n2 0', 'n2 1', 'n3 0', 'n3 1']);
  expect(await store.getJob(id)).toMatchObject({ status: 'completed' });
  expect((await store.getJob(id))?.error).toBeUndefined();
});

test('an interrupted run keeps its evidence as an attempt, and the next attempt counts', async () => {
  const { tasks, runtime } = numbers();
  const id = await interrupted(tasks, runtime, 1, 1);
  const job = await tasks.run(repeatBack, { runtime, store, job: id });
  const runs = (await store.listRuns(id)).items;
  const twice = runs.filter((run) => runs.filter((other) => other.slug === run.slug).length > 1);
  expect(twice.map(({ attempt, class: kind }) => [attempt, kind])).toEqual([
    [1, 'cancelled'],
    [2, 'graded'],
  ]);
  const steps = (await store.listSpans(twice[0]?.traceId ?? '')).items.map((span) => span.name);
  expect(steps).toContain('step.agent');
  expect(twice[0]?.steps).toBeGreaterThan(0);
  expect(job.runs.find((run) => run.slug === twice[0]?.slug)).toMatchObject({ attempt: 2, reward: expect.any(Number) as number });
});

test('a job that is complete runs nothing again', async () => {
  const { tasks, graded, runtime } = numbers();
  const first = await tasks.run(repeatBack, { runtime, store, group: 2 });
  const events: RunEvent['type'][] = [];
  let total = 0;
  for await (const event of tasks.stream(repeatBack, { runtime, store, job: first.id })) {
    events.push(event.type);
    if (event.type === 'job-started') total = event.total;
    if (event.type === 'job-ended') expect(event.job.summary()).toEqual(first.summary());
  }
  expect(events).toEqual(['job-started', 'job-ended']);
  expect(total).toBe(6);
  expect(graded).toHaveLength(6);
});

test('runs from the record have verdict, answer, error and length, and no environment', async () => {
  const { tasks, runtime } = numbers();
  const first = await tasks.run(repeatBack, { runtime, store });
  const again = await tasks.run(repeatBack, { runtime, store, job: first.id });
  const [before, after] = [first.runs[1], again.runs[1]];
  expect(after).toMatchObject({ traceId: before?.traceId, reward: 0.2, class: 'graded', attempt: 1, groupId: before?.groupId });
  expect(after?.trace).toMatchObject({ content: '2', length: before?.trace.length, status: 'completed' });
  expect(after?.verdict.raw).toEqual(before?.verdict.raw);
  expect(() => after?.client).toThrow('read from the record');
});

test('only the classes that are named run again, graded ones never do', async () => {
  const { tasks, graded, runtime } = numbers();
  let isBroken = true;
  const flaky = defineAgent(async (run) => {
    if (isBroken && run.slug === 'n2') throw new HudError('MODEL_UNAVAILABLE', 'the model is away');
    run.trace.content = run.promptText;
  });
  const first = await tasks.run(flaky, { runtime, store });
  expect(first.summary()).toMatchObject({ n: 2, excluded: { provider: 1 } });
  isBroken = false;
  const same = await tasks.run(flaky, { runtime, store, job: first.id });
  expect(same.summary()).toMatchObject({ n: 2, excluded: { provider: 1 } });
  const gradedBefore = graded.length;
  const retried = await tasks.run(flaky, { runtime, store, job: first.id, rerun: ['provider', 'graded' as never] });
  expect(retried.summary()).toMatchObject({ n: 3, excluded: {} });
  expect(graded.length - gradedBefore).toBe(1);
  expect((await store.listRuns(first.id)).items.map((run) => run.attempt)).toEqual([1, 1, 2, 1]);
});

test('a task that changed since the job began is refused by name', async () => {
  const { tasks, runtime } = numbers();
  const first = await tasks.run(repeatBack, { runtime, store });
  const changed = new Taskset(
    'numbers',
    [...tasks].map((task) => (task.slug === 'n2' ? task.with({ args: { n: 7 } }) : task)),
  );
  await expect(changed.run(repeatBack, { runtime, store, job: first.id })).rejects.toMatchObject({
    code: 'BAD_TASK',
    message: expect.stringContaining('n2 changed') as string,
  });
  expect(await store.getJob(first.id)).toMatchObject({ status: 'failed' });
});

test('a job that is not there, and one that another process runs, are errors of their own', async () => {
  const { tasks, runtime } = numbers();
  await expect(tasks.run(repeatBack, { runtime, store, job: 'feedbeef' })).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
  await using open = await Job.start('open', { store });
  await expect(Job.resume(open.id, { store })).rejects.toMatchObject({
    code: 'JOB_RUNNING',
    message: expect.stringContaining(`process ${process.pid}`) as string,
  });
});

test('an open job runs the same tasks again as further repeats, and goes on with them the same way', async () => {
  const { tasks, graded, runtime } = numbers();
  const job = await Job.start('training', { store, group: 2 });
  await tasks.run(repeatBack, { runtime, job });
  await tasks.run(repeatBack, { runtime, job });
  await job.end();
  expect(job.runs.map((run) => run.repeat)).toEqual([0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 2, 3]);
  const again = await Job.resume(job.id, { store });
  await tasks.run(repeatBack, { runtime, job: again });
  await tasks.run(repeatBack, { runtime, job: again });
  expect(again.runs.map((run) => run.traceId)).toEqual(job.runs.map((run) => run.traceId));
  expect(graded).toHaveLength(12);
  await tasks.run(repeatBack, { runtime, job: again });
  expect(graded).toHaveLength(18);
  await again.end();
});

test('a lost environment is tried again by itself, visibly and once', async () => {
  const env = new Environment('numbers');
  env.template({ id: 'pick' }, async function* () {
    yield 'p';
    yield 1;
  });
  const task = new Task({ env: 'numbers', id: 'pick' });
  let lost = 0;
  const loses = (times: number): Agent =>
    defineAgent(async () => {
      if (lost++ < times) throw new HudError('CONNECTION_LOST', 'gone');
    });
  const events: RunEvent[] = [];
  for await (const event of new Taskset('t', [task]).stream(loses(1), { runtime: new LocalRuntime(env), store })) events.push(event);
  expect(events.map((event) => event.type).filter((type) => type.startsWith('run-'))).toEqual([
    'run-started',
    'run-retried',
    'run-started',
    'run-ended',
  ]);
  const { job } = events.at(-1) as RunEvent;
  expect(job.summary()).toMatchObject({ runs: 1, n: 1 });
  expect(job.retried.map((run) => [run.attempt, run.class])).toEqual([[1, 'sandbox']]);

  lost = 0;
  const twice = await new Taskset('t', [task]).run(loses(2), { runtime: new LocalRuntime(env), store });
  expect(twice.summary()).toMatchObject({ runs: 1, n: 0, excluded: { sandbox: 1 } });
  lost = 0;
  const never = await new Taskset('t', [task]).run(loses(1), { runtime: new LocalRuntime(env), store, retries: 0 });
  expect(never.summary()).toMatchObject({ excluded: { sandbox: 1 } });
});

test('what a key or a model refuses is tried again only where its class is named', async () => {
  const { tasks, runtime } = numbers();
  let calls = 0;
  const refused = defineAgent(async (run) => {
    if (calls++ < 1) throw new HudError('MODEL_RATE_LIMITED', '429');
    run.trace.content = run.promptText;
  });
  const plain = await tasks.run(refused, { runtime, store, maxConcurrent: 1 });
  expect(plain.summary()).toMatchObject({ n: 2, excluded: { provider: 1 } });
  calls = 0;
  const named = await tasks.run(refused, { runtime, store, maxConcurrent: 1, retryOn: ['provider'] });
  expect(named.summary()).toMatchObject({ n: 3 });
  expect(named.retried).toHaveLength(1);
});

test('a group ends as a whole, or its deadline releases what is left as timeouts', async () => {
  const { tasks, runtime } = numbers();
  const straggler = defineAgent(async (run, { signal }) => {
    if (run.slug === 'n2' && run.repeat === 1) await delay(60_000, undefined, { signal });
    run.trace.content = run.promptText;
  });
  const groups: string[][] = [];
  for await (const event of tasks.stream(straggler, { runtime, store, group: 2, groupTimeout: 0.5 })) {
    if (event.type === 'group-ended') groups.push(event.runs.map((run) => `${run.slug} ${run.class}`));
  }
  expect(groups.toSorted((a, b) => String(a).localeCompare(String(b)))).toEqual([
    ['n1 graded', 'n1 graded'],
    ['n2 graded', 'n2 timeout'],
    ['n3 graded', 'n3 graded'],
  ]);
});

test('a record that fails for a moment holds runs back and loses none', async () => {
  const { tasks, runtime, graded } = numbers();
  let failures = 2;
  const flaky: Store = new Proxy(store, {
    get(target, key) {
      if (key === 'finishRun' && failures > 0) {
        return async () => {
          failures -= 1;
          throw new HudError('STORE_FULL', 'no space left');
        };
      }
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  const job = await tasks.run(repeatBack, { runtime, store: flaky, maxConcurrent: 1 });
  expect(job.summary()).toMatchObject({ n: 3 });
  expect(graded).toHaveLength(3);
  expect((await store.listRuns(job.id)).items.map((run) => run.class)).toEqual(['graded', 'graded', 'graded']);
});

test('a process that is killed leaves nothing behind that the next one does not end, and no verdict is lost', async () => {
  const grades = join(folder, 'grades');
  await writeFile(grades, '');
  await writeFile(
    join(folder, 'env.ts'),
    `import { appendFileSync } from 'node:fs';
     import { spawn } from 'node:child_process';
     import { Environment } from 'hud';
     import { z } from 'zod';
     export const env = new Environment('slow');
     // Out of the group and of the session: only its lease still names it.
     env.initialize(() => spawn('sleep', ['600'], { detached: true, stdio: 'ignore' }).unref());
     env.template({ id: 'pick', args: z.object({ n: z.int() }) }, async function* ({ n }) {
       yield String(n);
       appendFileSync(${JSON.stringify(grades)}, n + '\\n');
       yield 1;
     });`,
  );
  const driver = join(folder, 'driver.ts');
  const index = JSON.stringify(join(import.meta.dirname, '../src/index.ts'));
  await writeFile(
    driver,
    `import { LocalRuntime, Task, Taskset, defineAgent } from ${index};
     import { openStore } from ${JSON.stringify(join(import.meta.dirname, '../src/store/index.ts'))};
     const store = await openStore({ directory: ${JSON.stringify(join(folder, '.hud'))} });
     const tasks = new Taskset('slow', Array.from({ length: 8 }, (_, n) => new Task({ env: 'slow', id: 'pick', args: { n } })));
     const agent = defineAgent(async (run, { signal }) => {
       if (process.argv[2] === undefined && run.task.args.n >= 3) await new Promise(() => {});
       run.trace.content = 'x';
     });
     for await (const event of tasks.stream(agent, {
       store, maxConcurrent: 3, runtime: new LocalRuntime(${JSON.stringify(join(folder, 'env.ts'))}),
       ...(process.argv[2] === undefined ? {} : { job: process.argv[2] }),
     })) {
       if (event.type === 'run-ended') console.log('ended ' + event.run.slug);
       if (event.type === 'phase' && event.phase === 'agent loop') console.log('acting ' + event.run.slug);
     }
     await store.close();`,
  );
  const first = spawn(process.execPath, [driver], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  first.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  await expect.poll(() => output.match(/^acting/gm)?.length ?? 0, { timeout: 20_000 }).toBe(6);
  first.kill('SIGKILL');
  await once(first, 'exit');
  expect(output.match(/^ended/gm)).toHaveLength(3);
  const leases = await store.listLeases();
  expect(leases.map((lease) => lease.kind)).toContain('process');
  const [job] = (await store.listJobs()).items;
  const second = spawn(process.execPath, [driver, job?.id ?? ''], { stdio: ['ignore', 'pipe', 'inherit'] });
  let rest = '';
  second.stdout.setEncoding('utf8').on('data', (text: string) => (rest += text));
  await once(second, 'exit');
  expect(rest.match(/^ended/gm)).toHaveLength(5);
  expect((await readFile(grades, 'utf8')).trim().split('\n').toSorted()).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']);
  expect(await reap(store, nodeHost)).toEqual([]);
  expect(await store.listLeases()).toEqual([]);
  for (const { target } of leases) expect(taggedBy(String(target.tag))).toEqual([]);
}, 60_000);

/** By the system's own list. */
function taggedBy(tag: string): string[] {
  if (process.platform !== 'linux') return [];
  const { readFileSync, readdirSync } = process.getBuiltinModule('node:fs');
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`HUD_LEASE=${tag}`);
    } catch {
      return false;
    }
  });
}
