/** Which curves a model's checkpoints have, and how they grow while training goes on. */
import type { api } from 'hud/protocol';

type Checkpoint = api.models.Checkpoint;
type Value = number | null;

export interface CurveData {
  /** Of the metric. */
  name: string;
  title: string;
  /** What the number says. */
  hint: string;
  /** One for each checkpoint. */
  values: Value[];
  band?: { low: Value[]; high: Value[] };
  /** The axis covers no less: what floating point leaves of nothing is no curve. */
  leastSpan?: number;
}

interface Known {
  title: string;
  hint: string;
  of: (checkpoint: Checkpoint) => Value;
  leastSpan?: number;
}

const metric =
  (name: string) =>
  ({ metrics }: Checkpoint): Value =>
    metrics[name] ?? null;

const REWARD: Known = {
  title: 'Reward',
  hint: 'Mean over the rollouts that fed the step, with one standard deviation of single rollouts to both sides',
  of: ({ meanReward, metrics }) => meanReward ?? metrics.reward_mean ?? null,
};

/** Of those in one list the first that is there. */
const CURVES: readonly (readonly (readonly [name: string, known: Known])[])[] = [
  [
    ['loss:sum', { title: 'Loss', hint: 'Summed over tokens, so it grows with the batch', of: metric('loss:sum') }],
    ['loss:mean', { title: 'Loss', hint: 'Mean over tokens', of: metric('loss:mean') }],
    ['loss', { title: 'Loss', hint: 'As the engine tells it', of: metric('loss') }],
  ],
  [
    [
      'kl_sample_train',
      {
        title: 'KL',
        hint: 'How far the trained weights are from those that sampled, per token; near 0 when runs are fresh',
        of: metric('kl_sample_train'),
        leastSpan: 1e-3,
      },
    ],
  ],
  [
    ['entropy', { title: 'Entropy', hint: 'Per token; 0 says the same each time', of: metric('entropy') }],
    [
      'entropy_sampled',
      {
        title: 'Entropy (sampled)',
        hint: 'Per token, estimated: minus the mean log-probability of the tokens that were sampled; 0 says the same each time',
        of: ({ metrics: { entropy_sampled: entropy, sampling_logprob_mean: logprob } }) =>
          entropy ?? (logprob === undefined ? null : 0 - logprob),
      },
    ],
  ],
  [
    [
      'num_tokens',
      {
        title: 'Tokens',
        hint: 'That the model wrote for the step',
        of: ({ numTokens, metrics }) => numTokens ?? metrics.num_tokens ?? null,
      },
    ],
  ],
];

/** The reward first, then those of the usual curves that some checkpoint has. @param checkpoints oldest first */
export function curvesOf(checkpoints: readonly Checkpoint[]): CurveData[] {
  const band = bandOf(checkpoints);
  const reward = { ...dataOf('reward_mean', REWARD, checkpoints), ...(band !== undefined && { band }) };
  const usual = CURVES.flatMap((list) => {
    const curves = list.map(([name, known]) => dataOf(name, known, checkpoints));
    return curves.find(({ values }) => values.some((value) => value !== null)) ?? [];
  });
  return [reward, ...usual];
}

function dataOf(name: string, { title, hint, of, leastSpan }: Known, checkpoints: readonly Checkpoint[]): CurveData {
  return { name, title, hint, values: checkpoints.map(of), ...(leastSpan !== undefined && { leastSpan }) };
}

/** One standard deviation, no further than the least and the greatest reward. */
function bandOf(checkpoints: readonly Checkpoint[]): CurveData['band'] {
  const edge = (side: 1 | -1) =>
    checkpoints.map((checkpoint) => {
      const { reward_std: std, reward_min: min = -Infinity, reward_max: max = Infinity } = checkpoint.metrics;
      const mean = REWARD.of(checkpoint);
      return mean === null || std === undefined ? null : Math.min(max, Math.max(min, mean + side * std));
    });
  const band = { low: edge(-1), high: edge(1) };
  return band.low.some((value) => value !== null) ? band : undefined;
}

/** The last is the entropy with its sign turned. */
const TOLD_ELSEWHERE = /^(reward_|num_|sampling_logprob_mean$)/;

/** Further metrics, those that most checkpoints have first. */
export function otherMetrics(checkpoints: readonly Checkpoint[], curves: readonly CurveData[]): string[] {
  const names = new Map<string, number>();
  for (const { metrics } of checkpoints) for (const name of Object.keys(metrics)) names.set(name, (names.get(name) ?? 0) + 1);
  for (const { name } of curves) names.delete(name);
  return [...names]
    .filter(([name]) => !TOLD_ELSEWHERE.test(name))
    .toSorted(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
    .map(([name]) => name);
}

const LEAST_MS = 60_000;
const MOST_MS = 30 * 60_000;

/** The newest checkpoint is no older than three steps take. @param checkpoints oldest first; @param now milliseconds since 1970 */
export function isGoingOn(checkpoints: readonly Checkpoint[], now: number): boolean {
  const [before, last] = [checkpoints.at(-2), checkpoints.at(-1)];
  if (last === undefined) return false;
  const newest = Date.parse(last.createdAt);
  const gap = before === undefined ? 0 : newest - Date.parse(before.createdAt);
  return now - newest < Math.min(MOST_MS, Math.max(LEAST_MS, 3 * gap));
}

const BLOCK = 10;

/** Last place of the axis: while training goes on there is room ahead, so that a step does not move those before it. */
export function axisEnd(count: number, isLive: boolean): number {
  if (!isLive) return Math.max(count, 1);
  const block = Math.max(BLOCK, 10 ** Math.floor(Math.log10(Math.max(1, count))));
  return Math.ceil((count + 1) / block) * block;
}

/** Two checkpoints of the address: the one that is looked at, and the one beside it. */
export interface Pair {
  at: string | undefined;
  beside: string | undefined;
}

/** A third takes the place of the first. */
export function toggled({ at, beside }: Pair, id: string): Pair {
  if (id === beside) return { at, beside: undefined };
  if (id === at) return { at: beside, beside: undefined };
  if (at === undefined) return { at: id, beside };
  return beside === undefined ? { at, beside: id } : { at: beside, beside: id };
}
