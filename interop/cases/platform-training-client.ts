/** What the Python package's `TrainingClient` gets from our platform, call by call. */
import assert from 'node:assert/strict';
import type { Case } from '../report.ts';
import type { Hands } from './platform-hands.ts';

/** What comes along, and may be forked. */
export const BASE = 'tiny-chat';
/** What people call it, and what requests say. */
export const TRAINED = { name: 'Digit Reader', slug: 'digit-reader' };
/** For all calls of the client, which the first case that reads them waits for. */
export const CALLS_LIMIT_MS = 120_000;

export interface Node {
  id: string;
  name: string;
  checkpoint_name: string;
  prev_model_checkpoint_id: string | null;
  is_active: boolean;
  num_traces: number;
  num_datums: number;
  mean_reward: number;
  learning_rate: number;
  loss_fn: string;
  metrics: Record<string, number>;
}

export interface Step {
  step: number;
  checkpoint_id: string;
  sampler_path: string;
  state_path: string;
  model: string;
}

interface Pass {
  metrics: Record<string, number>;
  num_datums: number;
}

interface Refusal {
  error: string;
  status: number | null;
  message: string;
}

/** By the way in which the step was made. */
type Ways = Record<'runs' | 'ids' | 'custom', { datums: number; metrics: Record<string, number>; step: Step; replies: number[][] }>;

/** As `training_calls.py` tells it. */
interface Calls {
  asked: { id: string; by: Record<'slug' | 'name' | 'id', string[]> };
  losses: string[];
  untrained: { head: null; nodes: []; replies: number[][] };
  job: string;
  runs: { trace: string; reward: number }[];
  first: { step: Step; head: Node; replies: number[][] };
  ways: { steps: Ways; nodes: Node[] };
  pinned: number[][];
  mixed: { groups: number[]; rewards: [number, number][] };
  passes: { told: Record<string, Pass>; node: Node };
  client: Record<string, Refusal>;
  server: Record<string, Refusal>;
}

