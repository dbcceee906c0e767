/** Every way of packing pixels, written by hand here and read by the client; then the same bytes, damaged at random. */
import { constants, createDeflate, deflateRawSync } from 'node:zlib';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { openConnection, type RfbConnection } from './rfb-connection.ts';
import { rectangle, scripted, serverInit, update, type ScriptedServer } from './rfb.fixtures.ts';
import { InflateStream } from './rfb-inflate.ts';

const ENCODINGS = ['tight', 'zrle', 'zlib', 'copyRect', 'raw'] as const;
const u32 = (value: number): Buffer => Buffer.from([value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255]);
const compact = (length: number): Buffer => Buffer.from(length < 128 ? [length] : [(length & 127) | 128, length >> 7]);
const dots = (count: number, of: (i: number) => number[]): Buffer => Buffer.from(Array.from({ length: count }, (_, i) => of(i)).flat());

/** A stream whose pieces are flushed, as servers do it. */
function packer(level = 6): (bytes: Buffer) => Promise<Buffer> {
  const stream = createDeflate({ level });
  return async (bytes) => {
    const pieces: Buffer[] = [];
    const collect = (piece: Buffer): void => void pieces.push(piece);
    stream.on('data', collect);
    stream.write(bytes);
    await new Promise<void>((resolve) => stream.flush(constants.Z_SYNC_FLUSH, resolve));
    stream.off('data', collect);
    return Buffer.concat(pieces);
  };
}

interface Sample {
  name: string;
  /** 16x8 pixels of R, G, B and an unused byte. */
  bytes: () => Promise<Buffer>;
  /** Red of each pixel; green is twice, blue three times that. */
  reds: number[];
}

const WIDTH = 16;
const HEIGHT = 8;
const COUNT = WIDTH * HEIGHT;
const pixel = (red: number): number[] => [red, red * 2, red * 3].map((value) => value & 255);
const whole = (encoding: number, ...data: Buffer[]): Buffer => update(rectangle(0, 0, WIDTH, HEIGHT, encoding, ...data));
const range = Array.from({ length: COUNT }, (_, i) => i);
const plain = dots(COUNT, (i) => [...pixel(i), 0]);

/** Two rectangles in one stream, so that the second needs the first. */
async function zlibUpdate(): Promise<Buffer> {
  const pack = packer();
  const [first, second] = [await pack(plain), await pack(plain)];
  return update(rectangle(0, 0, WIDTH, HEIGHT, 6, u32(first.length), first), rectangle(0, 0, WIDTH, HEIGHT, 6, u32(second.length), second));
}

async function zrle(tile: Buffer): Promise<Buffer> {
  const packed = await packer()(tile);
  return whole(16, u32(packed.length), packed);
}

async function tight(control: number, head: Buffer, data: Buffer): Promise<Buffer> {
  const packed = await packer()(data);
  return whole(7, Buffer.from([control]), head, compact(packed.length), packed);
}

/** Differences to left + above - corner. */
function differences(): Buffer {
  const at = (x: number, y: number, channel: number): number => (x < 0 || y < 0 ? 0 : plain[(y * WIDTH + x) * 4 + channel]!);
  return dots(COUNT * 3, (i) => {
    const [channel, x, y] = [i % 3, Math.floor(i / 3) % WIDTH, Math.floor(i / 3 / WIDTH)];
    const guess = Math.min(255, Math.max(0, at(x - 1, y, channel) + at(x, y - 1, channel) - at(x - 1, y - 1, channel)));
    return [(at(x, y, channel) - guess) & 255];
  });
}

