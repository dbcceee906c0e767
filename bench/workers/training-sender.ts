/**
 * Sends batches: node training-sender.ts <form> <trajectories> <tokens>. Forms: json, gzip, packed (made once, then only sent), and
 * client: the SDK's training client, from lists of numbers. A sample names the address, and the key and model of a platform.
 */
import { request } from 'node:http';
import { gzipSync } from 'node:zlib';
import { bytesOf } from '../../packages/hud/src/train/body.ts';
import { packedBody, type EncodedBody } from '../../packages/hud/src/train/packed-body.ts';
import { TrainingClient } from '../../packages/hud/src/train/training-client.ts';
import { answer, type Figures } from '../worker.ts';

const [form = 'json', trajectories = '256', tokens = '32768'] = process.argv.slice(2);
const VOCABULARY = 150_000;
const PROMPT = 512;
/** Rewards are compared within them. */
const GROUP = 8;

const inputs = Array.from({ length: Number(trajectories) }, (_none, i) => trajectory(i));
const body = { inputs: inputs.map(wire), group_size: GROUP };
const encoded = form === 'client' ? undefined : await encode();

await answer(async ({ url = '', key = '', model = '' }) => {
  const begunMs = now();
  if (encoded === undefined) {
    const trainer = new TrainingClient(String(model), { baseUrl: String(url), apiKey: String(key) });
    await trainer.forwardBackward(inputs, { groupSize: GROUP });
    return { begunMs, answeredMs: now() - begunMs, bytes: 0 };
  }
  const path = model === '' ? '/' : `/v1/models/${String(model)}/train/forward-backward`;
  return await post(`${String(url)}${path}`, String(key), encoded);
});

/** Log-probabilities as double precision writes them, ids of a large vocabulary. */
function trajectory(index: number) {
  let state = index * 7_919 + 1;
  const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  const ids = (count: number): number[] => Array.from({ length: count }, () => Math.floor(random() * VOCABULARY));
  const output = ids(Number(tokens) - PROMPT);
  const sample = { promptTokenIds: ids(PROMPT), outputTokenIds: output, outputLogprobs: output.map(() => Math.log(random())) };
  return { samples: [sample], reward: index % 2 };
}

function wire({ samples, reward }: ReturnType<typeof trajectory>) {
  const spelled = samples.map(({ promptTokenIds, outputTokenIds, outputLogprobs }) => ({
    prompt_token_ids: promptTokenIds,
    output_token_ids: outputTokenIds,
    output_logprobs: outputLogprobs,
  }));
  return { samples: spelled, reward };
}

async function encode(): Promise<EncodedBody> {
  const packed = form === 'packed' ? await packedBody(body, { isFar: false }) : undefined;
  if (packed !== undefined) return packed;
  const bytes = await bytesOf(body);
  const headers = { 'content-type': 'application/json' };
  if (form !== 'gzip') return { bytes, headers };
  return { bytes: Uint8Array.from(gzipSync(bytes, { level: 1 })), headers: { ...headers, 'content-encoding': 'gzip' } };
}

async function post(address: string, key: string, { bytes, headers: own }: EncodedBody): Promise<Figures> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const headers = { ...own, authorization: `Bearer ${key}`, 'content-length': bytes.length, 'idempotency-key': `${now()}` };
  const sent = request(address, { method: 'POST', headers }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (part: string) => (text += part));
    response.on('end', () => (response.statusCode === 200 ? resolve() : reject(new Error(`answered ${response.statusCode}: ${text}`))));
  });
  sent.on('error', reject);
  const begunMs = now();
  sent.end(bytes);
  await promise;
  return { begunMs, answeredMs: now() - begunMs, bytes: bytes.length };
}

/** The clock is one for all processes of the machine. */
function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
