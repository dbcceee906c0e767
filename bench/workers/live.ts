/**
 * Rollouts whose agents never end by themselves.
 *
 *   node live.ts <tcp://host:port> <rollouts> interrupt   a sample settles once all are live; Ctrl-C ends the process
 *   node live.ts <tcp://host:port> <rollouts> deadline    a sample runs all into a deadline of 2 s
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { HudError, Runtime, Task, Taskset, defineAgent, type Run } from 'hud';
import { answer, quantile, type Figures } from '../worker.ts';

const [url = '', count = '1', how = 'interrupt'] = process.argv.slice(2);
const DEADLINE_S = 2;
const runtime = new Runtime(url);
const tasks = Array.from({ length: Number(count) }, (_, i) => new Task({ env: 'waiting', id: 'go', slug: `go-${i}` }));
const taskset = new Taskset('live', tasks);

const { promise: allLive, resolve: onAllLive } = Promise.withResolvers<void>();
let live = 0;
const agent = defineAgent(
  async (_run, { signal }) => {
    live += 1;
    if (live === tasks.length) onAllLive();
    await sleep(600_000, undefined, { signal });
  },
  { name: 'waiting' },
);

await answer(async () => (how === 'deadline' ? await runIntoDeadline() : await startAll()));

/** The process lives exactly as long as the job does once it is interrupted. */
async function startAll(): Promise<Figures> {
  const interrupt = new AbortController();
  process.once('SIGINT', () => interrupt.abort(new HudError('CANCELLED', 'Interrupted.')));
  void taskset.run(agent, { runtime, store: false, signal: interrupt.signal }).then(
    () => process.exit(1),
    () => process.exit(130),
  );
  await allLive;
  return { live };
}

/** How late each run is told to have ended, counted from its own start. */
async function runIntoDeadline(): Promise<Figures> {
  const startedAt = new Map<Run, number>();
  const lateMs: number[] = [];
  for await (const event of taskset.stream(agent, { runtime, store: false, rolloutTimeout: DEADLINE_S })) {
    if (event.type === 'run-started') startedAt.set(event.run, performance.now());
    if (event.type !== 'run-ended') continue;
    if (event.run.class !== 'timeout') throw new Error(`A run ended as ${event.run.class}: ${event.run.error?.message}`);
    lateMs.push(performance.now() - (startedAt.get(event.run) ?? Number.NaN) - DEADLINE_S * 1000);
  }
  return { p50: quantile(lateMs, 0.5), p99: quantile(lateMs, 0.99), worst: Math.max(...lateMs) };
}