/** What the platform's words must say, with their status. */
const SAID: Readonly<Record<string, [number, RegExp]>> = {
  'nothing accumulated': [409, /no accumulated gradient.*groups whose rewards differ/],
  shape: [422, /weights for 1 data; the forward gave 2/],
  length: [422, /weights\[0\] has \d+ entries; the forward's logprobs there have \d+/],
  'unknown forward': [404, /no forward '0{8}-/],
  'spent forward': [409, /was used already.*Call `forward` again/],
  'stale forward': [409, /weights have changed since/],
  'unknown checkpoint': [404, /no checkpoint '0{8}-/],
  'unknown loss': [400, /computes importance_sampling, ppo,.*Did you mean importance_sampling/],
  'unknown setting': [400, /ppo has no setting 'clip'/],
  'trace without verdict': [400, /Trace \w{32} ended as 'timeout', without a verdict/],
  'unknown trace': [404, /no trace '0{31}1'/],
  'missing logprobs': [400, /1 log-probabilities for 2 output tokens/],
  'unknown model': [404, /no model '0{8}-.*of your team/],
  "everybody's model": [403, /everybody's.*hud models fork/],
  'slug for an id': [404, /Training takes ids: GET \/v2\/models\/resolve/],
  'wrong key': [401, /unknown, expired or revoked/],
};

export async function clientCalls({ training }: Hands): Promise<Calls> {
  const args = ['calls', '--model', TRAINED.slug, '--name', TRAINED.name, '--base', BASE];
  return (await training(args, { limitMs: CALLS_LIMIT_MS })) as Calls;
}

export function clientCases(hands: Hands, made: () => Promise<Calls>): Case[] {
  return Object.entries(CHECKS).map(([name, check]) => ({
    name,
    limitMs: CALLS_LIMIT_MS,
    run: async () => await check(await made(), hands),
  }));
}

const CHECKS: Readonly<Record<string, (calls: Calls, hands: Hands) => void | Promise<void>>> = {
  'a Python TrainingClient made with a slug, a display name or an id asks for the same model, by its id': resolving,
  'a step of the Python client is a checkpoint, the head, and what the gateway samples at once': stepping,
  'the platform knows which runs of the Python package fed a step': feeding,
  'runs, their trace ids, and a loss written out in the program give the Python client the same step': waysToStep,
  'trace ids of two groups, named by turns, are compared within the groups that they were rolled out in': byTurns,
  'hand-made trajectories, both sides of a game, settings of losses and of the optimizer add up to one step': accumulating,
  'the Python client refuses timed-out runs and torn groups before it asks': refusedByClient,
  "what our platform refuses is the Python client's HudRequestError, with the status and our words": refusedByPlatform,
  'the platform itself refuses groups that are not whole, whoever sends them': tornGroups,
};

function resolving({ asked: { id, by }, losses }: Calls): void {
  const own = [`GET /v1/models/${id}/train/losses`, `GET /v2/models/${id}/checkpoints`];
  assert.deepEqual([by.slug.slice(1), by.name, by.id], [own, own, own]);
  assert.match(by.slug[0] ?? '', /^GET \/v2\/models\?/); // the catalogue, once
  assert.deepEqual(losses.toSorted(), ['cispo', 'cross_entropy', 'dro', 'importance_sampling', 'ppo']);
}

function stepping({ untrained, first: { step, head, replies } }: Calls): void {
  assert.deepEqual([untrained.head, untrained.nodes], [null, []]);
  assert.deepEqual([step.step, step.model, step.checkpoint_id], [1, TRAINED.slug, head.id]);
  assert.deepEqual([head.checkpoint_name, head.learning_rate, head.num_traces], [step.sampler_path, 1e-5, 8]);
  assert.notEqual(step.state_path, step.sampler_path);
  assert.ok(apart(replies, untrained.replies) > 1e-6);
}

async function feeding({ runs, job, asked, first }: Calls, { list, platform }: Hands): Promise<void> {
  const reported = await list(`/v2/jobs/${job}/traces?limit=50`);
  for (const { trace, reward } of runs) {
    const found = reported.items.find(({ id }) => String(id).replaceAll('-', '') === trace);
    assert.ok(Math.abs(Number(found?.reward) - reward) < 1e-9, trace);
  }
  const { body } = await platform.ask('GET', `/v2/models/${asked.id}/checkpoints/${first.head.id}/inputs`);
  const groups = body.items as { inputs: { trace_id: string; served_by: string; reward: number }[] }[];
  assert.deepEqual(
    groups.flatMap(({ inputs }) => inputs.map((one) => [one.trace_id, one.reward, one.served_by])),
    runs.map(({ trace, reward }) => [trace, reward, 'base']),
  );
}

function waysToStep({ ways: { steps, nodes }, first, pinned, runs }: Calls): void {
  assert.deepEqual(steps.ids.replies, steps.runs.replies);
  assert.deepEqual(steps.ids.metrics, steps.runs.metrics);
  assert.ok(apart(steps.custom.replies, steps.runs.replies) < 1e-4);
  assert.ok(apart(steps.runs.replies, first.replies) > 1e-3);
  const rewards = runs.map(({ reward }) => reward);
  const apartInGroups = [rewards.slice(0, 4), rewards.slice(4)].filter((group) => new Set(group).size > 1).length;
  assert.deepEqual([steps.runs.datums, steps.ids.datums, steps.custom.datums], [4 * apartInGroups, 4 * apartInGroups, 8]);
  assert.deepEqual(pinned, first.replies); // an older checkpoint, asked for by its id
  const root = first.step.checkpoint_id;
  assert.deepEqual(
    nodes.map((node) => [node.prev_model_checkpoint_id, node.is_active, node.loss_fn]),
    [
      [null, false, 'importance_sampling'],
      [root, false, 'importance_sampling'],
      [root, false, 'importance_sampling'],
      [root, true, 'custom'],
    ],
  );
  assert.deepEqual([steps.custom.metrics.mine, nodes.at(-1)?.metrics.mine], [0.25, 0.25]);
}

function byTurns({ mixed: { groups, rewards } }: Calls): void {
  assert.deepEqual(groups, [0, 1, 0, 1, 0, 1, 0, 1]);
  for (const [recorded, own] of rewards) assert.equal(recorded, own);
}

function accumulating({ passes: { told, node }, first }: Calls): void {
  const datums = Object.fromEntries(Object.entries(told).map(([what, pass]) => [what, pass.num_datums]));
  assert.deepEqual(datums, { pair: 2, whole: 2, scaled: 2, clipped: 2, supervised: 1, 'self-play': 16, 'all the same': 0 });
  for (const [what, { metrics }] of Object.entries(told)) {
    assert.ok('loss:sum' in metrics && Object.values(metrics).every(Number.isFinite), what);
  }
  const metric = (what: string, name = 'loss:sum'): number => told[what]?.metrics[name] ?? NaN;
  const same = (one: number, other: number): void => assert.ok(Math.abs(one - other) < 1e-5, `${one} and ${other}`);
  same(metric('whole'), metric('pair'));
  same(metric('scaled'), 2 * metric('pair'));
  same(metric('self-play', 'reward_mean'), 0.5);
  same(metric('all the same', 'reward_std'), 0);
  assert.deepEqual([node.num_datums, node.prev_model_checkpoint_id], [25, first.step.checkpoint_id]);
}

function refusedByClient({ client }: Calls): void {
  const said = (what: string): string => `${client[what]?.error}: ${client[what]?.message}`;
  assert.match(said('torn'), /^ValueError: 7 trajectories do not divide evenly into groups of 4/);
  assert.match(said('incomplete'), /^ValueError: incomplete GRPO groups/);
  assert.match(said('by turns'), /^ValueError: GRPO groups must be contiguous/);
  assert.match(said('timed out'), /^ValueError: timed-out runs require an explicit training reward/);
  assert.match(said('no rate'), /^ValidationError/);
}

function refusedByPlatform({ server }: Calls): void {
  assert.deepEqual(Object.keys(server).toSorted(), Object.keys(SAID).toSorted());
  for (const [what, [status, words]] of Object.entries(SAID)) {
    const { error, status: given, message } = server[what] ?? {};
    assert.deepEqual([error, given], ['HudRequestError', status], `${what}: ${message}`);
    assert.match(message ?? '', words, what);
  }
}

async function tornGroups({ runs, asked }: Calls, { platform }: Hands): Promise<void> {
  const inputs = runs.slice(0, 3).map(({ trace }) => trace);
  const { status, body } = await platform.ask('POST', `/v1/models/${asked.id}/train/forward-backward`, { inputs, group_size: 2 });
  assert.equal(status, 400);
  assert.match(String(body.detail), /3 inputs are no whole groups of 2/);
}

/** The largest difference of log-probabilities; infinite where replies have different lengths. */
function apart(one: readonly number[][], other: readonly number[][]): number {
  const differences = one.flatMap((reply, i) =>
    reply.length === other[i]?.length ? reply.map((value, t) => Math.abs(value - (other[i]?.[t] ?? NaN))) : [Infinity],
  );
  return Math.max(...differences);
}
