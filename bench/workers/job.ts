/**
 * A recorded job in this process's own environments.
 *
 *   node job.ts begin <store folder> <rows>            runs until it is killed
 *   node job.ts resume <store folder> <rows> <job id>  goes on, and is ready once the next rollout starts
 *
 * `begin` says which job it is with its first line, and for a sample how many verdicts it was told of.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalRuntime, Task, Taskset, defineAgent, openStore, type RunEvent } from 'hud';
import { answer } from '../worker.ts';
import { instantEnvironment } from './instant-env.ts';

const [how = 'begin', folder = '', rows = '1', job] = process.argv.slice(2);
const tasks = Array.from({ length: Number(rows) }, (_, i) => new Task({ env: 'instant', id: 'go', slug: `go-${i}` }));
const agent = defineAgent(
  async (run) => {
    run.trace.content = 'anything';
  },
  { name: 'instant' },
);
const store = await openStore({ directory: join(folder, '.hud') });
const runtime = new LocalRuntime(() => instantEnvironment());
const events = new Taskset('instant', tasks).stream(agent, { runtime, store, maxConcurrent: 16, ...(job === undefined ? {} : { job }) });

if (how === 'resume') {
  const { kept } = await untilRunStarts(events);
  await answer(async () => ({ kept }));
  process.exit(0); // the rest of the job is of no interest
}
let verdicts = 0;
const { promise: opened, resolve: onOpened } = Promise.withResolvers<string>();
const running = countVerdicts(events);
await answer(async () => ({ verdicts }), { job: await opened });
await running;

async function countVerdicts(stream: AsyncIterable<RunEvent>): Promise<void> {
  for await (const event of stream) {
    if (event.type === 'job-started') onOpened(event.job.id);
    if (event.type === 'run-ended') verdicts += 1;
    if (verdicts % 500 === 0) await sleep(1); // lets a question in
  }
}

async function untilRunStarts(stream: AsyncIterator<RunEvent>): Promise<{ kept: number }> {
  for (;;) {
    const { value, done } = await stream.next();
    if (done === true) throw new Error('The job had nothing left to run.');
    if (value.type === 'run-started') return { kept: value.job.runs.length };
  }
}
