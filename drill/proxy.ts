/**
 * A process between drivers and servers, that resets, silences and delays connections on demand. Port 0 on
 * loopback; talks to the drill over IPC.
 */
import { connect, createServer, type Socket } from 'node:net';

export type ProxyOrder =
  | { id: number; type: 'servers'; ports: number[] }
  | { id: number; type: 'reset'; count: number }
  /** For ever; `ms`: new connections, too, for as long. */
  | { id: number; type: 'blackhole'; count: number; ms?: number }
  | { id: number; type: 'delay'; delayMs: number; ms: number };

export type ProxyReply = { type: 'listening'; port: number } | { type: 'done'; id: number; hit: number };

interface Line {
  client: Socket;
  server: Socket;
  isSilent: boolean;
}

const lines = new Set<Line>();
let ports: number[] = [];
let turn = 0;
let delayMs = 0;
let silentUntil = 0;

const listener = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
  client.on('error', () => {}); // ends with a close, which is what counts
  const port = ports[turn++ % ports.length];
  if (port === undefined) client.destroy();
  else open(client, port);
});

listener.listen({ host: '127.0.0.1', port: 0 }, () => {
  const address = listener.address();
  if (typeof address === 'object' && address !== null) reply({ type: 'listening', port: address.port });
});

process.on('message', (order: ProxyOrder) => reply({ type: 'done', id: order.id, hit: obey(order) }));
process.on('disconnect', () => process.exit(0));

function open(client: Socket, port: number): void {
  const server = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
  const line: Line = { client, server, isSilent: performance.now() < silentUntil };
  server.on('error', () => client.destroy());
  lines.add(line);
  forward(line, client, server);
  forward(line, server, client);
}

function forward(line: Line, from: Socket, to: Socket): void {
  const later = (act: () => void): void => {
    if (line.isSilent) return;
    if (delayMs > 0) setTimeout(() => !line.isSilent && act(), delayMs);
    else act();
  };
  from.on('data', (chunk: Buffer) => later(() => void to.write(chunk)));
  from.on('end', () => later(() => to.end()));
  from.on('close', () => {
    lines.delete(line);
    // A silent line stays silent to the other end, until that one gives up.
    if (!line.isSilent) to.destroy();
    else if (from === line.client) to.destroy();
  });
}

/** @returns how many connections it touched */
function obey(order: ProxyOrder): number {
  if (order.type === 'servers') {
    ports = order.ports;
    return ports.length;
  }
  if (order.type === 'reset') {
    return some(order.count, ({ client, server }) => {
      client.resetAndDestroy();
      server.resetAndDestroy();
    });
  }
  if (order.type === 'blackhole') {
    silentUntil = performance.now() + (order.ms ?? 0);
    return some(order.count, (line) => void (line.isSilent = true));
  }
  delayMs = order.delayMs;
  setTimeout(() => (delayMs = 0), order.ms);
  return lines.size;
}

function some(count: number, act: (line: Line) => void): number {
  const chosen = [...lines]
    .filter(({ isSilent }) => !isSilent)
    .toSorted(() => Math.random() - 0.5)
    .slice(0, count);
  for (const line of chosen) act(line);
  return chosen.length;
}

function reply(message: ProxyReply): void {
  process.send?.(message);
}
