import { deflateSync } from 'node:zlib';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { greet, readEncodings, rectangle, screenAt, scripted, serverInit, update, type Peer } from './rfb.fixtures.ts';
import { openRfb, type RfbClient } from './rfb.ts';

const REQUEST_BYTES = 10;

async function withClient<T>(client: Promise<RfbClient>, work: (client: RfbClient) => Promise<T>): Promise<T> {
  const opened = await client;
  try {
    return await work(opened);
  } finally {
    await opened.close();
  }
}

describe('what a client sends', () => {
  test('no security: type 1 is chosen, and the result is read', async () => {
    const sent: string[] = [];
    await using server = await scripted(async (peer) => {
      peer.write('RFB 003.008\n');
      sent.push((await peer.read(12)).toString());
      peer.write(Buffer.from([1, 1]));
      sent.push((await peer.read(1)).toString('hex'));
      peer.write(Buffer.alloc(4));
      sent.push((await peer.read(1)).toString('hex'));
      peer.write(serverInit({ width: 2, height: 2 }));
      expect(await readEncodings(peer)).toEqual(expect.arrayContaining([7, 16, 6, 1, 0, -223, -239]));
      await peer.read(1);
    });
    await withClient(openRfb(screenAt(server.port)), async (client) => {
      expect(client.size()).toEqual({ width: 2, height: 2 });
      expect(client.name).toBe('test');
    });
    expect(sent).toEqual(['RFB 003.008\n', '01', '01']);
    expect(server.failures).toEqual([]);
  });

  test('a password answers the challenge by DES with each byte of the key reversed', async () => {
    let response = '';
    await using server = await scripted(async (peer) => {
      peer.write('RFB 003.008\n');
      await peer.read(12);
      peer.write(Buffer.from([1, 2]));
      await peer.read(1);
      peer.write(Buffer.alloc(16));
      response = (await peer.read(16)).toString('hex');
      peer.write(Buffer.alloc(4));
      await peer.read(1);
      peer.write(serverInit({ width: 2, height: 2 }));
      await peer.read(1_000);
    });
    await withClient(openRfb(screenAt(server.port, { password: 'secret' })), async () => {});
    expect(response).toBe('9613a23f1dcac5419613a23f1dcac541');
  });

  test.each([
    { banner: 'RFB 003.003\n', answer: 'RFB 003.003\n' },
    { banner: 'RFB 003.005\n', answer: 'RFB 003.003\n' },
    { banner: 'RFB 003.007\n', answer: 'RFB 003.007\n' },
    { banner: 'RFB 003.889\n', answer: 'RFB 003.008\n' },
    { banner: 'RFB 004.001\n', answer: 'RFB 003.008\n' },
  ])('a server of $banner is answered $answer and served its way', async ({ banner, answer }) => {
    let answered = '';
    await using server = await scripted(async (peer) => {
      peer.write(banner);
      answered = (await peer.read(12)).toString();
      if (answer.includes('003.003')) peer.write(Buffer.from([0, 0, 0, 1]));
      else {
        peer.write(Buffer.from([2, 19, 1]));
        expect((await peer.read(1))[0]).toBe(1);
      }
      if (answer.includes('003.008')) peer.write(Buffer.alloc(4));
      await peer.read(1);
      peer.write(serverInit({ width: 3, height: 2 }));
      await readEncodings(peer);
      await peer.read(1);
    });
    await withClient(openRfb(screenAt(server.port)), async (client) => expect(client.size()).toEqual({ width: 3, height: 2 }));
    expect(answered).toBe(answer);
    expect(server.failures).toEqual([]);
  });

  test('a click is a move, a press and a release', async () => {
    let sent = '';
    await using server = await scripted(async (peer) => {
      await greet(peer, { width: 64, height: 64 });
      sent = (await peer.read(18)).toString('hex');
      await answerRequest(peer, 'ffffff00');
      await peer.read(1);
    });
    await withClient(openRfb(screenAt(server.port)), async (client) => {
      const screen = await client.screen();
      await screen.click({ x: 10, y: 20 });
      expect(screen.position()).toEqual({ x: 10, y: 20 });
    });
    expect(sent).toBe('0500000a00140501000a00140500000a0014');
  });

  test('wheels, modifiers, chords and points beyond the edge', async () => {
    const sent: string[] = [];
    await using server = await scripted(async (peer) => {
      await greet(peer, { width: 64, height: 64 });
      for (const size of [30, 30, 8, 18, 8, 32, 16]) {
        sent.push((await peer.read(size)).toString('hex'));
        await answerRequest(peer, 'ffffff00');
      }
      await peer.read(1);
    });
    await withClient(openRfb(screenAt(server.port)), async (client) => {
      const screen = await client.screen();
      await screen.scroll({ x: 1, y: 2 }, { dx: 0, dy: 200 });
      await screen.scroll({ x: 1, y: 2 }, { dx: -30, dy: -1 });
      await screen.click({ x: 999, y: -5 }, { button: 'right', modifiers: ['Shift_L'] });
      await screen.press(['Control_L', 'c']);
      await screen.type('€');
    });
    expect(sent).toEqual([
      '050000010002051000010002050000010002051000010002050000010002',
      '050000010002050800010002050000010002052000010002050000010002',
      '040100000000ffe1',
      '0500003f00000504003f00000500003f0000',
      '040000000000ffe1',
      '040100000000ffe304010000000000630400000000000063040000000000ffe3',
      '04010000010020ac04000000010020ac',
    ]);
  });

  test('a drag presses, goes in steps of 16 px, and lets go', async () => {
    const seen: [mask: number, x: number, y: number][] = [];
    await using server = await scripted(async (peer) => {
      await greet(peer, { width: 640, height: 480 });
      for (;;) {
        const event = await peer.read(6);
        seen.push([event[1]!, event.readUInt16BE(2), event.readUInt16BE(4)]);
        await answerRequest(peer, 'ffffff00');
      }
    });
    await withClient(openRfb(screenAt(server.port)), async (client) => {
      await (
        await client.screen()
      ).drag([
        { x: 0, y: 0 },
        { x: 40, y: 0 },
        { x: 40, y: 9 },
      ]);
    });
    expect(seen).toEqual([
      [0, 0, 0],
      [1, 0, 0],
      [1, 13, 0],
      [1, 27, 0],
      [1, 40, 0],
      [1, 40, 9],
      [0, 40, 9],
    ]);
  });

  test('a key that does not exist is refused before anything is sent', async () => {
    await using server = await scripted(async (peer) => {
      await greet(peer, { width: 8, height: 8 });
      await peer.read(1);
      throw new Error('something was sent');
    });
    await withClient(openRfb(screenAt(server.port)), async (client) => {
      const screen = await client.screen();
      await expect(screen.press(['Control_L', 'Retrun'])).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
      await expect(screen.type('fine \u0001')).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    });
    expect(server.failures).toEqual([]);
  });
});

