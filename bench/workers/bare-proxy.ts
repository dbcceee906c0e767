/** The least that can stand between a caller and a model server: Node's own HTTP, both ways, with no key, budget or record. */
import { once } from 'node:events';
import { Agent, createServer, request as ask } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answer } from '../worker.ts';

const [upstream = ''] = process.argv.slice(2);
const { hostname, port } = new URL(upstream);
const agent = new Agent({ keepAlive: true });
const server = createServer({ noDelay: true }, (incoming, response) => {
  const { method, headers } = incoming;
  const path = (incoming.url ?? '/').replace(/^\/gateway/, '/v1');
  const outgoing = ask({ agent, hostname, port, path, method, headers }, (reply) => {
    response.writeHead(reply.statusCode ?? 502, reply.headers);
    response.flushHeaders();
    reply.pipe(response);
  });
  outgoing.on('error', () => response.destroy());
  response.on('close', () => outgoing.destroy());
  incoming.pipe(outgoing);
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 16_384 });
await once(server, 'listening');
await answer(
  async () => {
    globalThis.gc?.();
    return { rss: process.memoryUsage().rss };
  },
  { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/gateway`, key: 'none' },
);
process.exit();
