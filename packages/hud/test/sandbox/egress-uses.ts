/** What a sandbox with an allow-list is for, as code that runs inside one. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { say, type Attempt } from './egress-attempts.ts';

const proxy = { host: '127.0.0.1', port: 3128 };
const SPEED_BYTES = 100 * 1024 * 1024;

const uses: Record<string, () => Promise<string>> = {
  'a request for an allowed host': () => say(proxy, 'GET http://allowed.example/page?q=1 HTTP/1.1\r\nHost: x\r\n\r\n'),
  'a request in upper case with a trailing dot': () => say(proxy, 'GET http://WWW.Allowed.Example./ HTTP/1.1\r\n\r\n'),
  'a tunnel to an allowed host': () =>
    say(proxy, 'CONNECT allowed.example:80 HTTP/1.1\r\n\r\n', 'GET /in-tunnel HTTP/1.1\r\nHost: y\r\n\r\n'),
  'a WebSocket through a tunnel': () =>
    say(
      proxy,
      'CONNECT allowed.example:80 HTTP/1.1\r\n\r\n',
      'GET /ws HTTP/1.1\r\nHost: y\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
      'frame-1',
    ),
  'a peer': () => say({ host: '127.0.0.1', port: 5432 }, 'ping peer'),
  'a second peer on the same port': () => say({ host: '127.0.0.2', port: 5432 }, 'ping other'),
  'serve on 7070': async () => {
    await once(createServer((socket) => socket.end('inside says hello')).listen(7070, '127.0.0.1'), 'listening');
    return 'serving';
  },
  'speed, direct': () => drain(connect({ host: '93.184.215.14', port: 9000 }), `GET ${SPEED_BYTES}\n`, 0),
  'speed, proxied': () => drain(connect(proxy), `CONNECT allowed.example:9000 HTTP/1.1\r\n\r\nGET ${SPEED_BYTES}\n`, 39),
};

/** @returns MiB per second */
function drain(socket: ReturnType<typeof connect>, request: string, headBytes: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let size = -headBytes;
    const start = performance.now();
    socket.on('error', reject).on('data', (bytes) => (size += bytes.length));
    socket.on('end', () => {
      const mibPerSecond = size / 1024 / 1024 / ((performance.now() - start) / 1000);
      resolve(JSON.stringify({ isWhole: size === SPEED_BYTES, mibPerSecond }));
      socket.destroy();
    });
    socket.write(request);
  });
}

export const USES: readonly Attempt[] = Object.entries(uses).map(([name, run]) => ({ name, way: 'proxy', run }));
