/** The workspace's SSH server against peers that send whatever they like, with the key and without. */
import { once } from 'node:events';
import { mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2, { type Client, type ConnectConfig } from 'ssh2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openSsh } from '../../src/capabilities/ssh.ts';
import { Environment } from '../../src/environment/index.ts';
import { makeKeyPair } from '../../src/environment/workspace/keys.ts';
import { probeIsolation } from '../../src/environment/workspace/probe.ts';
import type { Capability } from '../../src/protocol/capability.ts';
import { anyRequest, messagesOf, STRANGE } from './ssh-noise.ts';

const LOGGED_IN = 7_500;
const STRANGERS = 2_500;
const HALF_OPEN = 1_000;
const A_CONNECTION = 250;
const probe = await probeIsolation();

let folder: string;
let environment: Environment;
let entry: Capability;
let port: number;

beforeAll(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'hud-fuzz-')));
  environment = new Environment('fuzz');
  environment.workspace(join(folder, 'root'), { trackFiles: false, ...(probe.available ? {} : { isolation: 'none' }) });
  await environment.start();
  entry = environment.capability('shell');
  port = Number(new URL(entry.url).port);
});

afterAll(async () => {
  await environment.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

interface Insides {
  _protocol: {
    _packetRW: { write: { allocStart: number; alloc(size: number): Buffer; finalize(packet: Buffer): Buffer } };
    _cipher: { encrypt(packet: Buffer): void };
  };
}

/** Encrypted as a client would do it. */
function sendPacket(client: Client, payload: Buffer): void {
  const { _packetRW, _cipher } = (client as unknown as Insides)._protocol;
  const start = _packetRW.write.allocStart;
  const packet = _packetRW.write.alloc(payload.length);
  payload.copy(packet, start);
  _cipher.encrypt(_packetRW.write.finalize(packet));
}

async function login(config: ConnectConfig = {}): Promise<Client> {
  const client = new ssh2.Client();
  client.connect({
    host: '127.0.0.1',
    port,
    username: 'agent',
    privateKey: String(entry.params.client_key),
    readyTimeout: 30_000,
    ...config,
  });
  try {
    await once(client, 'ready');
  } finally {
    client.on('error', () => {});
  }
  return client;
}

/** Sends until the server has had enough. @returns how many were sent */
async function fuzz(most: number): Promise<number> {
  const client = await login();
  const over = new AbortController();
  client.once('close', () => over.abort());
  client.exec('cat', () => {});
  let sent = 0;
  for (; sent < most && !over.signal.aborted; sent++) {
    try {
      sendPacket(client, anyRequest());
    } catch {
      break; // the connection went while it was being written to
    }
    if (sent % 8 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  client.destroy();
  return sent;
}

async function works(): Promise<number> {
  const startedAt = performance.now();
  const client = await openSsh(entry);
  const { stdout } = await client.exec('echo works', { timeoutMs: 30_000 });
  const ms = performance.now() - startedAt;
  await client.close();
  expect(stdout).toBe('works\n');
  return ms;
}

const openFiles = (): number => readdirSync('/proc/self/fd').length;

/** Speaks, and waits until the server ends the connection. @returns what it said */
async function stranger(...parts: Buffer[]): Promise<Buffer> {
  const socket = connect(port, '127.0.0.1');
  const pieces: Buffer[] = [];
  socket.on('error', () => socket.destroy()).on('data', (piece) => pieces.push(piece));
  for (const part of parts) socket.write(part);
  socket.end();
  await once(socket, 'close');
  return Buffer.concat(pieces);
}

describe('a server that gets anything', () => {
  test(`survives ${LOGGED_IN} random requests of those who have the key`, { timeout: 120_000 }, async () => {
    await works();
    const before = openFiles();
    let sent = 0;
    for (let connections = 0; sent < LOGGED_IN; connections++) {
      expect(connections).toBeLessThan(LOGGED_IN);
      sent += (await Promise.all(Array.from({ length: 6 }, () => fuzz(Math.min(A_CONNECTION, LOGGED_IN))))).reduce(
        (sum, each) => sum + each,
        0,
      );
    }
    await works();
    await expect.poll(openFiles, { timeout: 15_000 }).toBeLessThanOrEqual(before + 10);
  });

  test(`survives ${STRANGERS} messages of those who have none, and serves none of them`, { timeout: 120_000 }, async () => {
    await works();
    const before = openFiles();
    for (let sent = 0; sent < STRANGERS; sent += 50) {
      const said = await Promise.all(
        Array.from({ length: 50 }, async (_, n) => await stranger(...(STRANGE[(sent + n) % STRANGE.length] as () => Buffer[])())),
      );
      for (const bytes of said) expect(messagesOf(bytes).filter((type) => type >= 50)).toEqual([]); // from 50 on they belong to who logs in
    }
    await works();
    await expect.poll(openFiles, { timeout: 15_000 }).toBeLessThanOrEqual(before + 10);
  });

  test.each<[string, ConnectConfig]>([
    ['another key', { privateKey: makeKeyPair().private }],
    ['a password', { privateKey: undefined, password: 'agent' }],
    ['nothing', { privateKey: undefined }],
    ['an endless name', { username: 'a'.repeat(30_000), privateKey: makeKeyPair().private }],
    ['an endless password', { privateKey: undefined, password: 'p'.repeat(30_000) }],
  ])('lets nobody in with %s', async (_, config) => {
    await expect(login(config)).rejects.toThrow();
    await works();
  });

  test(`${HALF_OPEN} half-open connections keep nobody waiting`, { timeout: 60_000 }, async () => {
    const quiet = await median(works);
    const half: Socket[] = [];
    for (let n = 0; n < HALF_OPEN; n += 100) {
      const batch = Array.from({ length: 100 }, () => connect(port, '127.0.0.1').on('error', () => {}));
      await Promise.all(batch.map(async (socket) => await once(socket, 'data')));
      half.push(...batch);
    }
    const crowded = await median(works);
    for (const socket of half) socket.destroy();
    expect(crowded, `${Math.round(quiet)} ms without them`).toBeLessThan(Math.max(quiet + 100, 3 * quiet));
  });

  test('refuses files, subsystems, forwarding and agents, and goes on serving', { timeout: 60_000 }, async () => {
    const client = await login();
    const refused = async (ask: (done: (error: Error | null | undefined) => void) => unknown): Promise<boolean> =>
      await new Promise((resolve) => void ask((error) => resolve(error instanceof Error)));
    expect(await refused((done) => client.sftp((error) => done(error)))).toBe(true);
    for (const name of ['sftp', 'netconf', '../sftp', '/bin/sh', ''])
      expect(await refused((done) => client.subsys(name, (error) => done(error)))).toBe(true);
    for (const target of ['127.0.0.1', 'localhost', '::1']) {
      expect(await refused((done) => client.forwardOut('127.0.0.1', 1, target, port, (error) => done(error)))).toBe(true);
      expect(await refused((done) => client.forwardIn(target, 0, (error) => done(error)))).toBe(true);
    }
    expect(await refused((done) => client.openssh_forwardInStreamLocal(join(folder, 'socket'), (error) => done(error)))).toBe(true);
    expect(await refused((done) => client.openssh_forwardOutStreamLocal('/run/docker.sock', (error) => done(error)))).toBe(true);
    expect(await refused((done) => client.exec('true', { x11: true }, (error) => done(error)))).toBe(true);
    expect(readdirSync(folder)).toEqual(['root']);
    client.end();
    await works();
  });
});

async function median(measure: () => Promise<number>): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < 7; n++) times.push(await measure());
  return times.toSorted((a, b) => a - b)[3] ?? 0;
}
