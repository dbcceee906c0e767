import { once } from 'node:events';
import { expect, test } from 'vitest';
import type { Stream } from './host.ts';
import { nodeHost } from './node.ts';
import { pipe } from './pipe.ts';

/** The same behaviour is asked of memory and of TCP: one stands in for the other. */
const transports: [string, () => Promise<[Stream, Stream] & { close?: () => Promise<void> }>][] = [
  ['memory', async () => pipe()],
  [
    'TCP',
    async () => {
      const accepted = Promise.withResolvers<Stream>();
      const listener = await nodeHost.listen({ host: '127.0.0.1', port: 0 }, accepted.resolve);
      const client = await nodeHost.dial({ host: '127.0.0.1', port: listener.port, timeoutMs: 5_000 });
      const ends: [Stream, Stream] = [client, await accepted.promise];
      return Object.assign(ends, { close: listener.close });
    },
  ],
];

async function readAll(stream: Stream): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks).toString();
}

for (const [name, open] of transports) {
  test(`${name}: what is written to one end is read from the other, in order, both ways`, async () => {
    const [a, b] = await open();
    a.end('from a');
    b.end('from b');
    expect(await Promise.all([readAll(a), readAll(b)])).toEqual(['from b', 'from a']);
  });

  test(`${name}: one direction may end while the other goes on`, async () => {
    const [a, b] = await open();
    a.end('question');
    expect(await readAll(b)).toBe('question');
    b.end('answer');
    expect(await readAll(a)).toBe('answer');
  });

  test(`${name}: a reader that waits holds the writer back, and nothing is lost`, async () => {
    const [a, b] = await open();
    const bytes = Buffer.alloc(16 * 1024 * 1024, 'x');
    expect(a.write(bytes)).toBe(false);
    a.end();
    expect((await readAll(b)).length).toBe(bytes.length);
    b.destroy();
  });

  test(`${name}: destroying one end ends the other`, async () => {
    const [a, b] = await open();
    const ended = new Promise<void>((resolve) =>
      b
        .once('end', resolve)
        .once('close', resolve)
        .once('error', () => resolve()),
    );
    b.resume();
    a.destroy();
    await ended;
    b.destroy();
  });

  test(`${name}: what was written before the end was destroyed can still be read`, async () => {
    const [a, b] = await open();
    a.write('last words');
    await once(b, 'readable');
    a.destroy();
    const read = b.read() as Uint8Array;
    expect(Buffer.from(read).toString()).toBe('last words');
    b.on('error', () => {}).destroy();
  });
}

test('writing to an end whose other end is gone fails', async () => {
  const [a, b] = pipe();
  a.on('error', () => {});
  b.destroy();
  const failed = await new Promise((resolve) => a.write('x', resolve));
  expect(failed).toBeInstanceOf(Error);
  expect(a.destroyed).toBe(true);
});
