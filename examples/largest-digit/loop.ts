/**
 * A training loop of one's own, on the platform that HUD_BASE_URL and HUD_API_KEY name:
 *
 *   hud models fork tiny-chat --name mine
 *   node loop.ts mine 20
 */
import { createAgent, LocalRuntime, Taskset, TrainingClient, type Run } from 'hud';
import { env, tasks } from './training.ts';

const [model = 'mine', steps = '20'] = process.argv.slice(2);
const [perRound, group] = [8, 8];

const trainer = new TrainingClient(model);
const agent = await createAgent('openai_compatible', {
  model, // answered by its newest checkpoint each time
  via: 'gateway',
  completionKwargs: { max_tokens: 8, extra_body: { return_token_ids: true } },
});
for (let step = 0; step < Number(steps); step += 1) {
  const from = (step * perRound) % tasks.length;
  const round = new Taskset('round', tasks.slice(from, from + perRound));
  const job = await round.run(agent, { runtime: new LocalRuntime(env), group });
  process.stdout.write(`${step + 1}  mean reward ${job.reward.toFixed(2)}\n`);
  if (!hasSpread(job.runs)) continue; // nothing to learn from
  await trainer.step(job.runs, { learningRate: 5e-4, groupSize: group, dropIncompleteGroups: true });
}

/** Of rewards within some group: only how they differ there becomes a gradient. */
function hasSpread(runs: readonly Run[]): boolean {
  const groups = Map.groupBy(runs, ({ groupId }) => groupId).values();
  return [...groups].some((own) => new Set(own.map(({ reward }) => reward)).size > 1);
}
