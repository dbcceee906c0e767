/**
 * Runs a job whose agents record many steps, and says so: node outage-client.ts <folder of the record> <runs> <steps>
 * The first line out is the job's id, the second says that there are spans, the last one whether the platform has all of it.
 * Its agents answer once its input ends.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Environment, LocalRuntime, Taskset, defineAgent, openStore } from 'hud';

const [directory = '', runs = '8', steps = '500'] = process.argv.slice(2);
/** Steps that an agent makes before it waits a while, as it would for a model. */
const AT_ONCE = 10;
const PAUSE_MS = 20;
const FIRST_STEPS = 100;

process.stdin.resume();
const told = once(process.stdin, 'close');
const env = new Environment('outage');
const ask = env.template({ id: 'ask' }, async function* () {
  const answer = yield 'well?';
  yield answer === 'yes' ? 1 : 0;
});
const agent = defineAgent(
  async (run, { signal }) => {
    for (let i = 0; i < Number(steps); i += 1) {
      run.record({ source: 'agent', content: `${run.traceId} ${i} ${'x'.repeat(i % 400)}`, ...picture(i) });
      if (i === FIRST_STEPS && run.slug === 'ask-0') process.stdout.write('writing\n');
      if (i % AT_ONCE === AT_ONCE - 1) await sleep(PAUSE_MS, undefined, { signal });
    }
    await told;
    run.trace.content = 'yes';
  },
  { name: 'writer' },
);

/** Every hundredth step has one, most of them the same. */
function picture(i: number): { extra?: Record<string, unknown> } {
  if (i % 100 !== 50) return {};
  return { extra: { image: { type: 'image', data: Buffer.alloc(6_000, i % 300).toString('base64'), mimeType: 'image/png' } } };
}

const store = await openStore({ directory });
const tasks = Array.from({ length: Number(runs) }, (_, i) => Object.assign(ask(), { slug: `ask-${i}` }));
for await (const event of new Taskset('outage', tasks).stream(agent, {
  runtime: new LocalRuntime(() => env),
  store,
  maxConcurrent: Number(runs),
})) {
  if (event.type === 'job-started') process.stdout.write(`${event.job.id}\n`);
  if (event.type === 'job-ended') process.stdout.write(`${String(event.job.reporting?.isComplete)} ${event.job.summary().n}\n`);
}
await store.close();
