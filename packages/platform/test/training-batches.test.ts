/** Batches of many numbers over HTTP: as lists, compressed, packed, and as the training client sends them. */
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TrainingClient } from 'hud';
import { packedBody } from '../../hud/src/train/packed-body.ts';
import { ADAM, batch, trained, type Model, type Sent, type Trained } from './training.fixtures.ts';

let on: Trained;
beforeAll(async () => {
  on = await trained();
});
afterAll(async () => {
  await on[Symbol.asyncDispose]();
});

const [TRAJECTORIES, OUTPUT] = [28, 400];

/** More numbers than are sent as lists. */
function inputs(): Sent[] {
  return Array.from({ length: TRAJECTORIES }, (_none, i) => {
    const output = Array.from({ length: OUTPUT }, (_token, t) => (i * 31 + t * 7) % 256);
    const logprobs = output.map((token) => -5.5 - token / 997);
    const prompt = Array.from({ length: 40 }, (_token, t) => 60 + ((i + t) % 30));
    return { samples: [{ prompt_token_ids: prompt, output_token_ids: output, output_logprobs: logprobs }], reward: i % 3 };
  });
}

const body = () => ({ inputs: inputs(), group_size: 4 });

interface Sending {
  bytes: Uint8Array<ArrayBuffer>;
  headers: Record<string, string>;
}

async function send(model: Model, { bytes, headers }: Sending, key?: string): Promise<{ status: number; text: string }> {
  const response = await fetch(`${on.platform.url}/v1/models/${model.id}/train/forward-backward`, {
    method: 'POST',
    headers: { authorization: `Bearer ${on.key}`, ...headers, ...(key === undefined ? {} : { 'idempotency-key': key }) },
    body: bytes,
  });
  return { status: response.status, text: await response.text() };
}

const JSON_TYPE = { 'content-type': 'application/json' };
const asJson = (value: unknown): Sending => ({ bytes: Uint8Array.from(Buffer.from(JSON.stringify(value))), headers: JSON_TYPE });
const gzipped = ({ bytes, headers }: Sending): Sending => ({
  bytes: Uint8Array.from(gzipSync(bytes)),
  headers: { ...headers, 'content-encoding': 'gzip' },
});

async function packed(value: ReturnType<typeof body>): Promise<Sending> {
  const encoded = await packedBody(value, { isFar: false });
  if (encoded === undefined) throw new Error('This is too little to be packed.');
  return encoded;
}

const zstd = ({ bytes, headers }: Sending): Sending => ({
  bytes: Uint8Array.from(zstdCompressSync(bytes)),
  headers: { ...headers, 'content-encoding': 'zstd' },
});

test('a batch leaves the same weights however it is sent', async () => {
  const weights: Buffer[] = [];
  const forms = [asJson(body()), gzipped(asJson(body())), await packed(body()), zstd(await packed(body()))];
  for (const form of forms) {
    const model = await on.fork();
    const answered = await send(model, form);
    expect(answered.status, answered.text).toBe(200);
    expect((await model.train('optim-step', ADAM)).status).toBe(200);
    weights.push(await model.weights());
  }
  const model = await on.fork();
  const trainer = new TrainingClient(model.name, { apiKey: on.key, baseUrl: on.platform.url, apiUrl: on.platform.url });
  const runs = inputs().map(({ reward, samples }) => ({
    reward,
    samples: samples.map((sample) => ({
      promptTokenIds: sample.prompt_token_ids,
      outputTokenIds: sample.output_token_ids,
      outputLogprobs: sample.output_logprobs,
    })),
  }));
  await trainer.step(runs, { learningRate: ADAM.learning_rate, groupSize: 4 });
  weights.push(await model.weights());
  for (const other of weights.slice(1)) expect(other.equals(weights[0]!)).toBe(true);
});

test('an operation that is sent again in another form counts once; another batch under its name is refused', async () => {
  const model = await on.fork();
  const first = await send(model, asJson(body()), 'once');
  const before = on.engine.passes;
  expect(await send(model, await packed(body()), 'once')).toEqual(first);
  expect(on.engine.passes).toBe(before);
  const other = body();
  other.inputs[5]!.samples[0]!.output_logprobs[399]! += 1e-9;
  expect(await send(model, await packed(other), 'once')).toMatchObject({ status: 409, text: expect.stringContaining('once') });
});

