/** Entry of the thread that computes gradients: one call after the other. */
import { parentPort, workerData } from 'node:worker_threads';
import { HudError } from 'hud/protocol';
import type { AdamParams, Datum, Pass, PassResult } from '../../engine.ts';
import { readBase } from '../bases.ts';
import { loadSaved, save, sweepUnfinished } from '../saved-models.ts';
import { sizeOf, type ModelShape } from '../shape.ts';
import { tell, type ToldError } from '../thread.ts';
import type { SavedModel } from '../weights-file.ts';
import type { Moments } from './adamw.ts';
import { openDifferentiator, type Differentiator } from './gradient.ts';
import { Trainee } from './trainee.ts';

export interface TrainerData {
  /** Of saved weights. */
  directory: string;
}

/** What can be asked; `model` is a number that `open` answered with. */
export type TrainerCall =
  | { method: 'open'; base: string; state: string | undefined }
  | { method: 'forward'; model: number; data: readonly Datum[] }
  | { method: 'forwardBackward'; model: number; pass: Pass }
  | { method: 'optimStep'; model: number; params: AdamParams; id: string }
  | { method: 'dropGradient'; model: number }
  | { method: 'save'; model: number; name: string; what: 'state' | 'sampler' }
  | { method: 'close'; model: number };

/** null: end when idle. */
export type ToTrainer = { ticket: number; call: TrainerCall } | { abort: number } | null;

export type TrainerAnswer = number | Float32Array[] | PassResult | undefined;
export type FromTrainer = { ticket: number; answer: TrainerAnswer } | { ticket: number; error: ToldError };

interface Opened {
  base: string;
  shape: ModelShape;
  trainee: Trainee;
}

const port = parentPort;
if (port === null) throw new TypeError('This file is the entry of a thread.');

const { directory } = workerData as TrainerData;
const models = new Map<number, Opened>();
const maths = new Map<string, Promise<Differentiator>>();
const aborts = new Map<number, AbortController>();
// A folder that can't be read fails the call that needs it, with its reason.
let last: Promise<void> = sweepUnfinished(directory, Date.now()).catch(() => undefined);
let opened = 0;

port.on('message', (message: ToTrainer) => {
  if (message === null) void last.then(() => port.close());
  else if ('abort' in message) aborts.get(message.abort)?.abort();
  else {
    const { ticket, call } = message;
    const abort = new AbortController();
    aborts.set(ticket, abort);
    last = last.then(() => work(ticket, call, abort.signal));
  }
});

async function work(ticket: number, call: TrainerCall, signal: AbortSignal): Promise<void> {
  let reply: FromTrainer;
  try {
    signal.throwIfAborted();
    reply = { ticket, answer: await answer(call, signal) };
  } catch (error) {
    reply = { ticket, error: tell(error) };
  }
  aborts.delete(ticket);
  port?.postMessage(reply);
}

async function answer(call: TrainerCall, signal: AbortSignal): Promise<TrainerAnswer> {
  if (call.method === 'open') return open(call.base, call.state);
  const model = models.get(call.model);
  if (model === undefined) throw new Error('This model was closed.');
  const { trainee } = model;
  switch (call.method) {
    case 'forward':
      return trainee.forward(call.data, signal);
    case 'forwardBackward':
      return trainee.forwardBackward(call.pass, signal);
    case 'optimStep':
      trainee.optimStep(call.params, call.id);
      return undefined;
    case 'dropGradient':
      trainee.dropGradient();
      return undefined;
    case 'save':
      return saveModel(model, call.name, call.what);
    default: // close
      models.delete(call.model);
      return undefined;
  }
}

async function open(base: string, state: string | undefined): Promise<number> {
  const { shape, weights, moments, step, stepId } = state === undefined ? await freshModel(base) : await savedState(base, state);
  const trainee = new Trainee(shape, { weights, moments, step, stepId }, await mathOf(shape));
  opened += 1;
  models.set(opened, { base, shape, trainee });
  return opened;
}

type WithMoments = SavedModel & { moments: Moments };

async function freshModel(base: string): Promise<WithMoments> {
  const saved = await readBase(base);
  const count = sizeOf(saved.shape);
  return { ...saved, moments: { first: new Float32Array(count), second: new Float32Array(count) } };
}

async function savedState(base: string, name: string): Promise<WithMoments> {
  const { moments, ...saved } = await loadSaved(directory, name);
  const refuse = (what: string): HudError => new HudError('BAD_ARGUMENT', `The saved weights "${name}" ${what}.`);
  if (saved.base !== base) throw refuse(`come from the base model "${saved.base}", not from "${base}"`);
  if (moments === undefined) throw refuse('are for sampling: training can not go on from them, they have no optimizer state');
  return { ...saved, moments };
}

/** What is compiled for a shape serves all its models. */
function mathOf(shape: ModelShape): Promise<Differentiator> {
  const key = JSON.stringify(shape);
  const math = maths.get(key) ?? openDifferentiator(shape);
  maths.set(key, math);
  return math;
}

async function saveModel({ base, shape, trainee }: Opened, name: string, what: 'state' | 'sampler'): Promise<undefined> {
  const { moments, ...state } = trainee.state;
  await save(directory, name, { base, shape, ...state, moments: what === 'state' ? moments : undefined });
}
