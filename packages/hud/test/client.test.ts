import { createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { connect } from '../src/client/index.ts';
import { Environment, bind } from '../src/environment/index.ts';
import { FrameReader, HudError, type JsonObject } from '../src/protocol/index.ts';
import { conformanceEnvironment } from './conformance-environment.ts';
import { Wire } from './wire.ts';

const HELLO = { session_id: 'sess-1', env: { name: 'e', version: '1' }, bindings: [] };

/** A server whose replies the test decides: a result, an `{error}`, bytes, or nothing. */
async function scriptedServer(
  answer: (request: JsonObject, socket: Socket) => unknown,
): Promise<AsyncDisposable & { port: number; host: string }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    const reader = new FrameReader();
    socket
      .on('error', () => {})
      .on('data', (chunk) => {
        reader.push(chunk);
        for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
          const reply = answer(frame, socket);
          if (typeof reply === 'string') socket.write(reply);
          else if (reply !== undefined) socket.write(`${JSON.stringify({ jsonrpc: '2.0', id: frame.id, ...reply })}\n`);
        }
      });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function errorOf(work: Promise<unknown>): Promise<HudError> {
  const error: unknown = await work.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(HudError);
  return error as HudError;
}

test('F11: a NaN score is a grade error and the connection survives it', async () => {
  await using server = await scriptedServer(({ method, id }) =>
    method === 'tasks.grade'
      ? `{"jsonrpc":"2.0","id":${String(id)},"result":{"score":NaN}}\n`
      : { result: method === 'hello' ? HELLO : {} },
  );
  await using client = await connect(server);
  expect(await errorOf(client.grade('x'))).toMatchObject({ code: 'GRADE_INVALID', rpcCode: -32603 });
  expect(client.closed.aborted).toBe(false);
});

test.each([true, '1', null, undefined])('a score of %s is a grade error', async (score) => {
  await using server = await scriptedServer(({ method }) => ({ result: method === 'hello' ? HELLO : { score } }));
  await using client = await connect(server);
  expect((await errorOf(client.grade('x'))).code).toBe('GRADE_INVALID');
});

test('C1: connecting goes on while the server accepts and closes', async () => {
  let connections = 0;
  const refusing = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => refusing.listen(0, '127.0.0.1', resolve));
  const { port } = refusing.address() as AddressInfo;
  const connecting = connect({ host: '127.0.0.1', port }, { readyTimeout: 10 });
  await expect.poll(() => connections).toBeGreaterThanOrEqual(2);
  await new Promise((resolve) => refusing.close(resolve));
  await using server = await bind(new Environment('late'), { port });
  await using client = await connecting;
  expect(client.env.name).toBe('late');
  expect(server.port).toBe(port);
});

test('C2: connecting to a server that hangs up gives up soon after its deadline', async () => {
  await using server = await scriptedServer((_request, socket) => void socket.destroy());
  const startedAt = performance.now();
  const error = await errorOf(connect(server, { readyTimeout: 1.2 }));
  expect(error.code).toBe('RUNTIME_UNREACHABLE');
  expect(error.message).toContain('1.2 s');
  expect(performance.now() - startedAt).toBeLessThan(3_000);
});

test('C2: a server that accepts and never answers is given up at the deadline too', async () => {
  await using server = await scriptedServer(() => undefined);
  const startedAt = performance.now();
  expect((await errorOf(connect(server, { readyTimeout: 1 }))).code).toBe('RUNTIME_UNREACHABLE');
  expect(performance.now() - startedAt).toBeLessThan(3_000);
});

test('an error in place of hello is final', async () => {
  let hellos = 0;
  await using server = await scriptedServer(() => {
    hellos += 1;
    return { error: { code: -32000, message: 'not today' } };
  });
  expect(await errorOf(connect(server, { readyTimeout: 5 }))).toMatchObject({ code: 'RPC_ERROR', message: 'not today', rpcCode: -32000 });
  expect(hellos).toBe(1);
});

test('C3: a reply with a wrong id is a protocol error and closes the connection', async () => {
  await using server = await scriptedServer(({ method }) =>
    method === 'hello' ? { result: HELLO } : '{"jsonrpc":"2.0","id":99,"result":{}}\n',
  );
  await using client = await connect(server);
  expect(await errorOf(client.listTasks())).toMatchObject({ code: 'PROTOCOL_ERROR', rpcCode: -32603 });
  expect(client.closed.aborted).toBe(true);
  expect((await errorOf(client.listTasks())).code).toBe('PROTOCOL_ERROR');
});

