/** The least a server of newline JSON does on bare Node: read lines, parse, answer with frames of the usual size. */
import { createServer } from 'node:net';
import { answer } from '../worker.ts';

const REPLIES: Record<string, unknown> = {
  hello: {
    session_id: 'sess-0123456789abcdef',
    session_secret: '0123456789abcdef0123456789abcdef',
    env: { name: 'instant', version: '1.0.0', sdk: 'hud/0.1.0' },
    bindings: [],
    max_frame: 67_108_864,
  },
  'tasks.start': { prompt: 'Say anything.' },
  'tasks.grade': { score: 1 },
};

const server = createServer({ noDelay: true }, (socket) => {
  let text = '';
  socket.setEncoding('utf8');
  socket.on('error', () => socket.destroy()); // the client hangs up when it is done
  socket.on('data', (chunk: string) => {
    text += chunk;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      const { id, method } = JSON.parse(text.slice(0, end)) as { id: number; method: string };
      text = text.slice(end + 1);
      socket.write(`${JSON.stringify({ jsonrpc: '2.0', id, result: REPLIES[method] })}\n`);
    }
  });
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const address = server.address();
if (address === null || typeof address === 'string') throw new Error('The floor server has no port.');
await answer(async () => ({}), { url: `tcp://127.0.0.1:${address.port}` });
server.close();
