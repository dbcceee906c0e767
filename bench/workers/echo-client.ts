/** Serial round trips of bare bytes: node echo-client.ts <tcp://host:port> <requestBytes> <replyBytes> */
import { once } from 'node:events';
import { connect } from 'node:net';
import { answer, quantile } from '../worker.ts';

const [url = '', requestBytes = '1', replyBytes = '1'] = process.argv.slice(2);
const request = Buffer.alloc(Number(requestBytes), 'q');
const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', noDelay: true });
await once(socket, 'connect');

let received = 0;
let onReply = (): void => {};
socket.on('data', (chunk) => {
  received += chunk.length;
  if (received < Number(replyBytes)) return;
  received = 0;
  onReply();
});

await answer(async ({ n }) => {
  const tookUs: number[] = [];
  for (let i = 0; i < Number(n); i += 1) {
    const startedAt = performance.now();
    await new Promise<void>((resolve) => {
      onReply = resolve;
      socket.write(request);
    });
    tookUs.push((performance.now() - startedAt) * 1000);
  }
  return { p50: quantile(tookUs, 0.5), p99: quantile(tookUs, 0.99) };
});
socket.destroy();