test('C4: a heartbeat answered with an error is a sign of life', async () => {
  let hellos = 0;
  await using server = await scriptedServer(() => {
    hellos += 1;
    return hellos === 1 ? { result: HELLO } : { error: { code: -32600, message: 'no' } };
  });
  await using client = await connect(server, { heartbeatMs: 20, patienceMs: 200 });
  await expect.poll(() => hellos).toBe(2);
  await new Promise((resolve) => setTimeout(resolve, 100)); // time in which a lost connection would show
  expect(client.closed.aborted).toBe(false);
});

test('C4: an unanswered heartbeat loses the connection', async () => {
  let hellos = 0;
  await using server = await scriptedServer(() => (hellos++ === 0 ? { result: HELLO } : undefined));
  await using client = await connect(server, { heartbeatMs: 20, patienceMs: 100 });
  await expect.poll(() => client.closed.aborted).toBe(true);
  expect(client.closed.reason).toMatchObject({ code: 'CONNECTION_LOST', message: expect.stringContaining('no sign of life') as string });
});

test('no heartbeat disturbs a call in flight', async () => {
  const methods: unknown[] = [];
  await using server = await scriptedServer(({ method, id }, socket) => {
    methods.push(method);
    if (method !== 'tasks.start') return { result: HELLO };
    setTimeout(() => socket.write(`{"jsonrpc":"2.0","id":${String(id)},"result":{"prompt":"p"}}\n`), 150);
    return undefined;
  });
  await using client = await connect(server, { heartbeatMs: 20, patienceMs: 50 });
  await client.start('slow');
  expect(methods.slice(0, 2)).toEqual(['hello', 'tasks.start']);
});

