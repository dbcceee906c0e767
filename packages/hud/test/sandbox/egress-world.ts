/**
 * The internet's stand-in: a process in a network namespace of its own that answers at every address it was given,
 * public ones included, and keeps every byte. Spoken to over the channel of its parent.
 */
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';

/** `to` is the address and port that was reached. */
export interface Received {
  to: string;
  bytes: string;
}

const TCP_PORTS = [22, 53, 80, 443, 3128, 8765];
const UDP_PORTS = [53, 443, 9999];
const SPEED_PORT = 9000;

const received: Received[] = [];
const block = Buffer.alloc(256 * 1024, 'x');

function serve(socket: Socket): void {
  const record: Received = { to: `${socket.localAddress?.replace('::ffff:', '')}:${socket.localPort}`, bytes: '' };
  let isAnswered = false;
  received.push(record);
  socket.on('error', () => socket.destroy());
  socket.on('data', (bytes) => {
    record.bytes = (record.bytes + bytes.toString('latin1')).slice(0, 100_000);
    if (isAnswered || !/^[A-Z]+ \/[\s\S]*\r\n\r\n/.test(record.bytes)) return;
    isAnswered = true;
    answer(socket, record.bytes);
  });
}

function answer(socket: Socket, request: string): void {
  const redirect = /^GET \/redirect\?(\S+)/.exec(request)?.[1];
  if (request.includes('Upgrade: websocket')) {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    socket.on('data', (bytes) => socket.write(bytes));
  } else if (redirect !== undefined) {
    socket.end(`HTTP/1.1 302 Found\r\nLocation: ${decodeURIComponent(redirect)}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
  } else socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello');
}

/** `GET <bytes>`: so many of them, as fast as they are taken. */
function serveSpeed(socket: Socket): void {
  socket.on('error', () => socket.destroy());
  socket.once('data', (bytes) => {
    let left = Number(/\d+/.exec(bytes.toString())?.[0]);
    const send = (): void => {
      while (left > 0) {
        const part = block.subarray(0, Math.min(left, block.length));
        left -= part.length;
        if (!socket.write(part)) return void socket.once('drain', send);
      }
      socket.end();
    };
    send();
  });
}

/** IPv4 packets that came in so far, whatever is in them. */
function packetsSoFar(): number {
  const rows = readFileSync('/proc/net/snmp', 'utf8').split('\n');
  const [names = '', values = ''] = rows.filter((row) => row.startsWith('Ip:'));
  return Number(values.split(' ')[names.split(' ').indexOf('InReceives')]);
}

for (const port of TCP_PORTS) createServer({ noDelay: true }, serve).listen(port, '::');
createServer({ noDelay: true }, serveSpeed).listen(SPEED_PORT, '::');
for (const port of UDP_PORTS) {
  const socket = createSocket('udp6');
  socket.on('message', (bytes) => received.push({ to: `udp:${port}`, bytes: bytes.toString('latin1') })).bind(port, '::');
}
let before = packetsSoFar();
process.on('message', () => {
  const now = packetsSoFar();
  process.send?.({ received: received.splice(0), packets: now - before });
  before = now;
});
process.on('disconnect', () => process.exit());
setTimeout(() => process.exit(1), 120_000).unref();
process.send?.('up');