/** A batch with one value of its sixth trajectory changed. */
function odd(list: 'prompt_token_ids' | 'output_token_ids' | 'output_logprobs', at: number, value: unknown): ReturnType<typeof body> {
  const changed = body();
  (changed.inputs[5]!.samples[0]![list] as unknown[])[at] = value;
  return changed;
}

/** Values that are no JSON come as they are spelled. */
function spelled(list: 'output_token_ids' | 'output_logprobs', at: number, text: string): Sending {
  const json = JSON.stringify(odd(list, at, 'PLACE')).replace('"PLACE"', text);
  return { bytes: Uint8Array.from(Buffer.from(json)), headers: JSON_TYPE };
}

const place = 'inputs[5]: samples[0].output';

describe('a batch is refused with the place of what is wrong', () => {
  let model: Model | undefined;
  test.each<[string, () => Sending | Promise<Sending>, number, string]>([
    ['an id that is a fraction', () => asJson(odd('output_token_ids', 300, 1.5)), 400, `${place}_token_ids: entry 300 is 1.5`],
    ['a negative id', () => asJson(odd('output_token_ids', 300, -1)), 400, `${place}_token_ids: entry 300 is -1; expected a token id`],
    ['an id of 2^31', () => asJson(odd('output_token_ids', 0, 2 ** 31)), 400, `${place}_token_ids: entry 0 is 2147483648`],
    ['a log-probability without bounds', () => spelled('output_logprobs', 399, '-1e999'), 400, `${place}_logprobs: entry 399 is -Infinity`],
    ['NaN', () => spelled('output_logprobs', 300, 'NaN'), 400, 'inputs[5].samples[0].output_logprobs: entry 300 is `NaN`'],
    ['a list in a list', () => spelled('output_token_ids', 300, '[1]'), 400, 'inputs[5].samples[0].output_token_ids: entry 300 is `[1`'],
    ['a text in a list', () => spelled('output_token_ids', 2, '"1"'), 400, `${place}_token_ids: entry 2 is of type string`],
    ['one log-probability too many', () => asJson(odd('output_logprobs', 400, -1)), 400, 'Input 5 has 401 log-probabilities for 400'],
    ['a negative id, packed', async () => await packed(odd('output_token_ids', 300, -1)), 400, `${place}_token_ids: entry 300 is -1`],
    ['a log-probability packed as no number', async () => withNaN(await packed(body())), 400, 'output_logprobs: entry 399 is NaN'],
    ['half of a batch', () => cut(asJson(body())), 400, 'Not valid JSON'],
    ['a packed list in two places', async () => twice(await packed(body())), 400, 'expected a list of numbers'],
    ['half of a packed batch', async () => cut(await packed(body())), 400, 'ends before its last list'],
    ['half of a compressed batch', () => cut(gzipped(asJson(body()))), 400, 'encoding is broken'],
    ['an encoding that nobody knows', () => ({ ...asJson(body()), headers: { ...JSON_TYPE, 'content-encoding': 'br' } }), 415, 'br'],
    ['what inflates beyond measure', () => gzipped({ bytes: new Uint8Array(48 << 20).fill(0x20), headers: JSON_TYPE }), 413, 'inflates'],
  ])('%s', async (_name, form, status, words) => {
    model ??= await on.fork();
    const answered = await send(model, await form());
    expect([answered.status, answered.text]).toEqual([status, expect.stringContaining(words)]);
    // The connection and the model are as they were.
    expect((await send(model, asJson({ inputs: batch(1, 0) }))).status).toBe(200);
  });
});

function cut({ bytes, headers }: Sending): Sending {
  return { bytes: bytes.slice(0, bytes.length >> 1), headers };
}

/** In the place of the last number. */
function withNaN({ bytes, headers }: Sending): Sending {
  new DataView(bytes.buffer).setFloat64(bytes.length - 8, Number.NaN, true);
  return { bytes, headers };
}

/** The second trajectory has the output of the first. */
function twice({ bytes, headers }: Sending): Sending {
  const size = new DataView(bytes.buffer).getUint32(0, true);
  const head = JSON.parse(Buffer.from(bytes.subarray(4, 4 + size)).toString()) as { body: ReturnType<typeof body> };
  const [first, second] = head.body.inputs;
  second!.samples[0]!.output_token_ids = first!.samples[0]!.output_token_ids;
  const text = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  return { bytes: Uint8Array.from(Buffer.concat([length, text, bytes.subarray(4 + size)])), headers };
}
