import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { zstdDecompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { PACKED_TYPE } from '../protocol/packed.ts';
import { packedBody } from './packed-body.ts';
import { TrainingClient } from './training-client.ts';
import { MODEL_ID } from './train.fixtures.ts';

const ids = Array.from({ length: 30_000 }, (_none, i) => i);
const BODY = { a: { ids, some: ids.map((id) => -id / 3), few: [1, 2] }, b: 'list-', mixed: [...ids.slice(0, 40), 'x'] };

test('long lists follow the head as they are in memory, all else is in it', async () => {
  const { bytes, headers } = (await packedBody(BODY, { isFar: false }))!;
  expect(headers).toEqual({ 'content-type': PACKED_TYPE });
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const { mark, lists, body } = JSON.parse(Buffer.from(bytes.subarray(4, 4 + length)).toString()) as Record<string, unknown>;
  expect(lists).toEqual([
    ['int32', 30_000],
    ['float64', 30_000],
  ]);
  expect(body).toEqual({ a: { ids: `${mark as string}0`, some: `${mark as string}1`, few: [1, 2] }, b: 'list-', mixed: BODY.mixed });
  const after = bytes.slice(4 + length);
  expect(new Int32Array(after.buffer, 0, 30_000)).toEqual(Int32Array.from(ids));
  expect(new Float64Array(after.buffer, 120_000)).toEqual(Float64Array.from(BODY.a.some));
});

test('what is short is not packed, and what goes to another machine is compressed', async () => {
  expect(await packedBody({ ids: ids.slice(0, 1_000) }, { isFar: true })).toBeUndefined();
  const far = (await packedBody({ ids: [...ids, ...ids, ...ids, ...ids, ...ids, ...ids, ...ids, ...ids, ...ids] }, { isFar: true }))!;
  expect(far.headers).toEqual({ 'content-type': PACKED_TYPE, 'content-encoding': 'zstd' });
  expect(far.bytes.length).toBeLessThan(zstdDecompressSync(far.bytes).length / 1.5);
});

test.each([400, 415, 422])('a service that answers a packed batch with %s gets it as JSON, under the same operation', async (status) => {
  const seen: { type: string | undefined; key: unknown; bytes: Buffer }[] = [];
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const type = request.headers['content-type'];
    seen.push({ type, key: request.headers['idempotency-key'], bytes: await buffer(request) });
    const reply = type === PACKED_TYPE ? { detail: 'what is this' } : { metrics: {}, num_datums: 2 };
    response.writeHead(type === PACKED_TYPE ? status : 200, { 'content-type': 'application/json' }).end(JSON.stringify(reply));
  };
  const server = createServer((request, response) => void serve(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const sample = { promptTokenIds: [1], outputTokenIds: ids, outputLogprobs: ids.map((id) => -(id + 1) / 7) };
    const batch = [1, 0].map((reward) => ({ samples: [sample], reward }));
    const trainer = new TrainingClient(MODEL_ID, { apiKey: 'k', baseUrl: url, apiUrl: url });
    expect(await trainer.forwardBackward(batch)).toMatchObject({ numDatums: 2 });
    expect(seen.map(({ type }) => type)).toEqual([PACKED_TYPE, 'application/json']);
    expect(seen[0]?.key).toBe(seen[1]?.key);
    const sent = JSON.parse(seen[1]!.bytes.toString()) as { inputs: { samples: { output_logprobs: number[] }[] }[] };
    expect(sent.inputs[1]?.samples[0]?.output_logprobs).toEqual(sample.outputLogprobs);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
