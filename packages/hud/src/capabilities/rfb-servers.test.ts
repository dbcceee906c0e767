/** Against Xtigervnc and x11vnc, with ImageMagick as the second opinion on what the screen shows. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { vncEncrypt } from '../host/des.ts';
import { missing, screenAt, startX11vnc, startXtigervnc, type RealServer } from './rfb.fixtures.ts';
import { openRfb, type RfbClient } from './rfb.ts';
import type { PictureEncoding } from './rfb-messages.ts';
import type { Frame } from './screen.ts';

const folder = mkdtempSync(join(tmpdir(), 'hud-rfb-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SERVERS = [
  { name: 'Xtigervnc', start: startXtigervnc, absent: missing('Xtigervnc', 'import', 'display', 'convert') },
  { name: 'x11vnc', start: startX11vnc, absent: missing('x11vnc', 'Xvfb', 'import', 'display', 'convert') },
];
const ENCODINGS: PictureEncoding[] = ['raw', 'zlib', 'zrle', 'tight'];

async function open(
  server: RealServer,
  options: { password?: string; encodings?: PictureEncoding[] } = {},
): Promise<RfbClient & AsyncDisposable> {
  const { password, encodings } = options;
  const client = await openRfb(
    screenAt(server.port, password === undefined ? {} : { password }),
    encodings === undefined ? {} : { encodings },
  );
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.close() });
}

/** Noise, a gradient, flat colours and text: something for every way of packing. */
function paint(server: RealServer): void {
  const file = join(folder, 'picture.png');
  const text = ['-fill', 'white', '-pointsize', '20', '-draw', "text 20,300 'The quick brown fox'"];
  const areas = ['-fill', '#123456', '-draw', 'rectangle 0,200 639,400', '-fill', '#fedcba', '-draw', 'rectangle 400,210 600,390', ...text];
  execFileSync('convert', ['-size', '640x240', 'gradient:red-blue', '-size', '640x240', 'plasma:', '-append', ...areas, file]);
  setBackground(server, file);
}

/** It says that it failed even when it did not, so its word isn't taken. */
function setBackground(server: RealServer, picture: string): void {
  spawnSync('display', ['-window', 'root', picture], { env: server.env });
}

function shownBy(server: RealServer): Frame {
  const rgba = execFileSync('import', ['-window', 'root', '-depth', '8', 'rgba:-'], { env: server.env, maxBuffer: 1 << 24 });
  return { width: 640, height: 480, rgba };
}

/** Asks until it is so; a server that looks at its display now and then needs a moment. */
async function eventually(what: () => Promise<boolean> | boolean): Promise<void> {
  for (const limit = performance.now() + 10_000; performance.now() < limit; await setTimeout(50)) {
    if (await what()) return;
  }
  expect(await what()).toBe(true);
}

describe.each(SERVERS)('$name', ({ start, absent }) => {
  test.skipIf(absent)('the picture is the same to the pixel in every encoding', async () => {
    await using server = await start();
    paint(server);
    const shown = shownBy(server).rgba;
    for (const encoding of ENCODINGS) {
      await using client = await open(server, { encodings: [encoding] });
      await eventually(async () => Buffer.compare((await client.frame({ pointer: false })).rgba, shown) === 0);
    }
    await using client = await open(server);
    await eventually(async () => Buffer.compare((await client.frame({ pointer: false })).rgba, shown) === 0);
  });

  test.skipIf(absent || missing('xterm'))('keys of any script reach a program', async () => {
    await using server = await start();
    const file = join(folder, 'typed');
    const black = shownBy(server).rgba;
    server.run(
      'xterm',
      '-u8',
      '-geometry',
      '60x20+0+0',
      '-e',
      'sh',
      '-c',
      `stty -echo; read -r line; printf %s "$line" > ${file}.part; mv ${file}.part ${file}; sleep 60`,
    );
    await using client = await open(server);
    const screen = await client.screen();
    await screen.move({ x: 100, y: 100 });
    await eventually(
      async () => Buffer.compare((await client.frame({ pointer: false })).rgba.subarray(0, 400_000), black.subarray(0, 400_000)) !== 0,
    );
    await setTimeout(300); // until the shell has turned the echo off
    const text = 'Hello, Wörld! ~@#$ {x} "q" \\ Привет λ €';
    await screen.type(`${text}\n`);
    await eventually(() => readable(file) === text);
    rmSync(file);
  });
});

