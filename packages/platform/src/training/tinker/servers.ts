/** Servers that speak the Tinker API, and where they differ in what they compute. */
import { LOSSES, type Loss } from '../engine.ts';

export interface ServerKind {
  /** `mean`: each sequence's loss is divided by the sum of its weights, and gradients by the number of sequences. */
  reduction: 'sum' | 'mean';
  /** Policy losses take `weights` too, and multiply by them. */
  weighsPolicyLosses: boolean;
  /**
   * Models are slots of shared arrays. A slot keeps the gradient of the model that was in it before; samples of a checkpoint are made by
   * loading it into the slot of the model that is trained, which has to be there; and weight decay reaches all slots.
   */
  hasSlots: boolean;
  /** Those that it may have; which of them it computes is asked of it. */
  losses: readonly Loss[];
}

const WITHOUT_DRO = LOSSES.filter((loss) => loss !== 'dro');

export const SERVERS = {
  tinker: { reduction: 'sum', weighsPolicyLosses: false, hasSlots: false, losses: LOSSES },
  skyrl: { reduction: 'sum', weighsPolicyLosses: true, hasSlots: false, losses: WITHOUT_DRO },
  'skyrl-jax': { reduction: 'mean', weighsPolicyLosses: true, hasSlots: true, losses: WITHOUT_DRO },
} as const satisfies Record<string, ServerKind>;

export type ServerName = keyof typeof SERVERS;
