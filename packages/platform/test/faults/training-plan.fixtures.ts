/** What is trained, the same each time: steps of a few passes, each of another loss, one of them custom. */
import type { JsonObject } from 'hud/protocol';

export type OperationKind = 'forward-backward' | 'forward' | 'backward' | 'optim-step';

export interface Planned {
  kind: OperationKind;
  /** @param answers of the operations of the same step before it */
  body(answers: readonly unknown[]): JsonObject;
}

const optimStep = (learningRate: number): Planned => ({
  kind: 'optim-step',
  body: () => ({ learning_rate: learningRate, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.01 }),
});

const pass = (seed: number, loss: string, more: JsonObject = {}): Planned => ({
  kind: 'forward-backward',
  body: () => ({ inputs: inputs(seed), loss_fn: loss, group_size: 2, reward_scale: 1, num_substeps: 1, ...more }),
});

const forward = (seed: number): Planned => ({ kind: 'forward', body: () => ({ inputs: inputs(seed), group_size: 2, reward_scale: 1 }) });

/** Of a loss that grows with the square of each log-probability. */
const backward: Planned = {
  kind: 'backward',
  body: (answers) => {
    const { forward_id, data } = answers.at(-1) as { forward_id: string; data: { logprobs: number[]; mask: number[] }[] };
    const weights = data.map(({ logprobs, mask }) => logprobs.map((logprob, i) => -2 * logprob * (mask[i] ?? 0)));
    return { forward_id, weights, metrics: { own: 1 } };
  },
};

/** The last operation of each step is the optimizer's. */
export const PLAN: readonly (readonly Planned[])[] = [
  [pass(1, 'importance_sampling'), pass(2, 'importance_sampling'), optimStep(0.01)],
  [pass(3, 'ppo', { num_substeps: 2 }), optimStep(0.02)],
  [pass(4, 'importance_sampling'), forward(5), backward, optimStep(0.005)],
  [pass(6, 'cross_entropy'), pass(7, 'ppo'), optimStep(0.01)],
];

/** Two groups of two, of some characters each. */
function inputs(seed: number): JsonObject[] {
  const token = (i: number): number => 8 + ((seed * 7_919 + i * 104_729) % 95);
  return [1, 0, 0.25, 0.75].map((reward, n) => ({
    samples: [
      {
        prompt_token_ids: [2, ...Array.from({ length: 6 }, (_none, i) => token(n * 100 + i)), 5, 3],
        output_token_ids: [...Array.from({ length: 8 }, (_none, i) => token(n * 100 + 50 + i)), 5],
        output_logprobs: Array.from({ length: 9 }, (_none, i) => -3 - ((seed + n + i) % 5) / 8),
      },
    ],
    reward,
  }));
}
