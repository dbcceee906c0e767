/** Messages for an SSH server that no decent client sends. */
import { randomBytes, randomInt } from 'node:crypto';

const text = (value: string | Buffer): Buffer => Buffer.concat([word(Buffer.byteLength(value)), Buffer.from(value as string)]);
const word = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
};
const oneOf = <T>(list: readonly T[]): T => list[randomInt(list.length)] as T;
const noise = (most: number): Buffer => randomBytes(randomInt(most + 1));

const REQUESTS = [
  'exec',
  'shell',
  'pty-req',
  'env',
  'window-change',
  'signal',
  'subsystem',
  'x11-req',
  'auth-agent-req@openssh.com',
  'break',
  'xon-xoff',
  'exit-status',
  'eow@openssh.com',
  'nothing@example.org',
];
const GLOBALS = [
  'tcpip-forward',
  'cancel-tcpip-forward',
  'streamlocal-forward@openssh.com',
  'keepalive@openssh.com',
  'no-more-sessions@openssh.com',
  'hostkeys-prove-00@openssh.com',
  'x',
];
const CHANNELS = [
  'session',
  'direct-tcpip',
  'direct-streamlocal@openssh.com',
  'x11',
  'auth-agent@openssh.com',
  'tun@openssh.com',
  'forwarded-tcpip',
  'y',
];

/** A packet's payload: right in its form, or cut, or long, or nothing at all that anybody knows. */
export function anyRequest(): Buffer {
  const kind = randomInt(10);
  const wants = Buffer.of(randomInt(2));
  const channel = word(oneOf([0, 0, 1, 7, 0xffffffff]));
  if (kind < 5) return Buffer.concat([Buffer.of(98), channel, text(oneOf(REQUESTS)), wants, anyBody()]);
  if (kind === 5)
    return Buffer.concat([Buffer.of(80), text(oneOf(GLOBALS)), wants, text(oneOf(['127.0.0.1', '', '0.0.0.0'])), word(randomInt(70_000))]);
  if (kind === 6)
    return Buffer.concat([
      Buffer.of(90),
      text(oneOf(CHANNELS)),
      word(randomInt(64)),
      word(randomInt(2 ** 31)),
      word(oneOf([0, 1, 32_768])),
      noise(64),
    ]);
  if (kind === 7) return Buffer.concat([Buffer.of(oneOf([93, 94, 95, 96, 97])), channel, noise(100)]);
  if (kind === 8) return Buffer.concat([Buffer.of(randomInt(1, 256)), noise(200)]);
  return randomBytes(randomInt(1, 40));
}

function anyBody(): Buffer {
  const kind = randomInt(6);
  if (kind === 0) return noise(200);
  if (kind === 1) return Buffer.concat([word(0xffffffff), noise(20)]); // a string that is said to be larger than memory
  if (kind === 2) return text(Buffer.alloc(30_000, 'A'));
  if (kind === 3) return Buffer.concat([text('../../../../etc/passwd'), text('\0'), word(2 ** 31)]);
  if (kind === 4) return text(oneOf(['true', ':', 'exit 3', 'sftp', 'TERM', 'KILL']));
  return Buffer.concat([text('xterm'), word(randomInt(2 ** 32)), word(randomInt(2 ** 32)), word(0), word(0), text(noise(30))]);
}

const IDENT = Buffer.from('SSH-2.0-stranger\r\n');

function packet(payload: Buffer, lengths: { packet?: number; padding?: number } = {}): Buffer {
  const padding = 8 - ((payload.length + 5) % 8) + 4;
  const length = word(lengths.packet ?? payload.length + padding + 1);
  return Buffer.concat([length, Buffer.of(lengths.padding ?? padding), payload, randomBytes(padding)]);
}

function keyExchange(): Buffer {
  const lists = [
    'curve25519-sha256',
    'ssh-ed25519',
    ...Array<string>(2).fill('aes128-gcm@openssh.com'),
    ...Array<string>(2).fill('hmac-sha2-256-etm@openssh.com'),
    'none',
    'none',
    '',
    '',
  ];
  return Buffer.concat([
    Buffer.of(20),
    randomBytes(16),
    ...lists.map((list) => text(oneOf([list, list, list.repeat(50), '']))),
    Buffer.of(0),
    word(0),
  ]);
}

/** What a stranger may say, in the order in which it is sent. */
export const STRANGE: readonly (() => Buffer[])[] = [
  () => [noise(2_000)],
  () => [Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
  () => [Buffer.from(`SSH-1.5-${'x'.repeat(randomInt(2_000))}\r\n`)],
  () => [Buffer.alloc(20_000, 'A')],
  () => [IDENT, noise(2_000)],
  () => [IDENT, packet(keyExchange()), noise(500)],
  () => [IDENT, packet(keyExchange()), packet(Buffer.concat([Buffer.of(30), text(noise(64))]))],
  () => [IDENT, packet(keyExchange()), packet(Buffer.of(21)), packet(anyRequest())],
  () => [IDENT, packet(anyRequest())],
  () => [IDENT, packet(anyRequest(), { packet: oneOf([0, 1, 4, 0x7fffffff, 0xffffffff]) })],
  () => [IDENT, packet(anyRequest(), { padding: randomInt(256) })],
  () => [
    IDENT,
    packet(Buffer.concat([Buffer.of(5), text('ssh-userauth')])),
    packet(Buffer.concat([Buffer.of(50), text('agent'), text('ssh-connection'), text('none')])),
  ],
  () => [
    IDENT,
    packet(Buffer.concat([Buffer.of(90), text('session'), word(0), word(1 << 20), word(32_768)])),
    packet(Buffer.concat([Buffer.of(98), word(0), text('exec'), Buffer.of(1), text('true')])),
  ],
];

/** Types of the plain packets that the server sent after its name. */
export function messagesOf(bytes: Buffer): number[] {
  const types: number[] = [];
  let at = bytes.indexOf('\n') + 1;
  while (at > 0 && at + 6 <= bytes.length) {
    const length = bytes.readUInt32BE(at);
    if (length > 35_000) break; // encrypted from here on
    types.push(bytes[at + 5] ?? 0);
    at += 4 + length;
  }
  return types;
}
