/**
 * Rollouts of an agent that answers at once, or after some milliseconds.
 *
 *   node rollouts.ts <tcp://host:port | memory> <rollouts at once> <store folder | none> [milliseconds]
 *
 * Where the environment names a platform, a sample ends once it has acknowledged everything.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalRuntime, Runtime, Task, Taskset, defineAgent, openStore, type Provider } from 'hud';
import { answer } from '../worker.ts';
import { instantEnvironment } from './instant-env.ts';

const [place = 'memory', atOnce = '16', folder = 'none', agentMs = '0'] = process.argv.slice(2);
const maxConcurrent = Number(atOnce);
const runtime: Provider = place === 'memory' ? new LocalRuntime(() => instantEnvironment()) : new Runtime(place);
const store = folder === 'none' ? false : await openStore({ directory: join(folder, '.hud') });
const agent = defineAgent(
  async (run) => {
    if (agentMs !== '0') await sleep(Number(agentMs));
    run.trace.content = 'anything';
  },
  { name: 'instant' },
);

await answer(async ({ n }) => {
  const tasks = Array.from({ length: Number(n) }, (_, i) => new Task({ env: 'instant', id: 'go', slug: `go-${i}` }));
  const taskset = new Taskset('instant', tasks);
  const startedAt = performance.now();
  const job = await taskset.run(agent, { runtime, store, maxConcurrent });
  const seconds = (performance.now() - startedAt) / 1000;
  const { n: graded, mean } = job.summary();
  if (job.reporting?.isComplete === false) throw new Error(`The platform lacks parts of the job: ${job.reporting.problem?.message ?? '?'}`);
  if (graded !== tasks.length || mean !== 1) throw new Error(`${graded} of ${tasks.length} rollouts were graded, mean ${mean}`);
  return { rate: tasks.length / seconds };
});
if (store !== false) await store.close();
