/** The environment that `conformance/README.md` describes, with its capability servers. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { Environment } from '../src/environment/index.ts';

export async function conformanceEnvironment(): Promise<Environment> {
  const env = new Environment('conformance', { version: '1.0.0' });
  declareTemplates(env);
  const servers = [
    await publish(env, 'echo', (socket) => void socket.pipe(socket)),
    await publish(env, 'late', (socket) => {
      let bytes = 0;
      socket.on('data', (chunk) => (bytes += chunk.length)).on('end', () => socket.end(`got ${bytes}`));
    }),
    await publish(env, 'reset', (socket) => void socket.once('data', () => socket.resetAndDestroy())),
  ];
  const dead = await publish(env, 'dead', () => {});
  dead.close();
  env.addCapability({ name: 'portless', protocol: 'test/1', url: 'tcp://127.0.0.1' });
  env.shutdown(() => {
    for (const server of servers) server.close();
  });
  return env;
}

function declareTemplates(env: Environment): void {
  const log: string[] = [];
  env.onTaskEnd(({ id, sessionId }) => log.push(`${id} ${sessionId}`));
  const any = z.object({ value: z.unknown() });
  env.template({ id: 'echo', args: z.object({ tag: z.string().default('') }) }, async function* ({ tag }) {
    const answer: unknown = yield `prompt ${tag}`;
    yield { score: 1, tag, answer };
  });
  env.template({ id: 'number', args: z.object({ n: z.int() }) }, async function* ({ n }) {
    yield n;
    yield 1;
  });
  env.template({ id: 'fix_bug', args: z.object({ difficulty: z.int(), suite: z.string().default('coding') }) }, async function* () {
    yield 'fix';
    yield 1;
  });
  env.template({ id: 'shape', args: any }, async function* ({ value }) {
    yield value;
    yield 1;
  });
  env.template({ id: 'verdict', args: any }, async function* ({ value }) {
    yield 'prompt';
    yield value;
  });
  env.template({ id: 'silent' }, async function* () {
    yield 'prompt';
  });
  env.template({ id: 'empty' }, async function* () {});
  env.template({ id: 'evaluate' }, async function* () {
    yield 'prompt';
    yield { reward: 0.75, content: 'close', subscores: [{ name: 'judge', value: 0.75 }] };
  });
  env.template({ id: 'typed', returns: z.object({ text: z.string() }) }, async function* (_args) {
    const answer = yield 'prompt';
    yield { score: 1, ...answer };
  });
  env.template({ id: 'raise', args: z.object({ where: z.enum(['start', 'grade']) }) }, async function* ({ where }) {
    if (where === 'start') throw new Error('boom');
    yield 'prompt';
    throw new Error('boom');
  });
  env.template({ id: 'slow', args: z.object({ ms: z.int() }) }, async function* ({ ms }, { signal }) {
    await delay(ms, undefined, { signal });
    yield 'prompt';
    yield 1;
  });
  env.template({ id: 'big', args: z.object({ bytes: z.int() }) }, async function* ({ bytes }) {
    yield 'x'.repeat(bytes);
    yield 1;
  });
  env.template({ id: 'log' }, async function* () {
    yield [...log];
    yield 1;
  });
}

async function publish(env: Environment, name: string, onSocket: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  env.addCapability({ name, protocol: 'test/1', url: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}` });
  return server;
}
