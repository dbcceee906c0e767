/** Samples of a remote engine: whole replies, cut where ours would end. */
import { HudError } from 'hud/protocol';
import { z } from 'zod';
import { Fault } from '../../fault.ts';
import type { Sampled, SampleRequest } from '../engine.ts';
import { asEngineError, Refused, type TinkerHttp } from './http.ts';

const Reply = z.object({
  sequences: z.tuple([
    z.object({ tokens: z.array(z.int()), logprobs: z.array(z.number()).nullish(), stop_reason: z.enum(['stop', 'length']) }),
  ]),
});

/** @throws HudError for a prompt that does not fit; Fault 503 */
export async function sampleOf(http: TinkerHttp, request: SampleRequest, contextLength: number, signal?: AbortSignal): Promise<Sampled> {
  const { weights, base, prompt, temperature, topP, topK, stop, seed } = request;
  const room = contextLength - prompt.length;
  if (room < 1) throw new HudError('BAD_ARGUMENT', `The prompt has ${prompt.length} tokens; the model's context is ${contextLength}.`);
  const single = stop.flatMap((sequence) => (sequence.length === 1 ? sequence : [])); // longer ones can't be said in tokens
  const body = {
    ...(weights === undefined ? { base_model: base } : { model_path: weights }),
    prompt: { chunks: [{ type: 'encoded_text', tokens: prompt }] },
    num_samples: 1,
    sampling_params: {
      max_tokens: Math.min(request.maxTokens, room),
      temperature,
      top_p: topP ?? 1,
      ...(topK !== undefined && { top_k: topK }),
      ...(single.length > 0 && { stop: single }),
      ...(seed !== undefined && { seed }),
    },
  };
  try {
    const reply = await http.future('asample', Reply, body, signal);
    return cut(reply.sequences[0], stop);
  } catch (error) {
    if (!(error instanceof Refused && error.isModelGone && weights !== undefined)) throw asEngineError(error);
    throw new HudError('BAD_ARGUMENT', `The training engine has no saved weights "${weights}": ${error.detail}.`, { cause: error });
  }
}

/** At the first place where a stop ends. */
function cut({ tokens, logprobs, stop_reason: stopReason }: z.output<typeof Reply>['sequences'][0], stop: SampleRequest['stop']): Sampled {
  if (logprobs?.length !== tokens.length)
    throw new Fault(503, `The training engine sampled ${tokens.length} tokens with ${logprobs?.length ?? 0} log-probabilities.`);
  const end = tokens.findIndex((_token, at) =>
    stop.some((sequence) => sequence.length > 0 && sequence.every((one, i) => tokens[at + 1 - sequence.length + i] === one)),
  );
  if (end === -1) return { tokens, logprobs, stopReason };
  return { tokens: tokens.slice(0, end + 1), logprobs: logprobs.slice(0, end + 1), stopReason: 'stop' };
}
