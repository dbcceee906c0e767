/** A trainer that keeps to the documented rules: a key for each operation, sent again until it is answered; a lost batch is run again. */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { TrainingClient } from 'hud';
import { isHudError, type JsonObject } from 'hud/protocol';
import { PLAN, type OperationKind } from './training-plan.fixtures.ts';

export interface Call {
  url: string;
  apiKey: string;
  modelId: string;
  kind: OperationKind;
  /** Of the operation. */
  key: string;
  body: JsonObject;
  /** Nothing is accumulated before it. */
  isFirst: boolean;
}

export interface Answer {
  status: number;
  text: string;
}

/** Longest wait for an answer to a single request, and to an operation that is sent again and again, in milliseconds. */
const REQUEST_MS = 60_000;
const OPERATION_MS = 180_000;
const PAUSE_MS = 25;

export interface Trainer {
  url: string;
  apiKey: string;
  modelId: string;
  signal: AbortSignal;
  /** Sends, by way of `untilAnswered`, with whatever happens around it. */
  perform(call: Call): Promise<Answer>;
}

/** @returns how often a step was begun again, since what it had accumulated was lost */
export async function train(trainer: Trainer): Promise<number> {
  let again = 0;
  for (const [step] of PLAN.entries()) {
    let tries = 0;
    while (!(await trainStep(trainer, step, (tries += 1)))) trainer.signal.throwIfAborted();
    again += tries - 1;
  }
  return again;
}

/** @returns false when the batch has to be run again */
async function trainStep({ perform, ...place }: Trainer, step: number, tries: number): Promise<boolean> {
  const answers: unknown[] = [];
  for (const [n, { kind, body }] of (PLAN[step] ?? []).entries()) {
    place.signal.throwIfAborted();
    const call = { ...place, kind, body: body(answers), key: `${step}-${n}-${kind}-${tries}`, isFirst: n === 0 };
    const { status, text } = await perform(call);
    if (isLost(status, kind, text)) return false;
    if (status !== 200) throw new Error(`${call.key} was answered with ${status}: ${text.slice(0, 500)}`);
    answers.push(JSON.parse(text));
  }
  return true;
}

/** The gradient is gone, or the forward with the process that had it: all of it since the last step is made again. */
function isLost(status: number, kind: OperationKind, text: string): boolean {
  if (status === 404) return kind === 'backward' && text.includes('forward');
  return status === 409 && /session rebuilt|no accumulated gradient|no longer open/.test(text);
}

/** The same request, until a platform is there that answers it with anything but 503. */
export async function untilAnswered(call: Call, signal: AbortSignal): Promise<Answer> {
  const deadline = performance.now() + OPERATION_MS;
  for (;;) {
    signal.throwIfAborted();
    const answer = await post(call);
    if (answer !== undefined && answer.status !== 503) return answer;
    if (performance.now() > deadline) throw new Error(`${call.key} had no answer in ${OPERATION_MS} ms but ${JSON.stringify(answer)}.`);
    await sleep(PAUSE_MS);
  }
}

/** As `untilAnswered`, by the SDK's own client, which asks what became of an operation before it sends that again. */
export async function bySdk(call: Call, signal: AbortSignal): Promise<Answer> {
  const client = new TrainingClient(call.modelId, { apiKey: call.apiKey, baseUrl: call.url, apiUrl: call.url });
  const deadline = performance.now() + OPERATION_MS;
  for (;;) {
    signal.throwIfAborted();
    try {
      return { status: 200, text: JSON.stringify(await sdkCall(client, call, signal)) };
    } catch (error) {
      if (!isHudError(error)) throw error;
      const { status, detail } = error.data ?? {};
      const isPassing = status === undefined || status === 503 || status === 502;
      if (!isPassing) return { status: Number(status), text: String(detail) };
      if (performance.now() > deadline) throw error;
    }
    await sleep(PAUSE_MS);
  }
}

async function sdkCall(client: TrainingClient, { kind, key, body }: Call, signal: AbortSignal): Promise<unknown> {
  const options = { operationId: key, signal };
  if (kind === 'optim-step') {
    const { learning_rate: learningRate, weight_decay: weightDecay } = body as Record<string, number>;
    return await client.optimStep({ ...options, learningRate: learningRate ?? 0, weightDecay: weightDecay ?? 0 });
  }
  type Sample = Record<'prompt_token_ids' | 'output_token_ids' | 'output_logprobs', number[]>;
  const inputs = (body.inputs as { samples: Sample[]; reward: number }[]).map(({ samples, reward }) => ({
    reward,
    samples: samples.map((sample) => ({
      promptTokenIds: sample.prompt_token_ids,
      outputTokenIds: sample.output_token_ids,
      outputLogprobs: sample.output_logprobs,
    })),
  }));
  const [lossFn, numSubsteps] = [String(body.loss_fn), Number(body.num_substeps)];
  return await client.forwardBackward(inputs, { ...options, lossFn, numSubsteps, groupSize: 2 });
}

/** @returns undefined when no answer came */
export async function post(call: Call, signal = AbortSignal.timeout(REQUEST_MS)): Promise<Answer | undefined> {
  try {
    const response = await fetch(call.url + pathOf(call), {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${call.apiKey}`, 'idempotency-key': call.key },
      body: JSON.stringify(call.body),
      signal,
    });
    return { status: response.status, text: await response.text() };
  } catch {
    return undefined; // it was killed in the middle, is not back yet, or the caller gave up
  }
}

/** The connection is cut after so much of the request, from 0 to 1. */
export async function postPart(call: Call, share: number): Promise<void> {
  const { hostname, port, host } = new URL(call.url);
  const body = Buffer.from(JSON.stringify(call.body));
  const head = [
    `POST ${pathOf(call)} HTTP/1.1`,
    `host: ${host}`,
    'content-type: application/json',
    `content-length: ${body.length}`,
    `authorization: Bearer ${call.apiKey}`,
    `idempotency-key: ${call.key}`,
  ];
  const sent = Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body.subarray(0, Math.floor(body.length * share))]);
  await new Promise<void>((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) }, () => socket.write(sent, () => socket.destroy()));
    socket.once('error', () => resolve()).once('close', () => resolve());
  });
}

function pathOf({ modelId, kind }: Call): string {
  return `/v1/models/${modelId}/train/${kind}`;
}
