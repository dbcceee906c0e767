/** The Python package trains a model that comes with our platform: its programs, its client, its command line. */
import assert from 'node:assert/strict';
import type { Finished } from '../children.ts';
import type { Case } from '../report.ts';
import type { Hands, Line } from './platform-hands.ts';
import { BASE, CALLS_LIMIT_MS, TRAINED, clientCalls, clientCases, type Node, type Step } from './platform-training-client.ts';

/** As in the package's README. */
const LEARNER = 'arith-rl';

/** A mean reward of two rounds, far above the 0.2 of guessing. */
const GOAL = 0.75;
const LEARN_LIMIT_MS = 120_000;
const LONG_LIMIT_MS = 1_200_000;
const LONG_ROUNDS = 30;

interface Learned {
  /** Of tasks that it was not trained on. */
  before: number;
  after: number;
  rounds: { reward: number; seconds: number; step: Step | null }[];
  nodes: Node[];
}

/** Each may run alone: what several need is made by the first of them. */
export function trainingCases(hands: Hands, { slow }: { slow: boolean }): Case[] {
  const forks = once(async () => await forkedModels(hands));
  const calls = once(async () => {
    await forks();
    return await clientCalls(hands);
  });
  const first = [forkCase(hands, forks), learnCase(hands, forks), ...(slow ? [longCase(hands)] : [])];
  return [...first, ...clientCases(hands, calls), commandCase(hands, calls)];
}

async function forkedModels({ lines }: Hands): Promise<Finished[]> {
  const forked = (name: string, ...more: string[]): Line => ({
    args: ['models', 'fork', BASE, '--name', name, '--yes', '--json', ...more],
  });
  return await lines(
    forked(LEARNER),
    forked(TRAINED.name),
    forked(TRAINED.name, '--if-not-exists'),
    { args: ['models', 'list', '--json'] },
    { args: ['models', 'head', TRAINED.slug, '--json'] },
  );
}

function forkCase({ platform }: Hands, forks: () => Promise<Finished[]>): Case {
  return {
    name: "the Python package's hud models forks the model that comes along, and lists what can be trained",
    limitMs: 60_000,
    async run() {
      const [learner, trained, again, listed, head] = await forks();
      const slugOf = (one: typeof learner): unknown => (JSON.parse(one?.stdout ?? '') as { model_name: string }).model_name;
      assert.deepEqual([learner, trained, again].map(slugOf), [LEARNER, TRAINED.slug, TRAINED.slug]);
      const models = JSON.parse(listed?.stdout ?? '') as { model_name: string; is_trainable: boolean }[];
      const trainable = models.filter(({ is_trainable: is }) => is).map(({ model_name: slug }) => slug);
      for (const slug of [BASE, LEARNER, TRAINED.slug]) assert.ok(trainable.includes(slug), slug);
      assert.equal((JSON.parse(head?.stdout ?? '') as { head: unknown }).head, null);
      const { body } = await platform.ask('GET', `/v2/models/resolve?model=${TRAINED.slug}`);
      assert.equal(body.name, TRAINED.name);
    },
  };
}

function learnCase({ training }: Hands, forks: () => Promise<unknown>): Case {
  return {
    name: "the training loop of the Python package's README makes the rewards of a tiny model rise",
    limitMs: LEARN_LIMIT_MS,
    async run() {
      await forks();
      // Its runs carry their tokens; without their reports, most of whose time is the package's own, it is five times as fast.
      const learned = (await training(['learn', '--model', LEARNER, '--rounds', '20', '--goal', String(GOAL)], {
        env: { HUD_TELEMETRY_ENABLED: '0' },
        limitMs: LEARN_LIMIT_MS,
      })) as Learned;
      const { before, after, rounds, nodes } = learned;
      const rewards = rounds.map(({ reward }) => reward);
      const told = `${before} before, ${after} after, by round ${rewards.map((reward) => reward.toFixed(2)).join(' ')}`;
      assert.ok((rewards.at(-1) ?? 0) + (rewards.at(-2) ?? 0) >= 2 * GOAL, told);
      assert.ok(before < 0.4 && after > before + 0.2, told);
      const steps = rounds.flatMap(({ reward, step }) => (step === null ? [] : [{ reward, ...step }]));
      assert.deepEqual(
        steps.map(({ step, checkpoint_id: id, model }) => [step, id, model]),
        nodes.map(({ id }, i) => [i + 1, id, LEARNER]),
      );
      for (const [i, node] of nodes.entries()) {
        assert.equal(node.prev_model_checkpoint_id, nodes[i - 1]?.id ?? null);
        assert.equal(node.is_active, i === nodes.length - 1);
        assert.ok(Math.abs(node.mean_reward - (steps[i]?.reward ?? NaN)) < 1e-9, node.name);
      }
    },
  };
}