test('C5: a routed capability keeps all but host and port, and its port refuses after close', async () => {
  const env = new Environment('e', {
    capabilities: [{ name: 'shell', protocol: 'ssh/2', url: 'ssh://agent:pw@environment:22/x?y#z', params: { user: 'agent' } }],
  });
  await using server = await bind(env);
  const client = await connect(server);
  const { url, params } = await client.binding('ssh');
  expect(url).toMatch(/^ssh:\/\/agent@127\.0\.0\.1:\d+\/x\?y#z$/);
  expect(params).toEqual({ user: 'agent' });
  expect(client.manifest[0]?.url).toBe('ssh://agent:pw@environment:22/x?y#z');
  await client.close();
  const port = Number(/:(\d+)\//.exec(url)?.[1]);
  const refused = connect({ host: '127.0.0.1', port }, { readyTimeout: 0.2 });
  await expect(refused).rejects.toThrow('connection refused');
});

test('a capability is found by name, protocol or family, and ambiguity is an error', async () => {
  await using server = await bind(await conformanceEnvironment());
  await using client = await connect(server);
  expect((await client.binding('echo')).name).toBe('echo');
  expect(await errorOf(client.binding('test'))).toMatchObject({
    code: 'CAPABILITY_NOT_FOUND',
    message: expect.stringContaining('ambiguous') as string,
  });
  expect((await errorOf(client.binding('nope'))).message).toContain('echo (test/1)');
});

test('bytes pass through a forwarder both ways, with half-close', async () => {
  await using server = await bind(await conformanceEnvironment());
  await using client = await connect(server);
  const port = Number(/:(\d+)$/.exec((await client.binding('late')).url)?.[1]);
  const wire = new Wire(port);
  wire.write('x'.repeat(200_000));
  wire.end();
  expect(await wire.untilEnd()).toBe('got 200000');
});

test('a capability that is published later is found when it is asked for', async () => {
  const env = new Environment('e');
  await using server = await bind(env);
  await using client = await connect(server);
  env.addCapability({ name: 'late', protocol: 'test/1', url: 'tcp://127.0.0.1:1' });
  expect((await client.binding('late')).name).toBe('late');
});

test('five megabytes travel as prompt and as answer', async () => {
  await using server = await bind(await conformanceEnvironment());
  await using client = await connect(server);
  const { prompt } = await client.start('big', { bytes: 5 << 20 });
  expect((prompt as string).length).toBe(5 << 20);
  await client.start('echo', { tag: 't' });
  const answer = 'é'.repeat(5 << 19);
  expect((await client.grade(answer)).raw.answer).toBe(answer);
});

test('an answer beyond what the server announced is refused before it is sent', async () => {
  await using server = await bind(await conformanceEnvironment(), { maxFrameBytes: 100_000 });
  await using client = await connect(server);
  await client.start('echo', { tag: 'kept' });
  expect(await errorOf(client.grade('x'.repeat(200_000)))).toMatchObject({ code: 'FRAME_TOO_LARGE' });
  expect((await client.grade('short')).raw.tag).toBe('kept');
});

test('a call that is abandoned closes the connection', async () => {
  await using server = await bind(await conformanceEnvironment());
  await using client = await connect(server);
  const abort = new AbortController();
  const starting = errorOf(client.start('slow', { ms: 60_000 }, { signal: abort.signal }));
  await new Promise((resolve) => setImmediate(resolve)); // the request is under way
  abort.abort(new HudError('CANCELLED', 'enough'));
  expect((await starting).message).toContain('enough');
  expect(client.closed.aborted).toBe(true);
});

test('a session is resumed from another connection with its secret', async () => {
  await using server = await bind(await conformanceEnvironment());
  const first = await connect(server);
  await first.start('echo', { tag: 'mine' });
  const session = { id: first.sessionId, secret: first.sessionSecret ?? '' };
  await first.close();
  await using second = await connect(server, { session, readyTimeout: 5 });
  expect(second.sessionId).toBe(session.id);
  expect((await second.grade('x')).raw.tag).toBe('mine');
});

test('A1: where a secret is required nothing is controlled without it', async () => {
  await using server = await bind(await conformanceEnvironment(), { secret: 'open sesame', requireSecret: true });
  expect((await errorOf(connect(server))).code).toBe('UNAUTHORIZED');
  expect((await errorOf(connect({ ...address(server), secret: 'wrong' }))).code).toBe('UNAUTHORIZED');
  for (const method of ['tasks.list', 'tasks.start', 'tasks.grade', 'tasks.cancel', 'bye']) {
    const wire = new Wire(server.port);
    wire.write(`{"id":1,"method":"${method}","params":{"id":"echo"}}\n`);
    expect(JSON.parse(await wire.line())).toMatchObject({ error: { code: -32001 } });
    wire.drop();
  }
  const stream = new Wire(server.port);
  stream.write('{"id":1,"method":"tunnel.open","params":{"capability":"echo"}}\n');
  expect(JSON.parse(await stream.line())).toMatchObject({ error: { code: -32001 } });
});

test('A1: a secret that is not required lets loopback peers in without one, but not with a wrong one', async () => {
  await using server = await bind(await conformanceEnvironment(), { secret: 'open sesame' });
  await using client = await connect(server);
  expect(client.env.name).toBe('conformance');
  expect((await errorOf(connect({ ...address(server), secret: 'wrong' }))).code).toBe('UNAUTHORIZED');
});

test('A2: a ticket opens the stream of its own capability and session, and controls nothing', async () => {
  await using server = await bind(await conformanceEnvironment(), { secret: 's', requireSecret: true });
  const control = new Wire(server.port);
  control.write('{"id":1,"method":"hello","params":{"max_frame":65536,"secret":"s"}}\n');
  const { result } = JSON.parse(await control.line()) as { result: { session_id: string; tickets: Record<string, string> } };
  const open = async (params: JsonObject): Promise<JsonObject> => {
    const wire = new Wire(server.port);
    wire.write(`${JSON.stringify({ id: 1, method: 'tunnel.open', params })}\n`);
    return JSON.parse(await wire.line()) as JsonObject;
  };
  const { session_id, tickets } = result;
  expect(await open({ capability: 'echo', session_id, ticket: tickets.echo })).toMatchObject({ result: { capability: 'echo' } });
  expect(await open({ capability: 'late', session_id, ticket: tickets.echo })).toMatchObject({ error: { code: -32001 } });
  expect(await open({ capability: 'echo', session_id: 'sess-other', ticket: tickets.echo })).toMatchObject({ error: { code: -32001 } });
  const thief = new Wire(server.port);
  thief.write(`{"id":1,"method":"hello","params":{"secret":"${tickets.echo}"}}\n`);
  expect(JSON.parse(await thief.line())).toMatchObject({ error: { code: -32001 } });
});

test('A3: solutions are shown to whoever presented the secret, or where that is allowed', async () => {
  const make = (): Environment => {
    const env = new Environment('e');
    env.template({ id: 'sum', solution: () => '42' }, async function* () {
      const answer = yield '6 * 7?';
      yield answer === '42' ? 1 : 0;
    });
    return env;
  };
  const solve = async (options: Parameters<typeof bind>[1], secret?: string): Promise<unknown> => {
    await using server = await bind(make(), options);
    await using client = await connect({ ...address(server), secret });
    await client.start('sum');
    return await client.solve().catch((error: unknown) => (error as HudError).code);
  };
  expect(await solve({})).toBe('UNAUTHORIZED');
  expect(await solve({ secret: 's' })).toBe('UNAUTHORIZED');
  expect(await solve({ secret: 's' }, 's')).toBe('42');
  expect(await solve({ allowSolutions: true })).toBe('42');
});

test('S10: a server that stops closes live, parked and busy tasks with their clean-up, then runs the shutdown hooks', async () => {
  const log: string[] = [];
  const env = new Environment('e');
  env.initialize(() => log.push('initialize'));
  env.shutdown(() => log.push('shutdown 1'));
  env.shutdown(() => {
    log.push('shutdown 2');
    throw new Error('ignored');
  });
  env.template({ id: 'wait' }, async function* () {
    try {
      yield 'p';
    } finally {
      log.push('cleaned');
    }
  });
  env.template({ id: 'hang' }, async function* (_args, { signal }) {
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    log.push('interrupted');
    yield 'never';
  });
  const server = await bind(env);
  const live = await connect(server);
  await live.start('wait');
  const parked = await connect(server);
  await parked.start('wait');
  await parked.close();
  const busy = await connect(server);
  const starting = busy.start('hang').catch(() => {});
  await expect.poll(() => busy.closed.aborted).toBe(false);
  await live.listTasks(); // a round trip: the server has seen the hang-up and the start by now
  await server.close();
  await server.close();
  await starting;
  expect(log.toSorted()).toEqual(['cleaned', 'cleaned', 'initialize', 'interrupted', 'shutdown 1', 'shutdown 2']);
  expect(log.slice(-2)).toEqual(['shutdown 2', 'shutdown 1']);
});

test('an occupied port is an error that names it, and the shutdown hooks have run', async () => {
  await using first = await bind(new Environment('a'));
  const env = new Environment('b');
  let wasShutDown = false;
  env.shutdown(() => (wasShutDown = true));
  const error = await errorOf(bind(env, { port: first.port }));
  expect(error).toMatchObject({ code: 'PORT_IN_USE', message: expect.stringContaining(String(first.port)) as string });
  expect(wasShutDown).toBe(true);
});

test('an initialize hook that fails stops what was started and can be tried again', async () => {
  const env = new Environment('e');
  const log: string[] = [];
  let fails = true;
  env.initialize(() => log.push('first'));
  env.initialize(() => {
    if (fails) throw new Error('no disk');
  });
  env.shutdown(() => log.push('shutdown'));
  expect(await errorOf(bind(env))).toMatchObject({ code: 'TEMPLATE_FAILED', message: expect.stringContaining('no disk') as string });
  fails = false;
  await using _server = await bind(env);
  expect(log).toEqual(['first', 'shutdown', 'first']);
});

test('a connection that says nothing is dropped', async () => {
  await using server = await bind(new Environment('e'), { firstFrameMs: 50 });
  const wire = new Wire(server.port);
  expect(await wire.untilEnd()).toBe('');
});

test('a line beyond the limit is answered with an error before the connection closes', async () => {
  await using server = await bind(new Environment('e'), { maxFrameBytes: 1_000 });
  const wire = new Wire(server.port);
  wire.write('x'.repeat(2_000));
  expect(JSON.parse(await wire.line())).toMatchObject({
    id: null,
    error: { code: -32700, message: expect.stringContaining('1000 bytes') as string },
  });
  await wire.untilEnd();
});

test('parked tasks are bounded in number and in time', async () => {
  const warnings: string[] = [];
  await using server = await bind(await conformanceEnvironment(), {
    maxParked: 1,
    parkingSeconds: 0.2,
    onWarning: (message) => warnings.push(message),
  });
  for (const tag of ['a', 'b']) {
    const wire = new Wire(server.port);
    wire.write(`{"id":1,"method":"tasks.start","params":{"id":"echo","args":{"tag":"${tag}"}}}\n`);
    await wire.line();
    wire.drop();
    await expect.poll(() => warnings.length).toBe(tag === 'a' ? 0 : 1);
  }
  expect(warnings[0]).toContain('too many');
  await expect.poll(() => warnings.length).toBe(2);
  expect(warnings[1]).toContain('in time');
});

function address({ host, port }: { host: string; port: number }): { host: string; port: number } {
  return { host, port };
}

test('a cancel right behind a start reaches it', async () => {
  await using server = await bind(await conformanceEnvironment());
  await using client = await connect(server);
  const starting = errorOf(client.start('slow', { ms: 60_000 }));
  await client.cancel();
  expect((await starting).message).toContain('cancelled');
});

test('a stream flows to whoever listens', async () => {
  await using server = await bind(await conformanceEnvironment());
  await using client = await connect(server);
  const stream = await client.stream('echo');
  const heard = new Promise((resolve) => stream.on('data', (chunk: Uint8Array) => resolve(Buffer.from(chunk).toString())));
  stream.write('hello');
  expect(await heard).toBe('hello');
  stream.destroy();
});
