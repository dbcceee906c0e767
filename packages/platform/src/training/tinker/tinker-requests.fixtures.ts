/** Bodies of requests of the Tinker API, as a server reads them. */
import type { Loss } from '../engine.ts';

export interface WireDatum {
  model_input: { chunks: { tokens: number[] }[] };
  loss_fn_inputs: Record<string, { data: number[] }>;
}

export interface WirePass {
  data: WireDatum[];
  loss_fn: Loss;
  loss_fn_config?: Record<string, number>;
}

/** All members that requests have. */
export interface Body {
  session_id: string;
  model_id: string;
  seq_id?: number;
  request_id: string;
  base_model?: string;
  path: string;
  model_path?: string;
  forward_input?: WirePass;
  forward_backward_input?: WirePass;
  adam_params: { learning_rate: number; beta1: number; beta2: number; eps: number; weight_decay: number };
  prompt: { chunks: { tokens: number[] }[] };
  sampling_params: { max_tokens: number; temperature: number; top_p: number; stop?: number[]; seed?: number };
}
