/** Entry of the thread that samples: all requests together, one token each at a time. */
import { parentPort, workerData } from 'node:worker_threads';
import { HudError } from 'hud/protocol';
import type { SampleRequest } from '../../engine.ts';
import { readBase } from '../bases.ts';
import { loadSaved } from '../saved-models.ts';
import { tell, type ToldError } from '../thread.ts';
import { Batcher, type Reply } from './batcher.ts';
import { Decoder } from './decoder.ts';

export interface SamplerData {
  /** Of saved weights. */
  directory: string;
}

/** null: end. */
export type ToSampler = { id: number; request: SampleRequest } | { cancel: number } | null;

export interface FromSampler {
  replies?: Reply[];
  failed?: { id: number; error: ToldError };
}

/** Weights in memory at once; those that are used longest ago go first. */
const MAX_LOADED = 8;
/** Requests that wait; beyond it they are refused. */
const MAX_WAITING = 4096;

const port = parentPort;
if (port === null) throw new TypeError('This file is the entry of a thread.');

const { directory } = workerData as SamplerData;
const batcher = new Batcher();
/** The latest used last. */
const loaded = new Map<string, Promise<Decoder>>();
/** Requests whose weights are being loaded. */
const beginning = new Set<number>();
let isRunning = false;
let isClosing = false;

port.on('message', (message: ToSampler) => {
  if (message === null) {
    isClosing = true;
    port.close();
  } else if ('cancel' in message) {
    if (!beginning.delete(message.cancel)) batcher.cancel(message.cancel);
  } else void begin(message.id, message.request);
});

async function begin(id: number, request: SampleRequest): Promise<void> {
  beginning.add(id);
  try {
    if (batcher.waiting + beginning.size > MAX_WAITING)
      throw new HudError('MODEL_RATE_LIMITED', `${MAX_WAITING} requests wait for the model already.`, { hint: 'Try again in a moment.' });
    const decoder = await decoderOf(request);
    if (!beginning.delete(id)) return; // given up meanwhile
    batcher.add(id, decoder, fitted(request, decoder));
    if (!isRunning) run();
  } catch (error) {
    beginning.delete(id);
    port?.postMessage({ failed: { id, error: tell(error) } } satisfies FromSampler);
  }
}

/** The reply ends where the context does. */
function fitted(request: SampleRequest, { shape: { vocabulary, context } }: Decoder): SampleRequest {
  const { prompt, maxTokens, temperature, topP = 1, topK = 1 } = request;
  const refuse = (what: string): never => {
    throw new HudError('MODEL_BAD_REQUEST', what);
  };
  if (prompt.length === 0) refuse('The prompt is empty.');
  if (prompt.length >= context) refuse(`The prompt has ${prompt.length} tokens; prompt and reply together have ${context} at most.`);
  const at = prompt.findIndex((token) => !Number.isInteger(token) || token < 0 || token >= vocabulary);
  if (at !== -1) refuse(`prompt[${at}] is ${prompt[at]}, which is no token of this model.`);
  if (!Number.isInteger(maxTokens) || maxTokens < 1) refuse(`maxTokens is ${maxTokens}; it must be a whole number, 1 or more.`);
  if (!Number.isFinite(temperature) || temperature < 0) refuse(`temperature is ${temperature}; it must be a finite number, 0 or more.`);
  if (!(topP > 0 && topP <= 1)) refuse(`topP is ${topP}; it must be above 0 and at most 1.`);
  if (!Number.isInteger(topK) || topK < 1) refuse(`topK is ${topK}; it must be a whole number, 1 or more.`);
  return { ...request, maxTokens: Math.min(maxTokens, context - prompt.length) };
}

function run(): void {
  isRunning = !batcher.isIdle && !isClosing;
  if (!isRunning) return;
  const replies = batcher.step();
  if (replies.length > 0) port?.postMessage({ replies } satisfies FromSampler);
  setImmediate(run); // requests and cancellations come in between
}

function decoderOf({ base, weights }: SampleRequest): Promise<Decoder> {
  const key = weights === undefined ? `base ${base}` : `saved ${weights}`;
  const decoder = loaded.get(key) ?? load(base, weights, key);
  loaded.delete(key);
  loaded.set(key, decoder);
  const oldest = loaded.keys().next().value;
  if (loaded.size > MAX_LOADED && oldest !== undefined) {
    void loaded.get(oldest)?.then(
      (unused) => batcher.forget(unused),
      () => undefined,
    );
    loaded.delete(oldest);
  }
  return decoder;
}

async function load(base: string, weights: string | undefined, key: string): Promise<Decoder> {
  try {
    const saved = await (weights === undefined ? readBase(base) : loadSaved(directory, weights));
    return new Decoder(saved.shape, saved.weights);
  } catch (error) {
    loaded.delete(key); // the next request tries again
    throw error;
  }
}