const absent = SERVERS[0]!.absent;

describe('Xtigervnc', () => {
  test.skipIf(absent)('a frame shows what was drawn just before', async () => {
    await using server = await startXtigervnc();
    await using client = await open(server);
    for (const colour of ['#ff0000', '#00ff00', '#0000ff', '#102030', '#ffffff']) {
      setBackground(server, `xc:${colour}[640x480!]`);
      const { rgba } = await client.frame({ pointer: false });
      expect(Buffer.from(rgba.subarray(4_000, 4_003)).toString('hex')).toBe(colour.slice(1));
    }
  });

  test.skipIf(absent)('the right password opens it, of which 8 characters count; another is refused, in words', async () => {
    const file = join(folder, 'password');
    writeFileSync(file, vncEncrypt(Buffer.from([23, 82, 107, 6, 35, 78, 88, 7]), Buffer.from('passw0rd')));
    await using server = await startXtigervnc({ args: ['-SecurityTypes', 'VncAuth', '-PasswordFile', file] });
    await using client = await open(server, { password: 'passw0rd and more' });
    expect((await client.frame()).width).toBe(640);
    await expect(open(server, { password: 'wrong' })).rejects.toMatchObject({
      code: 'CAPABILITY_FAILED',
      message: expect.stringMatching(/refused.*[Aa]uthentication/) as string,
    });
    await expect(open(server)).rejects.toMatchObject({
      code: 'CAPABILITY_FAILED',
      message: expect.stringContaining('asks for a password') as string,
    });
  });

  test.skipIf(absent || missing('xterm'))('what is marked on the screen can be read, and a text given to it pasted', async () => {
    await using server = await startXtigervnc();
    const file = join(folder, 'pasted');
    server.run('xterm', '-u8', '-geometry', '60x10+0+0', '-e', 'sh', '-c', `echo marked-words; cat > ${file}`);
    await using client = await open(server);
    const screen = await client.screen();
    await eventually(async () => {
      await screen.click({ x: 20, y: 9 }, { count: 2, intervalMs: 20 });
      return ((await client.clipboard()) ?? '').startsWith('marked');
    });
    await client.setClipboard('Grüße, €uro');
    await screen.click({ x: 20, y: 60 }, { button: 'middle' });
    await setTimeout(200);
    await screen.press(['Return']);
    await eventually(() => readable(file) === 'Grüße, €uro\n');
  });

  test.skipIf(absent)('a server that is killed is a fault at once', async () => {
    await using server = await startXtigervnc();
    await using client = await open(server);
    await client.frame();
    process.kill(server.pid, 'SIGKILL');
    const start = performance.now();
    await expect(client.frame()).rejects.toMatchObject({ code: 'CAPABILITY_FAILED' });
    await expect((await client.screen()).click({ x: 1, y: 1 })).rejects.toMatchObject({ code: 'CAPABILITY_FAILED' });
    expect(performance.now() - start).toBeLessThan(2_000);
  });

  test.skipIf(absent)('one that is stopped is a fault within 10 s, and serves again when it goes on', async () => {
    await using server = await startXtigervnc();
    await using client = await open(server);
    process.kill(server.pid, 'SIGSTOP');
    const start = performance.now();
    try {
      await expect((await client.screen()).type('x')).rejects.toMatchObject({ code: 'CAPABILITY_FAILED' });
      expect(performance.now() - start).toBeLessThan(10_000);
    } finally {
      process.kill(server.pid, 'SIGCONT');
    }
    expect((await client.frame()).width).toBe(640);
  });

  test.skipIf(absent)('several clients share it', async () => {
    await using server = await startXtigervnc();
    await using left = await open(server);
    await using right = await open(server);
    const frames = await Promise.all([left, right, left, right].map(async (client) => await client.frame()));
    expect(new Set(frames.map((frame) => frame.rgba.length))).toEqual(new Set([640 * 480 * 4]));
  });
});

function readable(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