const everyOther = range.map((i) => (i % 2 === 0 ? 7 : 9));
const SAMPLES: Sample[] = [
  { name: 'raw', bytes: async () => whole(0, plain), reds: range },
  {
    name: 'raw, then a copy onto itself',
    bytes: async () => update(rectangle(0, 0, WIDTH, HEIGHT, 0, plain), rectangle(0, 1, WIDTH, HEIGHT - 1, 1, Buffer.alloc(4))),
    reds: range.map((i) => (i < WIDTH ? i : i - WIDTH)),
  },
  { name: 'zlib', bytes: zlibUpdate, reds: range },
  { name: 'zrle, raw tile', bytes: () => zrle(Buffer.concat([Buffer.from([0]), dots(COUNT, pixel)])), reds: range },
  { name: 'zrle, one colour', bytes: () => zrle(Buffer.from([1, ...pixel(5)])), reds: range.map(() => 5) },
  {
    name: 'zrle, two colours',
    bytes: () => zrle(Buffer.from([2, ...pixel(7), ...pixel(9), ...Array<number>(16).fill(0x55)])),
    reds: everyOther,
  },
  {
    name: 'zrle, three colours',
    bytes: () => zrle(Buffer.from([3, ...pixel(7), ...pixel(9), ...pixel(1), ...Array<number>(32).fill(0x11)])),
    reds: everyOther,
  },
  {
    name: 'zrle, five colours',
    bytes: () => zrle(Buffer.from([5, ...[7, 9, 1, 2, 3].flatMap(pixel), ...Array<number>(64).fill(0x01)])),
    reds: everyOther,
  },
  {
    name: 'zrle, runs',
    bytes: () => zrle(Buffer.from([128, ...pixel(5), 99, ...pixel(6), 27])),
    reds: range.map((i) => (i < 100 ? 5 : 6)),
  },
  {
    name: 'zrle, runs of a palette',
    bytes: () => zrle(Buffer.from([130, ...pixel(7), ...pixel(9), 0, 1, 0x80, 124, 1])),
    reds: range.map((i) => (i === 1 || i === COUNT - 1 ? 9 : 7)),
  },
  { name: 'tight, one colour', bytes: async () => whole(7, Buffer.from([0x80, ...pixel(5)])), reds: range.map(() => 5) },
  { name: 'tight, copied', bytes: () => tight(0x00, Buffer.alloc(0), dots(COUNT, pixel)), reds: range },
  {
    name: 'tight, two colours',
    bytes: () => tight(0x50, Buffer.from([1, 1, ...pixel(7), ...pixel(9)]), Buffer.alloc(16, 0x55)),
    reds: everyOther,
  },
  {
    name: 'tight, a palette',
    bytes: () =>
      tight(
        0x60,
        Buffer.from([1, 2, ...pixel(7), ...pixel(9), ...pixel(1)]),
        dots(COUNT, (i) => [i % 2]),
      ),
    reds: everyOther,
  },
  { name: 'tight, gradient', bytes: async () => await tight(0x70, Buffer.from([2]), differences()), reds: range },
];

async function connectTo(server: ScriptedServer): Promise<RfbConnection & Disposable> {
  const connection = await openConnection({ host: '127.0.0.1', port: server.port, encodings: ENCODINGS }, AbortSignal.timeout(5_000));
  return Object.assign(connection, { [Symbol.dispose]: () => connection.close(new Error('done')) });
}

describe('reading', () => {
  test.each(SAMPLES)('$name', async ({ bytes, reds }) => {
    await using server = await scripted(async (peer) => {
      peer.write('RFB 003.008\n');
      await peer.read(12);
      peer.write(Buffer.from([1, 1]));
      await peer.read(1);
      peer.write(Buffer.alloc(4));
      peer.write(serverInit({ width: WIDTH, height: HEIGHT, order: 'rgbx' }));
      await peer.read(1);
      await peer.read((await peer.read(4)).readUInt16BE(2) * 4);
      await peer.read(10);
      for (const byte of await bytes()) peer.write(Buffer.from([byte])); // in the smallest pieces
      await peer.read(1);
    });
    using connection = await connectTo(server);
    await connection.refresh();
    const { rgba } = connection.surface.frame();
    expect([...rgba]).toEqual(reds.flatMap((red) => [...pixel(red), 255]));
  });
});

