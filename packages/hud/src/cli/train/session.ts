/** The loop: roll out in groups, a gradient from their rewards, a step; measured before, between and after. */
import type { Agent } from '../../agents/agent.ts';
import type { PlatformClient } from '../../api-client/index.ts';
import type { Run } from '../../client/index.ts';
import { Job, type RunOptions } from '../../eval/index.ts';
import type { Model } from '../../protocol/api/models.ts';
import { HudError } from '../../protocol/errors.ts';
import type { Task } from '../../protocol/task.ts';
import { interval95, mean } from '../../statistics/index.ts';
import type { Store } from '../../store/index.ts';
import type { TrainingClient } from '../../train/index.ts';
import { samplesOf } from '../../train/samples.ts';
import type { Evaluation, Round, TrainJournal } from './journal.ts';
import { learn } from './learning.ts';
import type { TrainPlan } from './plan.ts';
import { platformIsThere, rollOut } from './rolling-out.ts';
import { tasksOfRound, type Split } from './rounds.ts';

export interface Session {
  plan: TrainPlan;
  model: Model;
  journal: TrainJournal;
  /** Of all rounds; evaluations are jobs of their own. */
  job: Job;
  /** It had begun before: what it did then may be known to the service already. */
  isResumed: boolean;
  store: Store;
  tasks: Split;
  agent: Agent;
  trainer: TrainingClient;
  service: PlatformClient;
  /** Where and how rollouts are made. */
  place: Pick<RunOptions, 'runtime' | 'maxConcurrent' | 'rolloutTimeout' | 'groupTimeout'>;
  /** Ends rollouts at once; a step that has begun is finished. */
  signal: AbortSignal;
  listener: SessionListener;
}

export interface SessionListener {
  onPhase(phase: { text: string; done?: number; total?: number }): void;
  /** Something out of the ordinary that was dealt with. */
  onNote(text: string): void;
  onRound(round: Round): void;
  onEvaluation(evaluation: Evaluation): void;
}

/** @throws HudError the signal's reason when interrupted; what went wrong otherwise. The journal has what was done */
export async function runSession(session: Session): Promise<void> {
  const { plan, journal, signal } = session;
  for (let done = 0; ; done += 1) {
    signal.throwIfAborted();
    const isDue = done === 0 || done === plan.steps || (plan.evalEvery !== undefined && done % plan.evalEvery === 0);
    // One that was left out when its time came would measure later weights now.
    if (isDue && !journal.evaluations.has(done) && !journal.rounds.has(done + 1)) await evaluate(session, done);
    if (done === plan.steps) return;
    await playRound(session, done + 1);
  }
}

async function evaluate(session: Session, after: number): Promise<void> {
  const { plan, tasks, agent, store, journal, listener } = session;
  const measured = tasks.heldOut.length > 0 ? tasks.heldOut : tasks.training;
  const name = `${session.model.modelName} ${after === 0 ? 'before training' : `after ${after} of ${plan.steps} steps`}`;
  const job = new Job({ name, store });
  await job.open(job.record({ agent: agent.name, model: session.model.modelName, config: { command: 'train', after } }), measured);
  let runs: Job['runs'];
  try {
    ({ runs } = await rollOut(session, {
      tasks: measured,
      job,
      group: 1,
      text: after === 0 ? 'measuring before' : `measuring after ${after} steps`,
    }));
  } catch (error) {
    await job.end(error);
    throw error;
  }
  await job.end();
  const { graded, reward, interval } = figuresOf(runs);
  if (graded === 0) throw nothingGraded('The evaluation', runs);
  const bySlug = Map.groupBy(runs.filter(isGraded), ({ slug }) => slug);
  const means = [...bySlug].map(([slug, own]) => [slug, mean(own.map((run) => run.reward))] as const);
  const evaluation: Evaluation = {
    kind: 'evaluation',
    after,
    jobId: job.id,
    graded,
    runs: runs.length,
    reward,
    interval,
    tasks: Object.fromEntries(means),
  };
  await journal.add(evaluation);
  listener.onEvaluation(evaluation);
}

async function playRound(session: Session, number: number): Promise<void> {
  const { plan, job, journal, listener, trainer } = session;
  const tasks = tasksOfRound(session.tasks.training, number, { perRound: plan.tasksPerStep, seed: plan.seed });
  const done = journal.rounds.get(number);
  if (done !== undefined) return await passOver(session, tasks, done);
  const text = `step ${number} of ${plan.steps}`;
  const startedAt = performance.now();
  const { runs, again } = await rollOut(session, { tasks, job, group: plan.group, text: `${text}: rolling out` });
  const rolloutMs = performance.now() - startedAt;
  const figures = figuresOf(runs);
  if (figures.graded === 0) throw nothingGraded(`Round ${number}`, runs);
  listener.onPhase({ text: `${text}: training` });
  await platformIsThere(session, text);
  const lag = (await trainer.staleness(runs)).maxLag ?? null;
  const learnt = figures.spreadGroups === 0 ? { metrics: {}, checkpointId: null } : await learn(session, number, runs);
  const stepMs = performance.now() - startedAt - rolloutMs;
  const round: Round = { kind: 'round', number, ...figures, ...learnt, rolloutMs, stepMs, lag, ...(again.length > 0 && { again }) };
  await journal.add(round);
  listener.onRound(round);
}

/** The next repeats of a task are those after the ones of this round. */
async function passOver({ job, plan }: Session, tasks: readonly Task[], { again = [] }: Round): Promise<void> {
  await job.plan(tasks, plan.group, []);
  for (const slugs of again) {
    const some = tasks.filter(({ slug }) => slugs.includes(slug));
    await job.plan(some, plan.group, []);
  }
}

function figuresOf(
  runs: readonly Run[],
): Pick<Round, 'rollouts' | 'graded' | 'reward' | 'interval' | 'spreadGroups' | 'groups' | 'tokens'> {
  const graded = runs.filter(isGraded);
  const rewards = graded.map(({ reward }) => reward);
  const groups = [...Map.groupBy(graded, ({ groupId }) => groupId ?? '').values()];
  return {
    rollouts: runs.length,
    graded: graded.length,
    reward: rewards.length === 0 ? null : mean(rewards),
    interval: interval95(
      rewards,
      graded.map(({ slug }) => slug),
    ),
    spreadGroups: groups.filter((group) => group.some(({ reward }) => reward !== group[0]?.reward)).length,
    groups: groups.length,
    tokens: runs.reduce((sum, run) => sum + samplesOf(run).reduce((all, { sample }) => all + sample.outputTokenIds.length, 0), 0),
  };
}

function isGraded(run: Run): boolean {
  return run.class === 'graded';
}

function nothingGraded(what: string, runs: readonly Run[]): HudError {
  const first = runs.find(({ error }) => error !== undefined);
  const reason = first?.error === undefined ? '' : ` The first ended so (${first.class}): ${first.error.message}`;
  return new HudError('BAD_ARGUMENT', `${what} can't be used: none of its ${runs.length} rollouts was graded.${reason}`, {
    hint: first === undefined ? 'Are there tasks?' : `${first.error?.hint ?? ''}\nSee \`hud trace ${first.traceId.slice(0, 12)}\`.`.trim(),
  });
}
