/** What bare Node needs to have the numbers of a request: JSON is collected, unpacked and parsed; of all else the bytes are counted. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { answer } from '../worker.ts';

let atMs = 0;
const server = createServer((request, response) => void serve(request, response));
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const loop = monitorEventLoopDelay({ resolution: 2 });
loop.enable();
await answer(
  async () => {
    const figures = { atMs, blockMs: loop.max / 1e6, rssMiB: process.resourceUsage().maxRSS / 1024 };
    loop.reset();
    return figures;
  },
  { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
);
server.close();

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  await read(request);
  atMs = Number(process.hrtime.bigint()) / 1e6;
  response.end('{}');
}

async function read(request: IncomingMessage): Promise<number> {
  if (request.headers['content-type'] === 'application/json') {
    const bytes = await buffer(request);
    const text = request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes;
    return Object.keys(JSON.parse(text.toString()) as object).length;
  }
  let bytes = 0;
  for await (const part of request) bytes += (part as Buffer).length;
  return bytes;
}
