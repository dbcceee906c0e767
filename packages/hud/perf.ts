import { Environment, bind } from './src/environment/index.ts';
import { defineAgent } from './src/agents/agent.ts';
import { Taskset } from './src/eval/taskset.ts';
import { LocalRuntime, Runtime } from './src/runtime/index.ts';
import { openStore } from './src/store/index.ts';
import { z } from 'zod';
const env = new Environment('p');
const t = env.template({ id: 't', args: z.object({ n: z.int() }) }, async function* ({ n }) { const a = yield 'x' + n; yield a === 'x' + n ? 1 : 0; });
const tasks = new Taskset('p', Array.from({ length: 2000 }, (_, n) => t({ n })));
const agent = defineAgent(async (run) => { run.trace.content = run.promptText; });
await using store = await openStore({ directory: '/tmp/perfstore' });
for (const [name, opts] of [['url no store', { runtime: new Runtime((await bind(env)).url), store: false, maxConcurrent: 16 }], ['factory no store', { runtime: new LocalRuntime(() => env), store: false, maxConcurrent: 16 }], ['url store', { runtime: new Runtime((await bind(env)).url), store, maxConcurrent: 64 }]] as const) {
  await tasks.filter((x) => (x.args.n as number) < 200).run(agent, opts as never);
  const s = performance.now(); const c = process.cpuUsage();
  const job = await tasks.run(agent, opts as never);
  const d = performance.now() - s; const u = process.cpuUsage(c);
  console.log(name, Math.round(2000 / d * 1000), '/s', ((u.user + u.system) / 2000 / 1000).toFixed(2), 'ms CPU', job.reward);
}
process.exit(0)
