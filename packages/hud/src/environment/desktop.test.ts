import { execFileSync } from 'node:child_process';
import { createConnection } from 'node:net';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { missing } from '../capabilities/rfb.fixtures.ts';
import type { RfbClient } from '../capabilities/rfb.ts';
import { openRfb } from '../capabilities/rfb.ts';
import { declareDesktop, type Desktop, type DesktopOptions } from './desktop.ts';
import { Environment } from './environment.ts';

const absent = missing('Xtigervnc', 'openbox', 'xterm', 'xdotool');

interface Stage extends AsyncDisposable {
  environment: Environment;
  desktop: Desktop;
  client: RfbClient;
}

async function start(options: DesktopOptions = {}): Promise<Stage> {
  const environment = new Environment('desk');
  const desktop = declareDesktop(environment, options);
  await environment.start();
  const client = await openRfb(environment.capability(desktop.name));
  const stop = async (): Promise<void> => {
    await client.close();
    await environment.stop();
  };
  return { environment, desktop, client, [Symbol.asyncDispose]: stop };
}

async function eventually(what: () => boolean): Promise<void> {
  for (const limit = performance.now() + 10_000; !what() && performance.now() < limit;) await setTimeout(25);
  expect(what()).toBe(true);
}

test.skipIf(absent)('a declared desktop is there while its environment runs, and nothing of it afterwards', async () => {
  const environment = new Environment('desk');
  const desktop = declareDesktop(environment, { width: 800, height: 600 });
  expect(() => desktop.display).toThrow('its environment is not started');
  expect(environment.capabilities).toEqual([]);
  await environment.start();
  const { url, params, protocol } = environment.capability('screen');
  expect(protocol).toBe('rfb/3.8');
  expect(params).toEqual({ display: desktop.display, password: expect.stringMatching(/^.{8}$/) as string });
  const client = await openRfb(environment.capability('screen'));
  expect(await client.frame()).toMatchObject({ width: 800, height: 600 });
  await client.close();
  const { home } = desktop;
  await environment.stop();
  await environment.stop();
  const socket = createConnection({ host: '127.0.0.1', port: Number(new URL(url).port) });
  await expect(once(socket, 'connect')).rejects.toThrow('ECONNREFUSED');
  expect(() => readdirSync(home)).toThrow('ENOENT');
  await environment.start();
  expect(environment.capability('screen').params.password).not.toBe(params.password);
  await environment.stop();
});

test.skipIf(absent)('a new window has the keyboard, over one that had it', async () => {
  await using stage = await start();
  const { desktop, client } = stage;
  const shell = (name: string): string[] => [
    '-T',
    name,
    '-e',
    'sh',
    '-c',
    `read -r line; printf %s "$line" > ${name}.part; mv ${name}.part ${name}; sleep 60`,
  ];
  await desktop.launch('xterm', shell('first'), { window: 'first' });
  const screen = await client.screen();
  await screen.type('one, and ');
  await desktop.launch('xterm', shell('second'), { window: 'second' });
  await screen.type('two\n');
  await eventually(() => readdirSync(desktop.home).includes('second'));
  expect(readFileSync(join(desktop.home, 'second'), 'utf8')).toBe('two');
  await desktop.waitForWindow('first');
  await screen.type('half\n');
  await eventually(() => readdirSync(desktop.home).includes('first'));
  expect(readFileSync(join(desktop.home, 'first'), 'utf8')).toBe('one, and half');
});

test.skipIf(absent)('at the end of a task its programs and files are gone, and those of the desktop are back', async () => {
  await using stage = await start({ apps: [{ command: 'xterm', args: ['-T', 'always'], window: 'always' }], env: { GREETING: 'hello' } });
  const { desktop, environment } = stage;
  const file = await desktop.write('notes/today.txt', 'text');
  expect(readFileSync(file, 'utf8')).toBe('text');
  const program = await desktop.launch('sh', ['-c', 'printenv GREETING MORE > seen; sleep 60'], { env: { MORE: 'more' } });
  await eventually(
    () => readdirSync(desktop.home).includes('seen') && readFileSync(join(desktop.home, 'seen'), 'utf8') === 'hello\nmore\n',
  );
  await environment.taskEnded({ id: 't', sessionId: 's' });
  await program.exited;
  expect(() => process.kill(program.pid, 0)).toThrow('ESRCH');
  expect(readdirSync(desktop.home).filter((name) => !name.startsWith('.'))).toEqual([]);
  await desktop.waitForWindow('always');
});

test.skipIf(absent)('only holders of its secrets reach the display', async () => {
  await using stage = await start();
  const { desktop, environment } = stage;
  const ask = (env: Record<string, string>): string =>
    execFileSync('xdotool', ['getdisplaygeometry'], {
      env: { PATH: process.env.PATH, HOME: '/nonexistent', ...env },
      encoding: 'utf8',
      stdio: 'pipe',
    });
  expect(ask(desktop.env).trim()).toBe('1280 800');
  expect(() => ask({ DISPLAY: desktop.display, XAUTHORITY: '/nonexistent' })).toThrow(/Can't open display|Authorization required/);
  const { params, ...capability } = environment.capability('screen');
  await expect(openRfb({ ...capability, params: { ...params, password: 'wrong' } })).rejects.toMatchObject({ code: 'CAPABILITY_FAILED' });
});

test.skipIf(absent)('a program that does not exist, ends at once, or escapes its home is told', async () => {
  await using stage = await start({ windowManager: false });
  const { desktop } = stage;
  await expect(desktop.launch('no-such-program')).rejects.toMatchObject({
    code: 'CAPABILITY_FAILED',
    message: expect.stringContaining('no-such-program') as string,
  });
  await expect(desktop.launch('sh', ['-c', 'echo oh no; exit 3'], { window: 'none' })).rejects.toThrow(/exit code 3[^]*oh no/);
  await expect(desktop.write('../escape', '')).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
});

test('a password that VNC would cut is refused at the declaration', () => {
  for (const password of ['', 'far too long', 'ümlaut']) {
    expect(() => declareDesktop(new Environment('desk'), { password })).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }));
  }
});

test.skipIf(absent || (process.getuid?.() !== 0 && 'only root runs programs as somebody else'))(
  'started by root, its programs have no rights',
  async () => {
    await using stage = await start();
    const { desktop } = stage;
    await desktop.launch('sh', ['-c', 'id -u > uid; cat /etc/shadow > shadow 2>/dev/null; echo > done; sleep 60']);
    await eventually(() => readdirSync(desktop.home).includes('done'));
    expect(Number(readFileSync(join(desktop.home, 'uid'), 'utf8'))).toBeGreaterThan(50_000);
    expect(readFileSync(join(desktop.home, 'shadow'), 'utf8')).toBe('');
  },
);

test.skipIf(absent)('it starts where the temporary folder is closed to others', async () => {
  const closed = mkdtempSync(join(tmpdir(), 'hud-closed-'));
  const before = process.env.TMPDIR;
  process.env.TMPDIR = closed;
  try {
    await using stage = await start();
    expect(stage.desktop.home.startsWith(closed)).toBe(true);
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    rmSync(closed, { recursive: true, force: true });
  }
});
