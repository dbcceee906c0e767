/** A platform that unpacks and counts what it is sent, and keeps nothing. A sample is what came since the one before. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { gunzip, zstdDecompress } from 'node:zlib';
import { answer } from '../worker.ts';

const unpack = { zstd: promisify(zstdDecompress), gzip: promisify(gunzip) };
const NEWLINE = 0x0a;
let spans = 0;
let lines = 0;
let bytes = 0;

const server = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    void (async () => {
      const packed = Buffer.concat(parts);
      const encoding = request.headers['content-encoding'] as keyof typeof unpack | undefined;
      const body = encoding === undefined ? packed : await unpack[encoding](packed);
      const reply = request.url === '/v2/record' ? { accepted: count(body), rejected: [], cancelled: [] } : { missing: [] };
      bytes += packed.length;
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(reply));
    })();
  });
});

function count(body: Buffer): number {
  let here = 0;
  for (let at = 0; at < body.length; at = body.indexOf(NEWLINE, at) + 1) {
    here += 1;
    if (body[at + 2] === 0x73) spans += 1; // {"span":
  }
  lines += here;
  return here;
}

await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
await answer(
  async () => {
    const figures = { spans, lines, bytes };
    spans = lines = bytes = 0;
    return figures;
  },
  { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
);
server.closeAllConnections();
server.close();