/** Reads an update request and sends that much of one colour. */
async function answerRequest(peer: Peer, pixel: string): Promise<void> {
  const request = await peer.read(REQUEST_BYTES);
  if (request[0] !== 3) throw new Error(`a request was expected, not ${request.toString('hex')}`);
  const [x, y, width, height] = [2, 4, 6, 8].map((at) => request.readUInt16BE(at)) as [number, number, number, number];
  peer.write(update(rectangle(x, y, width, height, 0, Buffer.alloc(width * height * 4, pixel, 'hex'))));
}

describe('what a client sees', () => {
  test.each(['bgrx', 'rgbx', 'xrgb', 'xbgr'])('pixels whose bytes are %s', async (order) => {
    const colours = { r: [1, 40, 70, 100], g: [2, 50, 80, 110], b: [3, 60, 90, 120], x: [0, 0, 0, 0] };
    const pixels = Buffer.from([0, 1, 2, 3].flatMap((i) => [...order].map((letter) => colours[letter as 'r'][i]!)));
    await using server = await scripted(async (peer) => {
      await greet(peer, { width: 2, height: 2, order });
      await peer.read(REQUEST_BYTES);
      peer.write(update(rectangle(0, 0, 2, 2, 0, pixels)));
      await peer.read(1);
    });
    await withClient(openRfb(screenAt(server.port)), async (client) => {
      const { rgba } = await client.frame();
      expect([...rgba]).toEqual([1, 2, 3, 255, 40, 50, 60, 255, 70, 80, 90, 255, 100, 110, 120, 255]);
    });
  });

  test('an update in two rectangles and two messages is one picture, with a bell and a cut text between', async () => {
    await using server = await scripted(async (peer) => {
      await greet(peer, { width: 2, height: 2, order: 'rgbx' });
      await peer.read(REQUEST_BYTES);
      peer.write(update(rectangle(0, 0, 1, 2, 0, Buffer.from([1, 1, 1, 0, 3, 3, 3, 0]))));
      peer.write(Buffer.concat([Buffer.from([2, 3, 0, 0, 0, 0, 0, 0, 2]), Buffer.from('hi')]));
      await setTimeout(20);
      peer.write(update(rectangle(1, 0, 1, 1, 0, Buffer.from([2, 2, 2, 0])), rectangle(1, 1, 1, 1, 0, Buffer.from([4, 4, 4, 0]))));
      await answerRequest(peer, '05050500');
      await peer.read(1);
    });
    await withClient(openRfb(screenAt(server.port)), async (client) => {
      const { rgba } = await client.frame();
      expect([...rgba].filter((_, i) => i % 4 === 0)).toEqual([1, 2, 3, 4]);
      expect(await client.clipboard()).toBe('hi');
    });
  });

  test('a desktop that changes its size under way is shown in the new one', async () => {
    await using server = await scripted(async (peer) => {
      await greet(peer, { width: 2, height: 2 });
      await peer.read(REQUEST_BYTES);
      peer.write(update(rectangle(0, 0, 3, 1, -223)));
      await answerRequest(peer, '10203000');
      await peer.read(1);
    });
    await withClient(openRfb(screenAt(server.port)), async (client) => {
      const frame = await client.frame();
      expect(frame).toMatchObject({ width: 3, height: 1 });
      expect([...frame.rgba.subarray(8)]).toEqual([0x30, 0x20, 0x10, 255]);
      expect(client.size()).toEqual({ width: 3, height: 1 });
    });
  });

  test('the pointer is drawn where the client moved it, or not at all', async () => {
    await using server = await scripted(async (peer) => {
      await greet(peer, { width: 4, height: 4, order: 'rgbx' });
      await peer.read(6);
      // 2x1 pixels, the left one to be seen, the hot spot in the second.
      peer.write(update(rectangle(1, 0, 2, 1, -239, Buffer.from([9, 9, 9, 0, 8, 8, 8, 0, 0x80]))));
      for (let i = 0; i < 4; i++) await answerRequest(peer, '00000000');
      await peer.read(1);
    });
    await withClient(openRfb(screenAt(server.port)), async (client) => {
      await (await client.screen()).move({ x: 3, y: 2 });
      const red = (rgba: Uint8Array): number[] => [...rgba].filter((_, i) => i % 4 === 0);
      expect(red((await client.frame()).rgba)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0]);
      expect(red((await client.frame({ pointer: false })).rgba)).toEqual(Array(16).fill(0));
    });
  });
});

