/**
 * A model server that costs next to nothing, on raw sockets, so that what is in front of it is what is measured:
 *
 *   node model-upstream.ts <ms until a whole reply>
 *
 * A request with `"stream":true` gets a stream instead, an event each `"every":ms`, until `"events":n` are sent or
 * its caller has left; each event says when it was sent. `GET /left` tells when the callers of streams left, by `"id"`.
 */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { answer } from '../worker.ts';

const [delay = '0'] = process.argv.slice(2);
const delayMs = Number(delay);
const BODY = JSON.stringify({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'gpt-5',
  choices: [{ index: 0, message: { role: 'assistant', content: 'An answer of a few words, as long as many are.' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 200, completion_tokens: 12, total_tokens: 212 },
});
const WHOLE = whole(BODY);
const STREAM = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';

/** Milliseconds since 1970, with fractions, by the stream's id. */
const leftAt: Record<string, number> = {};

const server = createServer({ noDelay: true }, (socket) => {
  let waiting = '';
  socket.on('error', () => {});
  socket.on('data', (piece: Buffer) => {
    waiting += piece.toString('latin1');
    for (;;) {
      const head = waiting.indexOf('\r\n\r\n');
      if (head < 0) return;
      const size = Number(/\r\ncontent-length: *(\d+)/i.exec(waiting.slice(0, head + 2))?.[1] ?? 0);
      if (waiting.length < head + 4 + size) return;
      const body = waiting.slice(head + 4, head + 4 + size);
      waiting = waiting.slice(head + 4 + size);
      if (body === '') socket.write(whole(JSON.stringify(leftAt)));
      else if (body.includes('"stream":true')) stream(socket, body);
      else if (delayMs === 0) socket.write(WHOLE);
      else setTimeout(() => socket.write(WHOLE), delayMs);
    }
  });
});

function whole(body: string): Buffer {
  return Buffer.from(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
}

function stream(socket: Socket, body: string): void {
  const { id, every, events } = JSON.parse(body) as { id: string; every: number; events: number };
  socket.write(STREAM);
  let sent = 0;
  const timer = setInterval(() => {
    const event = `data: {"at":${performance.timeOrigin + performance.now()},"choices":[{"delta":{"content":"token "}}]}\n\n`;
    socket.write(`${event.length.toString(16)}\r\n${event}\r\n`);
    sent += 1;
    if (sent < events) return;
    clearInterval(timer);
    socket.removeListener('close', left);
    socket.write('e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n');
  }, every);
  const left = (): void => {
    clearInterval(timer);
    leftAt[id] = performance.timeOrigin + performance.now();
  };
  socket.once('close', left);
}

server.listen({ port: 0, host: '127.0.0.1', backlog: 16_384 });
await once(server, 'listening');
await answer(async () => ({ left: Object.keys(leftAt).length }), { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
process.exit();
