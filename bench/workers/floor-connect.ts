/** Bare Node: connect and one call, in milliseconds: node floor-connect.ts <tcp://host:port> */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { answer, quantile } from '../worker.ts';

const port = Number(new URL(process.argv[2] ?? '').port);

await answer(async ({ n, pauseMs = 0 }) => {
  const tookMs: number[] = [];
  for (let i = 0; i < Number(n); i += 1) {
    await sleep(Number(pauseMs));
    const startedAt = performance.now();
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.write('{"jsonrpc":"2.0","id":1,"method":"hello","params":{}}\n');
    await once(socket, 'data');
    tookMs.push(performance.now() - startedAt);
    socket.destroy();
  }
  return { p50: quantile(tookMs, 0.5), worst: Math.max(...tookMs) };
});