describe('damaged streams', () => {
  test('2,000 of them end in a picture or an error, soon', async () => {
    const random = generator(20_261_121);
    const streams = await Promise.all([...SAMPLES.map((sample) => sample.bytes()), Promise.resolve(EXTRAS)]);
    const valid = Buffer.concat(streams);
    const outcomes = { picture: 0, error: 0 };
    let slowestMs = 0;
    for (let i = 0; i < 2_000; i++) {
      const stream = damaged(i % 2 === 0 ? streams[i % streams.length]! : valid, random);
      await using server = await serveOnce(stream);
      const start = performance.now();
      using connection = await connectTo(server);
      await connection.refresh().then(
        () => outcomes.picture++,
        () => outcomes.error++,
      );
      slowestMs = Math.max(slowestMs, performance.now() - start);
    }
    expect(outcomes.picture).toBeGreaterThan(100);
    expect(outcomes.error).toBeGreaterThan(100);
    expect(slowestMs).toBeLessThan(5_000);
  }, 60_000);

  test('a few bytes that ask for billions of pixels leave others their turn', async () => {
    const size = 5_000;
    const fills = Buffer.concat(Array.from({ length: 4_000 }, () => rectangle(0, 0, size, size, 7, Buffer.from([0x80, 1, 2, 3]))));
    await using server = await serveOnce(
      Buffer.concat([update(rectangle(0, 0, size, size, -223)), Buffer.from([0, 0, 0xff, 0xff]), fills]),
    );
    using connection = await connectTo(server);
    const asked = connection.refresh();
    asked.catch(() => {});
    const start = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 50));
    connection.close(new Error('enough'));
    await expect(asked).rejects.toThrow('enough');
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});

/** A pointer's shape, sizes, a cut text and the clipboard's extension. */
const EXTRAS = Buffer.concat([
  update(rectangle(0, 0, 2, 2, -239, Buffer.alloc(16, 3), Buffer.from([0xc0, 0xc0]))),
  update(rectangle(0, 0, WIDTH, HEIGHT, -308, Buffer.from([1, 0, 0, 0]), Buffer.alloc(16))),
  Buffer.from([2, 3, 0, 0, 0, 0, 0, 0, 2, 104, 105]),
  Buffer.from([3, 0, 0, 0, 0xff, 0xff, 0xff, 0xf8, 0x1f, 0, 0, 1, 0, 0, 0, 0]),
  Buffer.from([3, 0, 0, 0, 0xff, 0xff, 0xff, 0xfc, 0x08, 0, 0, 1]),
]);

async function serveOnce(stream: Buffer): Promise<ScriptedServer> {
  const greeting = Buffer.concat([
    Buffer.from('RFB 003.008\n\x01\x01\0\0\0\0', 'latin1'),
    serverInit({ width: WIDTH, height: HEIGHT, order: 'rgbx' }),
  ]);
  return await scripted(async (peer) => {
    peer.write(greeting);
    // Version, choice, sharing, encodings; the pixels are asked for after them.
    await peer.read(12 + 1 + 1);
    await peer.read((await peer.read(4)).readUInt16BE(2) * 4 + 10);
    peer.write(stream);
    peer.socket.end();
    await once(peer.socket, 'close');
  });
}

function damaged(stream: Buffer, random: (below: number) => number): Buffer {
  const copy = Buffer.from(stream);
  for (let left = random(4); left > 0; left--) {
    const at = random(copy.length);
    copy[at] = random(3) === 0 ? [0, 0xff, 0x80][random(3)]! : random(256);
  }
  return random(4) === 0 ? copy.subarray(0, random(copy.length)) : copy;
}

function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describe('a zlib stream in pieces', () => {
  test('needs neither flushes nor whole blocks at the ends of pieces', () => {
    const text = Buffer.from(Array.from({ length: 5_000 }, (_, i) => `line ${i % 97} of ${i}\n`).join(''));
    const zipped = Buffer.concat([Buffer.from([0x78, 0x9c]), deflateRawSync(text)]);
    const stream = new InflateStream();
    const pieces: Buffer[] = [];
    for (let at = 0; at < zipped.length; at += 777) pieces.push(Buffer.from(stream.push(zipped.subarray(at, at + 777), text.length)));
    expect(Buffer.concat(pieces).equals(text)).toBe(true);
  });

  test('reaches back 32 KiB over many flushed pieces, and starts anew after a reset', async () => {
    const stream = new InflateStream();
    for (let round = 0; round < 2; round++) {
      const pack = packer(9);
      for (let i = 0; i < 40; i++) {
        const piece = Buffer.from(`${'abcdefgh'.repeat(300)}${i}`);
        expect(stream.push(await pack(piece), piece.length).equals(piece)).toBe(true);
      }
      stream.reset();
    }
  });

  test('gives no more than it may', async () => {
    const bomb = await packer()(Buffer.alloc(1 << 22));
    expect(() => new InflateStream().push(bomb, 1_000)).toThrow(expect.objectContaining({ code: 'PROTOCOL_ERROR' }));
    expect(() => new InflateStream().push(Buffer.from('plain text'), 1_000)).toThrow(/does not begin as zlib/);
  });
});
