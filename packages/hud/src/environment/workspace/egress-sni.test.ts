import { Duplex } from 'node:stream';
import { connect, type ConnectionOptions } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { MAX_HELLO_BYTES, readOpening } from './egress-sni.ts';

/** What Node's TLS sends first. */
function helloOf(options: ConnectionOptions): Promise<Buffer> {
  return new Promise((resolve) => {
    const socket = new Duplex({
      read() {},
      write(bytes: Buffer, _encoding, done) {
        resolve(bytes);
        done();
      },
    });
    connect({ ...options, socket }).on('error', () => {});
  });
}

const record = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from([22, 3, 1, bytes.length >> 8, bytes.length & 255]), bytes]);

describe('the opening of a connection', () => {
  test.each(['TLSv1.2', 'TLSv1.3'] as const)('by %s tells its server name', async (version) => {
    const hello = await helloOf({ servername: 'Example.org', minVersion: version, maxVersion: version });
    expect(readOpening(hello)).toEqual({ kind: 'tls', names: ['Example.org'] });
  });

  test('may name no server', async () => {
    expect(readOpening(await helloOf({}))).toEqual({ kind: 'tls', names: [] });
  });

  test('is not judged before it is whole, and asks for no more than is needed', async () => {
    const hello = await helloOf({ servername: 'example.org' });
    for (let length = 0; length < hello.length; length++) {
      const opening = readOpening(hello.subarray(0, length));
      expect(opening.kind).toBe('more');
      if (opening.kind === 'more') expect(opening.bytesNeeded).toSatisfy((needed: number) => needed > length && needed <= hello.length);
    }
  });

  test.each([1, 3, 64])('is read across records of %i bytes, and with more behind it', async (size) => {
    const handshake = (await helloOf({ servername: 'example.org' })).subarray(5);
    const records: Buffer[] = [];
    for (let at = 0; at < handshake.length; at += size) records.push(record(handshake.subarray(at, at + size)));
    const bytes = Buffer.concat([...records, Buffer.from([23, 3, 3, 0, 1, 0])]);
    expect(readOpening(bytes)).toEqual({ kind: 'tls', names: ['example.org'] });
  });

  test.each([
    { what: 'HTTP', bytes: Buffer.from('GET / HTTP/1.1\r\n') },
    { what: 'ssh', bytes: Buffer.from('SSH-2.0-x\r\n') },
    { what: 'another protocol with a 22 in front', bytes: Buffer.from([22, 9, 9]) },
  ])('of $what is not TLS', ({ bytes }) => {
    expect(readOpening(bytes)).toEqual({ kind: 'other' });
  });

  test.each([
    { what: 'another handshake message', bytes: record(Buffer.from([2, 0, 0, 0])) },
    { what: 'an empty record', bytes: record(Buffer.alloc(0)) },
    { what: 'an alert in the middle', bytes: Buffer.concat([record(Buffer.from([1, 0, 1, 0])), Buffer.from([21, 3, 1, 0, 2])]) },
    { what: 'lengths that lead past its end', bytes: record(Buffer.concat([Buffer.from([1, 0, 0, 40]), Buffer.alloc(40, 255)])) },
    { what: 'a length beyond all bounds', bytes: record(Buffer.from([1, 255, 255, 255])) },
  ])('with $what is malformed', ({ bytes }) => {
    expect(readOpening(bytes)).toEqual({ kind: 'malformed' });
  });

  test('never breaks on, and never waits without end for, a damaged hello', async () => {
    const hello = await helloOf({ servername: 'example.org' });
    for (let at = 0; at < hello.length; at++) {
      for (const value of [0, 1, 127, 255]) {
        const damaged = Buffer.from(hello);
        damaged[at] = value;
        const opening = readOpening(damaged);
        if (opening.kind === 'more') expect(opening.bytesNeeded).toBeLessThanOrEqual(2 * MAX_HELLO_BYTES);
      }
    }
  });
});
