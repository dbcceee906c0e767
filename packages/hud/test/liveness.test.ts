import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, connect as dial, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { defineAgent } from '../src/agents/agent.ts';
import { connect } from '../src/client/index.ts';
import { bind, Environment } from '../src/environment/index.ts';
import { Taskset } from '../src/eval/index.ts';
import { Task } from '../src/protocol/index.ts';
import { LocalRuntime } from '../src/runtime/index.ts';

const PATIENT = { heartbeatMs: 50, patienceMs: 150 };
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hud-liveness-'));
  await writeFile(
    join(folder, 'env.ts'),
    `import { Environment } from 'hud';
     export const env = new Environment('slow');
     env.template({ id: 'pid' }, async function* () { yield String(process.pid); await new Promise(() => {}); yield 1; });
     env.template({ id: 'busy' }, async function* () {
       yield 'p';
       for (const end = Date.now() + 1_500; Date.now() < end; );
       yield 1;
     });`,
  );
});
afterAll(async () => await rm(folder, { recursive: true }));

const run = async (id: string, options: object = {}): Promise<Awaited<ReturnType<Taskset['run']>>> =>
  await new Taskset('t', [new Task({ env: 'slow', id })]).run(
    defineAgent(async (one) => void (one.trace.content = one.promptText)),
    { store: false, runtime: new LocalRuntime(join(folder, 'env.ts')), retries: 0, patience: 0.6, ...options },
  );

test.skipIf(process.platform !== 'linux')(
  'a child that is stopped while it grades is a fault within the patience, and is ended',
  async () => {
    let pid = 0;
    const agent = defineAgent(async (one) => {
      pid = Number(one.promptText);
      setTimeout(() => process.kill(pid, 'SIGSTOP'), 50);
    });
    const startedAt = performance.now();
    const job = await new Taskset('t', [new Task({ env: 'slow', id: 'pid' })]).run(agent, {
      store: false,
      runtime: new LocalRuntime(join(folder, 'env.ts')),
      retries: 0,
      patience: 0.6,
    });
    expect(job.runs[0]?.error).toMatchObject({
      code: 'CONNECTION_LOST',
      message: expect.stringContaining('its process is stopped') as string,
    });
    expect(job.runs[0]?.class).toBe('sandbox');
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  },
);

test.skipIf(process.platform !== 'linux')('a child whose template computes for longer than the patience is alive', async () => {
  const job = await run('busy');
  expect(job.runs[0]).toMatchObject({ class: 'graded', reward: 1 });
});

/** Between client and server; once `isDark`, nothing passes any more and nobody is told. */
async function proxyTo(port: number): Promise<{ port: number; darken: () => void; close: () => void }> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = dial(port, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
    }
    near.pipe(far);
    far.pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    darken: () => {
      for (const socket of sockets) socket.unpipe().pause();
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

test('a connection that goes dark is lost within the patience, in a call or idle', async () => {
  const env = new Environment('e');
  env.template({ id: 'wait' }, async function* () {
    yield 'p';
    await new Promise(() => {});
    yield 1;
  });
  await using server = await bind(env);
  for (const inCall of [true, false]) {
    const proxy = await proxyTo(server.port);
    await using client = await connect({ host: '127.0.0.1', port: proxy.port }, PATIENT);
    await client.start('wait');
    const grading = inCall ? client.grade('x') : undefined;
    grading?.catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 400)); // several heartbeats, all answered
    expect(client.closed.aborted).toBe(false);
    proxy.darken();
    await expect.poll(() => client.closed.aborted, { timeout: 2_000 }).toBe(true);
    expect(client.closed.reason).toMatchObject({ code: 'CONNECTION_LOST', message: expect.stringContaining('no sign of life') as string });
    if (grading !== undefined) await expect(grading).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    proxy.close();
  }
});

test('a long start or grade on a served environment is answered past, so nobody takes it for dead', async () => {
  const env = new Environment('e');
  env.template({ id: 'long' }, async function* () {
    await new Promise((resolve) => setTimeout(resolve, 600));
    yield 'p';
    await new Promise((resolve) => setTimeout(resolve, 600));
    yield 0.5;
  });
  await using server = await bind(env);
  await using client = await connect(server, PATIENT);
  expect((await client.start('long')).prompt).toBe('p');
  expect((await client.grade('x')).reward).toBe(0.5);
});
