import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Readable } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { openBridge, type Bridge } from './bridge.ts';
import { startEgress } from './egress.ts';

const canIsolate = spawnSync('bwrap', ['--unshare-user', '--unshare-net', '--ro-bind', '/', '/', 'true']).status === 0;
const reason = canIsolate ? undefined : 'bubblewrap makes no namespaces here';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

/** A process in a network of its own, which echoes on port 7 and greets on port 25. The network belongs to the outer namespace of users. */
async function startInside(): Promise<number> {
  const services = `const { createServer } = require('node:net');
createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(7007, '127.0.0.1', () =>
  createServer((socket) => socket.on('error', () => {}).end('220 ready')).listen(2525, '127.0.0.1', () => console.log('up')));`;
  const outer = ['--unshare-user', '--unshare-net', '--die-with-parent', '--dev-bind', '/', '/'];
  const inner = [
    '--unshare-user',
    '--unshare-pid',
    '--die-with-parent',
    '--ro-bind',
    '/',
    '/',
    '--dev',
    '/dev',
    '--proc',
    '/proc',
    '--info-fd',
    '3',
  ];
  const child = spawn('bwrap', [...outer, '--', 'bwrap', ...inner, '--', process.execPath, '-e', services], {
    stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
  });
  cleanups.push(() => child.kill('SIGKILL'));
  let info = '';
  for await (const bytes of child.stdio[3] as Readable) info += String(bytes);
  await once(child.stdout as Readable, 'data');
  return (JSON.parse(info) as { 'child-pid': number })['child-pid'];
}

async function open(options: Partial<Parameters<typeof openBridge>[0]> = {}): Promise<Bridge> {
  const bridge = await openBridge({ listen: [], dials: true, ...options, sandboxPid: options.sandboxPid ?? (await startInside()) });
  cleanups.push(() => bridge.close());
  return bridge;
}

async function textOf(stream: Readable): Promise<string> {
  let text = '';
  for await (const bytes of stream) text += String(bytes);
  return text;
}

function children(): number[] {
  const list = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim();
  return list === '' ? [] : list.split(' ').map(Number);
}

describe.skipIf(reason)('a bridge into a network without a way out', () => {
  test('hands out listeners that only the inside can reach', async () => {
    const bridge = await open({ listen: [{ address: '127.0.0.1', port: 3128 }] });
    const [server] = bridge.servers;
    server?.on('connection', (socket) => socket.end('outside'));
    expect(await textOf(await bridge.dial(3128))).toBe('outside');
  });

  test('dials inside, and loses nothing that the server says first', async () => {
    const bridge = await open();
    for (let turn = 0; turn < 20; turn++) expect(await textOf(await bridge.dial(2525))).toBe('220 ready');
  });

  test('carries a megabyte both ways', async () => {
    const bridge = await open();
    const socket = await bridge.dial(7007);
    const bytes = 'x'.repeat(1_000_000);
    socket.end(bytes);
    expect(await textOf(socket)).toBe(bytes);
  });

  test('refuses to dial where nothing listens, and after its end', async () => {
    const bridge = await open();
    await expect(bridge.dial(9)).rejects.toMatchObject({ code: 'CAPABILITY_FAILED', message: expect.stringContaining('ECONNREFUSED') });
    await Promise.all([bridge.close(), bridge.close()]);
    await expect(bridge.dial(7007)).rejects.toMatchObject({ code: 'CAPABILITY_FAILED' });
  });

  test('needs no process of its own once its listeners are handed out', async () => {
    const before = children();
    const bridge = await openBridge({ sandboxPid: await startInside(), listen: [{ address: '127.0.0.1', port: 3128 }], dials: false });
    cleanups.push(() => bridge.close());
    await expect.poll(() => children().filter((pid) => !before.includes(pid)).length).toBe(1); // the sandbox itself
    expect(bridge.servers[0]?.listening).toBe(true);
  });

  test.skipIf(process.getuid?.() !== 0 && 'only root has privileges to drop')('drops its privileges', async () => {
    const before = [...children()];
    const sandboxPid = await startInside();
    const known = [...before, ...children()];
    const bridge = await open({ sandboxPid, identity: { uid: 65_534, gid: 65_534 } });
    const [own] = children().filter((pid) => !known.includes(pid));
    const status = readFileSync(`/proc/${own}/status`, 'utf8');
    expect(status).toMatch(/^Uid:\t65534\t65534\t65534\t65534$/m);
    expect(status).toMatch(/^Gid:\t65534\t65534\t65534\t65534$/m);
    expect(status).toMatch(/^CapEff:\t0+$/m);
    expect(await textOf(await bridge.dial(2525))).toBe('220 ready');
  });

  test('says why when the address is taken or the process is not there', async () => {
    await expect(open({ listen: [{ address: '127.0.0.1', port: 7007 }] })).rejects.toMatchObject({
      code: 'CAPABILITY_FAILED',
      message: expect.stringContaining('EADDRINUSE'),
    });
    const gone = spawn('true') as ChildProcess;
    await once(gone, 'exit');
    await expect(open({ sandboxPid: gone.pid ?? 0 })).rejects.toMatchObject({ code: 'CAPABILITY_FAILED' });
  });
});

describe.skipIf(reason)('a way out', () => {
  const nothing = { allowedHosts: [], peers: [], ports: [], localAliases: [], onWarning: () => {} };

  test('starts nothing where there is nothing to let through', async () => {
    const before = children();
    await using egress = await startEgress({ ...nothing, sandboxPid: process.pid });
    expect(egress.env).toEqual({});
    expect(children()).toEqual(before);
  });

  test('does not start on a published port that is taken, and leaves nothing behind', async () => {
    const taken = createServer();
    await once(taken.listen(0, '0.0.0.0'), 'listening');
    cleanups.push(() => taken.close());
    const { port } = taken.address() as { port: number };
    const sandboxPid = await startInside();
    const before = children();
    await expect(startEgress({ ...nothing, ports: [port], sandboxPid })).rejects.toMatchObject({ code: 'PORT_IN_USE' });
    expect(children()).toEqual(before);
  });

  test('refuses an entry that could never match before anything starts', async () => {
    await expect(startEgress({ ...nothing, allowedHosts: ['https://a.org'], sandboxPid: process.pid })).rejects.toMatchObject({
      code: 'BAD_ARGUMENT',
    });
  });
});
