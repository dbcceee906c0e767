/** Samples what was asked for, and says it as chat completions do, whole or as a stream. */
import { createHash } from 'node:crypto';
import { Fault } from '../../fault.ts';
import type { Db } from '../../storage/database.ts';
import { keepSample } from '../../storage/training/samples.ts';
import { EngineLost, type Sampled, type TrainEngine } from '../engine.ts';
import { replyTo, type Job } from './chat-job.ts';
import {
  chunk,
  deltaOf,
  event,
  lastChunk,
  usageChunk,
  usageOfChoices,
  wholeReply,
  type ChatUsage,
  type ReplyParts,
  type SampledChoice,
} from './chat-reply.ts';
import type { ChatRequest } from './chat-request.ts';

export interface AnswerParts {
  db: Db;
  engine: TrainEngine;
  signal: AbortSignal;
  /** Kept up to date. */
  usage: ChatUsage;
}

/** @throws Fault 503 when the engine can't be used */
export async function whole(job: Job, { db, engine, signal, usage }: AnswerParts): Promise<Buffer> {
  const { request, sample } = job;
  const choices = await Promise.all(
    Array.from({ length: request.choices }, async (_none, i): Promise<SampledChoice> => {
      const sampled = await served(engine.sample({ ...sample, ...seedOf(request, i) }, signal));
      const reply = replyTo(job);
      reply.take(sampled);
      return { pieces: reply.pieces, sampled: reply.sampled(sampled.stopReason) };
    }),
  );
  const parts = partsOf(job);
  Object.assign(usage, usageOfChoices(choices, parts));
  if (choices[0] !== undefined) await keep(db, job, choices[0].sampled);
  return Buffer.from(JSON.stringify(wholeReply(job.head, choices, parts)));
}

export async function* streamed(job: Job, { db, engine, signal, usage }: AnswerParts): AsyncGenerator<Buffer> {
  const { request, head } = job;
  const stream = engine.stream({ ...job.sample, ...seedOf(request, 0) }, signal);
  const reply = replyTo(job);
  let stopReason: Sampled['stopReason'] = 'stop';
  let calls = 0;
  const told = (pieces: typeof reply.pieces): Buffer[] =>
    pieces.map((piece) => event(chunk(head, deltaOf(piece, piece.kind === 'call' ? calls++ : calls))));
  yield event(chunk(head, { role: 'assistant', content: '' }));
  try {
    while (!reply.isOver) {
      const next = await served(stream.next());
      if (next.done === true) {
        ({ stopReason } = next.value);
        break;
      }
      yield* told(reply.push(next.value.token, next.value.logprob));
      usage.completionTokens = reply.length;
    }
  } finally {
    await stream.return(reply.sampled(stopReason)); // it need not have come to its end
  }
  yield* told(reply.end(stopReason));
  const sampled = reply.sampled(stopReason);
  usage.completionTokens = sampled.tokens.length;
  await keep(db, job, sampled);
  yield event(lastChunk(head, { pieces: reply.pieces, sampled }, partsOf(job)));
  if (request.includesUsage) yield event(usageChunk(head, usage));
  yield event('[DONE]');
}

/** What an engine has lost, it may have again when it is asked anew. */
async function served<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof EngineLost)) throw error;
    throw new Fault(503, `${error.message} Try again.`, { retryAfter: 5, cause: error });
  }
}

/** Before the caller has the last of it, so that whoever has a run's reply can train on it. */
async function keep(db: Db, { call, prompt, checkpoint }: Job, { tokens, logprobs }: Sampled): Promise<void> {
  const { id, teamId, traceId, idempotencyKey: key, modelName, startedAt } = call;
  if (traceId === undefined) return;
  const sameCall = createHash('sha256')
    .update(JSON.stringify([teamId, traceId, key]))
    .digest('hex')
    .slice(0, 32);
  await keepSample(db, {
    id: key === undefined ? id : sameCall,
    team_id: teamId,
    trace_id: traceId,
    model_name: modelName,
    checkpoint_id: checkpoint?.id ?? null,
    prompt_token_ids: JSON.stringify(prompt),
    output_token_ids: JSON.stringify(tokens),
    output_logprobs: JSON.stringify(logprobs),
    created_at: startedAt,
  });
}

function partsOf({ prompt, tokenizer, request }: Job): ReplyParts {
  return { prompt, tokenizer, includesTokens: request.includesTokens, includesLogprobs: request.includesLogprobs };
}

/** Choices of one request differ. */
function seedOf({ seed }: ChatRequest, index: number): { seed?: number } {
  return seed === undefined ? {} : { seed: seed + index };
}