describe('servers that fail', () => {
  test.each([
    { what: 'no RFB server', bytes: Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), says: /no RFB server/ },
    { what: 'one that refuses', bytes: Buffer.from('RFB 003.008\n\0\0\0\0\x05full!', 'latin1'), says: /refused.*full!/ },
    {
      what: 'one with unknown security',
      bytes: Buffer.from('RFB 003.008\n\x02\x13\x1e', 'latin1'),
      says: /not supported: VeNCrypt, Apple/,
    },
    { what: 'one that wants a password', bytes: Buffer.from('RFB 003.008\n\x01\x02', 'latin1'), says: /asks for a password/ },
    {
      what: 'one whose reason is endless',
      bytes: Buffer.from('RFB 003.008\n\0\xff\xff\xff\xff', 'latin1'),
      says: /text of 4294967295 bytes/,
    },
  ])('$what is told at once', async ({ bytes, says }) => {
    await using server = await scripted(async (peer) => {
      peer.write(bytes);
      await peer.read(1_000);
    });
    await expect(openRfb(screenAt(server.port))).rejects.toMatchObject({
      code: 'CAPABILITY_FAILED',
      message: expect.stringMatching(says) as string,
    });
  });

  test('nobody at the address', async () => {
    const server = await scripted(async () => {});
    await server[Symbol.asyncDispose]();
    await expect(openRfb(screenAt(server.port))).rejects.toMatchObject({ code: 'CAPABILITY_FAILED' });
  });

  test.each([
    { what: 'a rectangle beyond the edge', bytes: update(rectangle(1, 1, 2, 2, 0)) },
    { what: 'an encoding nobody asked for', bytes: update(rectangle(0, 0, 2, 2, 5)) },
    { what: 'a colour map', bytes: Buffer.from([1, 0, 0, 0, 0, 0]) },
    { what: 'an unknown message', bytes: Buffer.from([99]) },
    { what: 'a bomb', bytes: update(rectangle(0, 0, 2, 2, 6, sized(deflateSync(Buffer.alloc(1 << 20))))) },
    { what: 'a Tight picture of an unknown kind', bytes: update(rectangle(0, 0, 2, 2, 7, Buffer.from([0x90]))) },
    { what: 'no size', bytes: update(rectangle(0, 0, 0, 0, -223)) },
    { what: 'half a message, then its end', bytes: Buffer.from([0, 0]) },
  ])('$what: three connections are tried, then it is a fault', async ({ bytes }) => {
    let connections = 0;
    await using server = await scripted(async (peer) => {
      connections++;
      await greet(peer, { width: 2, height: 2 });
      await peer.read(REQUEST_BYTES);
      peer.write(bytes);
    });
    await withClient(openRfb(screenAt(server.port)), async (client) => {
      await expect(client.frame()).rejects.toMatchObject({ code: 'CAPABILITY_FAILED' });
    });
    expect(connections).toBe(3);
  });

  test('the second connection does, and a click is never repeated', async () => {
    await using server = await scripted(async (peer, connection) => {
      await greet(peer, { width: 2, height: 2 });
      if (connection === 1) await peer.read(REQUEST_BYTES);
      else {
        await answerRequest(peer, '11223300');
        await peer.read(6 * 3);
      }
    });
    await withClient(openRfb(screenAt(server.port)), async (client) => {
      expect((await client.frame()).rgba.subarray(0, 4)).toEqual(Uint8Array.from([0x33, 0x22, 0x11, 255]));
      await expect((await client.screen()).click({ x: 1, y: 1 })).rejects.toMatchObject({ code: 'CAPABILITY_FAILED' });
    });
    expect(server.failures).toEqual([]);
  });

  test('a silent one is given up within 10 s, and whoever is told to stop waits no longer', async () => {
    await using server = await scripted(async (peer) => {
      await greet(peer, { width: 2, height: 2 });
      await peer.read(1_000_000);
    });
    await withClient(openRfb(screenAt(server.port)), async (client) => {
      const start = performance.now();
      const asked = client.frame();
      const reason = new Error('enough');
      await expect(client.frame({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      const stop = new AbortController();
      const waiting = client.frame({ signal: stop.signal });
      stop.abort(reason);
      await expect(waiting).rejects.toBe(reason);
      await expect(asked).rejects.toMatchObject({
        code: 'CAPABILITY_FAILED',
        message: expect.stringContaining('did not answer') as string,
      });
      expect(performance.now() - start).toBeLessThan(10_000);
    });
  });

  test('closing ends what waits, and may be done twice', async () => {
    await using server = await scripted(async (peer) => {
      await greet(peer, { width: 2, height: 2 });
      await peer.read(1_000_000);
    });
    const client = await openRfb(screenAt(server.port));
    const asked = client.frame();
    asked.catch(() => {});
    await setTimeout(20);
    await client.close();
    await client.close();
    await expect(asked).rejects.toMatchObject({ code: 'CAPABILITY_FAILED', message: expect.stringContaining('was closed') as string });
    await expect(client.frame()).rejects.toMatchObject({ code: 'CAPABILITY_FAILED' });
  });
});

function sized(bytes: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(bytes.length);
  return Buffer.concat([head, bytes]);
}