/** Reported as any run is, which the short form leaves out. */
function longCase({ training, lines, list }: Hands): Case {
  const model = 'arith-rl-long';
  return {
    name: `${LONG_ROUNDS} rounds of it, reported, end above 0.8`,
    limitMs: LONG_LIMIT_MS,
    async run() {
      await lines({ args: ['models', 'fork', BASE, '--name', model, '--yes'] });
      const learned = (await training(['learn', '--model', model, '--rounds', String(LONG_ROUNDS), '--goal', '2'], {
        limitMs: LONG_LIMIT_MS,
      })) as Learned;
      const { before, after, rounds } = learned;
      const rewards = rounds.map(({ reward }) => reward.toFixed(2)).join(' ');
      const seconds = rounds.reduce((sum, one) => sum + one.seconds, 0);
      console.log(`        ${before} before, ${after} after, ${seconds.toFixed(0)} s; by round ${rewards}`);
      assert.ok(after > 0.8 && before < 0.4, `${before} before, ${after} after`);
      const [job] = (await list('/v2/jobs?limit=50')).items.filter(({ name }) => name === model);
      assert.equal((await list(`/v2/jobs/${String(job?.id)}/traces?limit=1`)).total, LONG_ROUNDS * 64);
    },
  };
}

function commandCase({ lines, platform }: Hands, trained: () => Promise<unknown>): Case {
  return {
    name: "the Python package's hud models shows the checkpoints, moves the head and forks a trained model",
    limitMs: CALLS_LIMIT_MS,
    async run() {
      await trained();
      const { body: resolved } = await platform.ask('GET', `/v2/models/resolve?model=${TRAINED.slug}`);
      const { body } = await platform.ask('GET', `/v2/models/${String(resolved.id)}/checkpoints`);
      const nodes = body as unknown as Node[];
      const [first, last] = [nodes[0], nodes.at(-1)];
      const [table, ids, moved, head, forked, inherited, conflict, absent] = await lines(
        { args: ['models', 'checkpoints', TRAINED.slug] },
        { args: ['models', 'checkpoints', TRAINED.slug, '--quiet'] },
        { args: ['models', 'head', TRAINED.slug, '--set', first?.id ?? '', '--yes'] },
        { args: ['models', 'head', TRAINED.slug, '--json'] },
        { args: ['models', 'fork', TRAINED.slug, '--name', 'sequel', '--yes', '--json'] },
        { args: ['models', 'checkpoints', 'sequel', '--json'] },
        { args: ['models', 'fork', TRAINED.slug, '--name', LEARNER, '--yes'], code: 1 },
        { args: ['models', 'head', TRAINED.slug, '--set', '00000000-0000-0000-0000-000000000001', '--yes'], code: 1 },
      );
      assert.match(table?.stdout ?? '', new RegExp(`▶ +│ ${last?.name} +│ +${last?.mean_reward.toFixed(3)} │`));
      assert.deepEqual(
        ids?.stdout.trim().split('\n'),
        nodes.map(({ id }) => id),
      );
      assert.match(moved?.stdout ?? '', /Head set to/);
      assert.equal((JSON.parse(head?.stdout ?? '') as { head: Node }).head.id, first?.id);
      assert.equal((JSON.parse(forked?.stdout ?? '') as { source_model_id: string }).source_model_id, resolved.id);
      const [root, ...more] = JSON.parse(inherited?.stdout ?? '') as Node[];
      assert.deepEqual([root?.checkpoint_name, root?.is_active, more], [first?.checkpoint_name, true, []]);
      assert.match(conflict?.stderr ?? '', /has a model 'arith-rl' already; choose another name/);
      assert.match(absent?.stderr ?? '', /There is no checkpoint '00000000-0000-0000-0000-000000000001'/);
    },
  };
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return async () => await (made ??= make());
}
