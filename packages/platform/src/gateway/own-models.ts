/** Answers calls for models that this process samples itself: the same observers see the reply as if a server had sent it. */
import type { ServerResponse } from 'node:http';
import { isHudError, messageOf } from 'hud/protocol';
import { Fault, toFault } from '../fault.ts';
import { cut } from './forward.ts';
import { replyHeaders } from './headers.ts';
import { Refusal, type RefusalStatus } from './refusals.ts';
import type { CallOutcome, ModelCall, ReplyObserver, SamplerAnswer, Samplers } from './seams.ts';

export interface OwnVisit {
  response: ServerResponse;
  /** `performance.now()` */
  arrivedAt: number;
  /** Of the caller. */
  signal: AbortSignal;
  observers: readonly ReplyObserver[];
  /** Until the caller takes more, or has left. */
  drained(response: ServerResponse): Promise<void>;
}

/** @throws Refusal when nothing was written to the response; what fails later breaks the reply off */
export async function answerItself(samplers: Samplers, call: ModelCall, visit: OwnVisit): Promise<CallOutcome> {
  const { response, signal, observers } = visit;
  const answer = await asked(samplers, call, signal);
  for (const observer of observers) observer.head(200, answer.headers);
  response.writeHead(200, replyHeaders(answer.headers, call.id));
  const outcome = { status: 200, firstByteMs: performance.now() - visit.arrivedAt };
  let error: string | undefined;
  try {
    for await (const piece of answer.body) {
      for (const observer of observers) observer.data(piece);
      if (signal.aborted) break;
      if (!response.write(piece)) await visit.drained(response);
    }
    if (!signal.aborted) response.end();
  } catch (thrown) {
    error = signal.aborted ? 'aborted' : messageOf(thrown).slice(0, 200);
    cut(response);
  }
  for (const observer of observers) observer.end(error === undefined && !signal.aborted);
  return { ...outcome, usage: answer.usage(), isAborted: signal.aborted, ...(error !== undefined && { error }) };
}

async function asked(samplers: Samplers, call: ModelCall, signal: AbortSignal): Promise<SamplerAnswer> {
  const { id, caller, traceId, model, body, startedAt, idempotencyKey } = call;
  const rest = { ...(traceId !== undefined && { traceId }), ...(idempotencyKey !== undefined && { idempotencyKey }) };
  try {
    return await samplers.complete({ id, teamId: caller.teamId, modelName: model.modelName, body, startedAt, ...rest }, signal);
  } catch (error) {
    throw refusalOf(error);
  }
}

const STATUSES: readonly number[] = [400, 401, 402, 403, 404, 405, 409, 413, 429, 500, 503];

/** What is nobody's mistake goes on as it is, to the log. */
function refusalOf(error: unknown): unknown {
  if (!(error instanceof Fault) && !isHudError(error)) return error;
  // Of saved weights, not of the record, which says so by other errors.
  if (isHudError(error) && error.code === 'STORE_DAMAGED')
    return new Refusal(500, `${error.message} ${error.hint ?? ''}`, { cause: error });
  const { status, message, options } = toFault(error);
  if (status === 500) return error;
  const later = options.retryAfter === undefined ? {} : { retryAfter: options.retryAfter };
  return new Refusal((STATUSES.includes(status) ? status : 400) as RefusalStatus, message, { cause: error, ...later });
}
