/**
 * The floor of a rollout on bare Node: connect, three calls, close; nothing is checked or kept.
 *
 *   node floor-client.ts <tcp://host:port> <at once>
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { answer } from '../worker.ts';

const [url = '', atOnce = '16'] = process.argv.slice(2);
const port = Number(new URL(url).port);
const CALLS = [
  ['hello', { max_frame: 67_108_864 }],
  ['tasks.start', { id: 'go', args: {} }],
  ['tasks.grade', { answer: 'anything' }],
] as const;

await answer(async ({ n }) => {
  let left = Number(n);
  const startedAt = performance.now();
  const work = async (): Promise<void> => {
    for (; left > 0;) {
      left -= 1;
      await oneRollout();
    }
  };
  await Promise.all(Array.from({ length: Number(atOnce) }, work));
  const seconds = (performance.now() - startedAt) / 1000;
  return { rate: Number(n) / seconds };
});

async function oneRollout(): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const closed = once(socket, 'close');
  let next = 0;
  const send = (): void => {
    const call = CALLS[next];
    if (call === undefined) return void socket.destroy();
    next += 1;
    socket.write(`${JSON.stringify({ jsonrpc: '2.0', id: next, method: call[0], params: call[1] })}\n`);
  };
  let text = '';
  socket.setEncoding('utf8');
  socket.on('connect', send);
  socket.on('data', (chunk: string) => {
    text += chunk;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      JSON.parse(text.slice(0, end));
      text = text.slice(end + 1);
      send();
    }
  });
  await closed;
  if (next !== CALLS.length) throw new Error(`The floor server hung up after ${next} calls.`);
}
