/** What is trained on: trajectories as they were sent, or traces that the record has, turn by turn. */
import { api, normalizeTraceId, type JsonObject } from 'hud/protocol';
import { absent, Fault } from '../fault.ts';
import { correctedRewards } from '../storage/annotations/lists.ts';
import type { Db } from '../storage/database.ts';
import { getRun, type RunRow } from '../storage/runs/index.ts';
import { recordedGroups } from '../storage/training/inputs.ts';
import { samplesOfTrace } from '../storage/training/samples.ts';
import { Breath } from './breath.ts';
import type { Datum } from './engine.ts';
import type { Numbers } from './numbers.ts';

/** A turn without what the loss adds. */
export type Turn = Pick<Datum, 'input' | 'targets' | 'mask' | 'samplingLogprobs'>;

export interface Trajectory {
  /** Its place among the inputs. */
  index: number;
  /** As it was graded. */
  reward: number;
  turns: Turn[];
  /** Of the record; undefined where some input of the batch names no trace. */
  groupId: string | undefined;
  /** 32 hex digits; of one that was sent as it is, the trace that it says it is of. */
  traceId: string | undefined;
}

export interface ReadingOptions {
  teamId: string;
  needsLogprobs: boolean;
  /** Tokens of prompt and reply together. */
  contextLength: number;
}

interface Turned {
  promptTokenIds?: Numbers | null | undefined;
  promptChunks?: readonly JsonObject[] | null | undefined;
  outputTokenIds: Numbers;
  outputLogprobs: Numbers;
}

/** Of one batch: a trace's id is short, and its tokens are many. Each takes some 30 bytes. */
const MOST_TOKENS = 2 ** 25;

/**
 * In the order of the inputs.
 * @throws Fault 400 naming what can't be trained on, 404 for a trace that the team does not have, 413 for too much at once
 */
export async function readInputs(db: Db, inputs: readonly api.training.TrainInput[], options: ReadingOptions): Promise<Trajectory[]> {
  const trajectories: Trajectory[] = [];
  const breath = new Breath();
  let tokens = 0;
  for (const [index, input] of inputs.entries()) {
    if (typeof input === 'string') {
      trajectories.push(await traced(db, index, input, options));
    } else {
      const what = `Input ${index}`;
      const traceId = input.traceId == null ? undefined : normalizeTraceId(input.traceId);
      trajectories.push({ index, reward: input.reward, turns: turnsOf(input.samples, what, options), groupId: undefined, traceId });
    }
    for (const { targets } of trajectories[index]?.turns ?? []) tokens += targets.length;
    if (tokens > MOST_TOKENS) throw new Fault(413, `The batch has more than ${MOST_TOKENS} tokens. Send it in parts, one pass each.`);
    await breath.taken();
  }
  return await withGroups(db, options.teamId, trajectories);
}

/** Runs that are sent whole belong to groups just as those that are sent by their traces. */
async function withGroups(db: Db, teamId: string, trajectories: Trajectory[]): Promise<Trajectory[]> {
  const unknown = trajectories.flatMap(({ groupId, traceId }) => (groupId === undefined ? (traceId ?? []) : []));
  if (unknown.length === 0 || trajectories.some(({ traceId }) => traceId === undefined)) return trajectories;
  const groups = await recordedGroups(db, teamId, unknown);
  return trajectories.map((one) => ({ ...one, groupId: one.groupId ?? groups.get(one.traceId ?? '') }));
}

async function traced(db: Db, index: number, id: string, options: ReadingOptions): Promise<Trajectory> {
  const { teamId } = options;
  const run = await getRun(db, teamId, normalizeTraceId(id));
  if (run === undefined) throw absent(`trace '${id.slice(0, 100)}'`);
  const what = `Trace ${run.trace_id}`;
  const reward = await rewardOf(db, teamId, run);
  const samples = await samplesOfTrace(db, teamId, run.trace_id);
  if (samples.length === 0) {
    const hint = "Sample with `return_token_ids`, through this platform's gateway or with the tokens in the agent's steps.";
    throw new Fault(400, `${what} has no tokens to train on. ${hint}`);
  }
  return { index, reward, turns: turnsOf(samples, what, options), groupId: run.group_id ?? undefined, traceId: run.trace_id };
}

/** What a person said of it counts before what the grader said. */
async function rewardOf(db: Db, teamId: string, run: RunRow): Promise<number> {
  const reward = (await correctedRewards(db, teamId, { traceIds: [run.trace_id] })).get(run.trace_id);
  if (reward !== undefined) return reward;
  if (run.class === 'graded' && run.reward !== null) return run.reward;
  const why =
    run.class === null ? 'has not ended' : run.class === 'graded' ? 'has no reward' : `ended as '${run.class}', without a verdict`;
  throw new Fault(400, `Trace ${run.trace_id} ${why}. Send it with a reward of your own, or leave it out.`);
}

function turnsOf(samples: readonly Turned[], what: string, options: ReadingOptions): Turn[] {
  return samples.map((sample, i) => turnOf(sample, samples.length === 1 ? what : `${what}, turn ${i}`, options));
}

/** The model reads all but the last token, and learns the one after each. */
function turnOf(sample: Turned, what: string, { needsLogprobs, contextLength }: ReadingOptions): Turn {
  const { outputLogprobs: logprobs } = sample;
  const output = tokensOf(sample.outputTokenIds, `${what}, output`);
  const prompt = promptOf(sample, what);
  if (prompt.length === 0) throw new Fault(400, `${what} has no prompt tokens; the first token of a reply needs one before it.`);
  if (output.length === 0) throw new Fault(400, `${what} has no output tokens, so there is nothing to learn from it.`);
  const length = prompt.length + output.length;
  if (length > contextLength) throw new Fault(400, `${what} has ${length} tokens; the model takes ${contextLength}.`);
  if (logprobs.length > output.length || (needsLogprobs && logprobs.length < output.length)) {
    const hint = needsLogprobs ? ' Ask for `logprobs` when sampling, or use cross_entropy.' : '';
    throw new Fault(400, `${what} has ${logprobs.length} log-probabilities for ${output.length} output tokens.${hint}`);
  }
  const before = prompt.length - 1;
  const full = new Int32Array(length);
  full.set(prompt);
  full.set(output, prompt.length);
  const samplingLogprobs = new Float64Array(length - 1);
  samplingLogprobs.set(logprobs, before);
  return {
    input: full.subarray(0, -1),
    targets: full.subarray(1),
    mask: new Uint8Array(length - 1).fill(1, before),
    samplingLogprobs,
  };
}

/** Chunks win over the flat form. */
function promptOf({ promptTokenIds, promptChunks }: Turned, what: string): Int32Array {
  if (promptChunks == null) return tokensOf(promptTokenIds ?? [], `${what}, prompt`);
  const parts = promptChunks.map((chunk) => {
    if (chunk.type !== 'encoded_text')
      throw new Fault(400, `${what} has a prompt chunk '${String(chunk.type).slice(0, 40)}'; the engine reads 'encoded_text' alone.`);
    return tokensOf(chunk.tokens, `${what}, a prompt chunk`);
  });
  const all = new Int32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Typed ones were read already, with the request that they came in; a trace's may be anything. */
function tokensOf(list: unknown, what: string): Int32Array {
  if (list instanceof Int32Array) return list;
  const { success, data, error } = api.training.TokenList.safeParse(list);
  if (success) return data;
  throw new Fault(400, `${what}: ${error.issues[0]?.message ?? 'no list of token ids'}.`);
}
