/** What 100,000 rows take that wait their turn, the tasks themselves apart: node --expose-gc queued.ts sdk|objects */
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalRuntime, Task, Taskset, defineAgent } from 'hud';
import { answer } from '../worker.ts';
import { waitingEnvironment } from './waiting-env.ts';

const ROWS = 100_000;
const MIB = 1024 * 1024;
const tasks = Array.from({ length: ROWS }, (_, i) => new Task({ env: 'waiting', id: 'go', slug: `go-${i}` }));
const taskset = new Taskset('waiting', tasks);
const agent = defineAgent(async (_run, { signal }) => await sleep(600_000, undefined, { signal }), { name: 'waiting' });

await answer(async () => {
  globalThis.gc?.();
  const base = process.memoryUsage.rss();
  const end = process.argv[2] === 'sdk' ? startAll() : holdObjects();
  await sleep(1_000);
  const rssMiB = (process.memoryUsage.rss() - base) / MIB;
  await end();
  return { rssMiB };
});

function startAll(): () => Promise<void> {
  const stop = new AbortController();
  const running = taskset.run(agent, {
    runtime: new LocalRuntime(() => waitingEnvironment()),
    store: false,
    maxConcurrent: 16,
    signal: stop.signal,
  });
  const settled = running.then(
    () => false,
    () => true,
  );
  return async () => {
    stop.abort();
    if (!(await settled)) throw new Error('The job ended by itself, so nothing was waiting.');
  };
}

function holdObjects(): () => Promise<void> {
  const held = tasks.map((task, order) => ({ task, order, repeat: 0, attempt: 1, groupId: `group-${order}` }));
  return async () => {
    if (held.length !== ROWS) throw new Error('The objects were not held.');
  };
}
