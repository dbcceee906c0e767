/**
 * Rollouts of an agent that waits; needs --expose-gc. Asked twice: first for nothing, so that whoever
 * measures can take the memory of an idle process, then for the work.
 *
 *   node --expose-gc in-flight.ts <tcp://host:port | memory> <rollouts> <seconds each waits>
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalRuntime, Runtime, Task, Taskset, defineAgent, type Provider } from 'hud';
import { answer, type Figures } from '../worker.ts';
import { waitingEnvironment } from './waiting-env.ts';

const [place = 'memory', count = '1', seconds = '1'] = process.argv.slice(2);
const runtime: Provider = place === 'memory' ? new LocalRuntime(() => waitingEnvironment()) : new Runtime(place);
const WARM_UP = 200;

let inFlight = 0;
let mostInFlight = 0;
let waitMs = 0;
const agent = defineAgent(
  async (run, { signal }) => {
    inFlight += 1;
    mostInFlight = Math.max(mostInFlight, inFlight);
    await sleep(waitMs, undefined, { signal });
    inFlight -= 1;
    run.trace.content = 'waited';
  },
  { name: 'waiting' },
);

const tasksOf = (n: number): Taskset =>
  new Taskset(
    'waiting',
    Array.from({ length: n }, (_, i) => new Task({ env: 'waiting', id: 'go', slug: `go-${i}` })),
  );

await tasksOf(WARM_UP).run(agent, { runtime, store: false });
waitMs = Number(seconds) * 1000;
const taskset = tasksOf(Number(count));

await answer(async ({ isWork }): Promise<Figures> => {
  if (isWork !== true) {
    globalThis.gc?.();
    return {};
  }
  mostInFlight = 0;
  const startedAt = performance.now();
  const job = await taskset.run(agent, { runtime, store: false });
  const { n, excluded } = job.summary();
  if (n !== taskset.size) throw new Error(`${n} of ${taskset.size} rollouts were graded; left out: ${JSON.stringify(excluded)}`);
  return { graded: n, mostInFlight, wallSeconds: (performance.now() - startedAt) / 1000 };
});
