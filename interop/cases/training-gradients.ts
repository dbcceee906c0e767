/** Gradients and steps of the local training engine against those of `gradient_reference.py`, on batches that the engine recorded. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  LOSSES,
  type AdamParams,
  type Datum,
  type EngineModel,
  type Pass,
  type TrainEngine,
} from '../../packages/platform/src/training/engine.ts';
import { datumOf } from '../../packages/platform/src/training/datum.fixtures.ts';
import { openLocalEngine } from '../../packages/platform/src/training/local/local-engine.ts';
import { randomOf } from '../../packages/platform/src/training/local/random.ts';
import { run } from '../children.ts';
import type { Python } from '../python.ts';
import type { Case } from '../report.ts';

/** Of each tensor's largest entry, and of the numbers as they are. */
const CLOSE = 1e-4;
const CLOSE_STEP = 1e-6;
const LIMIT_MS = 60_000;
const BASE = 'tiny-chat';
const ADAM: AdamParams = { learningRate: 3e-3, beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1 };
/** Changes no weight, and leaves the gradient itself as the first moment. */
const READ: AdamParams = { learningRate: 0, beta1: 0, beta2: 0, eps: 1, weightDecay: 0 };
/** Of different lengths: rows of one batch are padded, and there are several batches. */
const PROMPTS = ['Hi', 'Name a colour, then another one.', 'Count the letters of "strawberry". Think first.'];

interface Compared {
  passes: {
    name: string;
    relative: Record<string, number>;
    absolute: Record<string, number>;
    /** Entry of the gradient. */
    largest: number;
    logprobs: number;
    loss: number;
    clippedAbove: number;
    clippedBelow: number;
    tokens: number;
  }[];
  step: { relative: number; moved: number };
}

export function trainingGradientCases(python: Python): Case[] {
  return [
    {
      name: 'gradients of every loss and a step of AdamW are those of an independent reference',
      limitMs: LIMIT_MS,
      run: async ({ signal }) => {
        const folder = join(python.scratch, 'gradients');
        await record(folder, signal);
        const script = join(import.meta.dirname, '../python/gradient_reference.py');
        const { code, stdout, stderr } = await run(python.command, [script, folder], { env: python.env, limitMs: LIMIT_MS });
        assert.equal(code, 0, stderr);
        const compared = JSON.parse(stdout) as Compared;
        console.log(compared.passes.map(lineOf).join('\n'));
        console.log(`        AdamW: ${compared.step.relative.toExponential(1)} of each tensor's largest weight`);
        check(compared);
      },
    },
  ];
}

function check({ passes, step }: Compared): void {
  assert.equal(passes.length, LOSSES.length + 1);
  for (const { name, relative, absolute, logprobs, loss, largest, clippedAbove, clippedBelow } of passes) {
    for (const [tensor, difference] of Object.entries(relative)) assert.ok(difference < CLOSE, `${name}, ${tensor}: ${difference}`);
    for (const [tensor, difference] of Object.entries(absolute)) assert.ok(difference < CLOSE, `${name}, ${tensor}: ${difference}`);
    assert.ok(largest > 0.01, `${name} has hardly a gradient`);
    assert.ok(logprobs < CLOSE, `${name}: log-probabilities ${logprobs}`);
    assert.ok(loss < CLOSE, `${name}: loss ${loss}`);
    if (/ppo|cispo/.test(name)) assert.ok(clippedAbove > 0 && clippedBelow > 0, `${name} clips on both sides`);
  }
  assert.ok(step.moved > 1e-4, 'the step moves the weights');
  assert.ok(step.relative < CLOSE_STEP, `a step differs by ${step.relative}`);
}

function lineOf({ name, relative, absolute, logprobs, clippedAbove, clippedBelow, tokens }: Compared['passes'][0]): string {
  const [tensor, most] = Object.entries(relative).reduce((a, b) => (b[1] > a[1] ? b : a));
  const furthest = Math.max(...Object.values(absolute));
  const clipped = clippedAbove + clippedBelow === 0 ? '' : `; clips ${clippedAbove} above and ${clippedBelow} below of ${tokens} tokens`;
  const [a, b, c] = [most, furthest, logprobs].map((value) => value.toExponential(1));
  return `        ${name}: gradient ${a} relative (${tensor}), ${b} absolute; log-probabilities ${c}${clipped}`;
}

/** Replies are sampled, then the model moves on: what sampled them is another policy than the one that has the gradient. */
async function record(folder: string, signal: AbortSignal): Promise<void> {
  await mkdir(folder, { recursive: true });
  await using engine = openLocalEngine({ directory: folder });
  const data = await sampledData(engine, signal);
  await using model = await engine.open(BASE, undefined, signal);
  await model.forwardBackward({ loss: 'importance_sampling', config: {}, data, id: 'first' }, signal);
  await model.optimStep(ADAM, 'first');
  const start = await model.saveState('start');
  const batches = [];
  for (const pass of passesOf(data)) batches.push(await recordPass(engine, start, pass, signal));
  const [first] = batches;
  const step = await recordStep(engine, { start, gradient: first!.gradientFile }, first!);
  await writeFile(join(folder, 'batches.json'), JSON.stringify({ weights: file(start), batches, step }));
}

async function sampledData(engine: TrainEngine, signal: AbortSignal): Promise<Datum[]> {
  const [base] = await engine.bases();
  const tokenizer = await base!.tokenizer();
  const random = randomOf(7);
  const all = PROMPTS.flatMap((content, i) => [0, 1].map((part) => ({ content, seed: 2 * i + part })));
  return await Promise.all(
    all.map(async ({ content, seed }) => {
      const prompt = tokenizer.render([{ role: 'user', content }]);
      const request = { base: BASE, weights: undefined, prompt, maxTokens: 16 + 4 * seed, temperature: 1, stop: [], seed };
      const { tokens, logprobs } = await engine.sample(request, signal);
      const advantage = (seed % 2 === 0 ? 1 : -1) * (0.25 + random());
      const datum = datumOf(prompt, tokens, logprobs, advantage);
      // Of either sign, on the prompt too, as those of a caller's own loss.
      return { ...datum, weights: datum.targets.map(() => random() * 2 - 1) };
    }),
  );
}

function passesOf(data: readonly Datum[]): Pass[] {
  const narrow = { clip_low_threshold: 0.95, clip_high_threshold: 1.05 };
  return [...LOSSES.map((loss) => ({ loss, config: {}, data, id: loss })), { loss: 'ppo', config: narrow, data, id: 'ppo-narrow' }];
}

async function recordPass(engine: TrainEngine, start: string, pass: Pass, signal: AbortSignal) {
  await using model = await engine.open(BASE, start, signal);
  const { logprobs, metrics } = await model.forwardBackward(pass, signal);
  const gradientFile = await readOut(model, pass.id);
  const own = logprobs.map((values) => Array.from(values));
  return { ...pass, logprobs: own, sum: metrics['loss:sum'], gradientFile };
}

async function readOut(model: EngineModel, name: string): Promise<string> {
  await model.optimStep(READ, `read ${name}`);
  return file(await model.saveState(`gradient-${name}`));
}

/** From where the gradients were taken. @param gradient that of the same pass */
async function recordStep(engine: TrainEngine, { start, gradient }: { start: string; gradient: string }, pass: Pass) {
  await using model = await engine.open(BASE, start);
  await model.forwardBackward(pass);
  await model.optimStep(ADAM, 'step');
  return { before: file(start), gradient, after: file(await model.saveState('after')), adam: ADAM };
}

function file(path: string): string {
  return `${path}.weights`;
}
