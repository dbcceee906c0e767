/** Answers every `requestBytes` received with `replyBytes`: node echo-server.ts <requestBytes> <replyBytes> */
import { createServer } from 'node:net';
import { answer } from '../worker.ts';

const [requestBytes = 1, replyBytes = 1] = process.argv.slice(2).map(Number);
const reply = Buffer.alloc(replyBytes, 'r');
const server = createServer({ noDelay: true }, (socket) => {
  let received = 0;
  socket.on('error', () => socket.destroy()); // the client hangs up when it is done
  socket.on('data', (chunk) => {
    for (received += chunk.length; received >= requestBytes; received -= requestBytes) socket.write(reply);
  });
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const address = server.address();
if (address === null || typeof address === 'string') throw new Error('The echo server has no port.');
await answer(async () => ({}), { url: `tcp://127.0.0.1:${address.port}` });
process.exit(0);
