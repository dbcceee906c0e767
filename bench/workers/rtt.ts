/** Serial `tasks.list` calls on one control connection: node rtt.ts <tcp://host:port> */
import { connect as dial } from 'node:net';
import { createInterface } from 'node:readline';
import { Runtime, connect } from 'hud';
import { answer, quantile } from '../worker.ts';

const url = process.argv[2] ?? '';
await using client = await connect(new Runtime(url));

await answer(
  async ({ n }) => {
    const tookUs: number[] = [];
    for (let i = 0; i < Number(n); i += 1) {
      const startedAt = performance.now();
      await client.listTasks();
      tookUs.push((performance.now() - startedAt) * 1000);
    }
    return { p50: quantile(tookUs, 0.5), p99: quantile(tookUs, 0.99) };
  },
  await frameSizes(),
);

/** What one call and its reply are on the wire, newline included. */
async function frameSizes(): Promise<{ requestBytes: number; replyBytes: number }> {
  const socket = dial({ port: Number(new URL(url).port), host: '127.0.0.1' });
  const hello = { jsonrpc: '2.0', id: 1, method: 'hello', params: { max_frame: 67_108_864 } };
  const list = `${JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'tasks.list', params: {} })}\n`;
  socket.write(`${JSON.stringify(hello)}\n${list}`);
  for await (const line of createInterface({ input: socket })) {
    if ((JSON.parse(line) as { id: number }).id !== 2) continue;
    socket.destroy();
    return { requestBytes: Buffer.byteLength(list), replyBytes: Buffer.byteLength(line) + 1 };
  }
  throw new Error('The environment hung up before it listed its tasks.');
}
