import { describe, expect, test } from 'vitest';
import { decode, encode } from './codec.ts';
import { HudError } from './errors.ts';
import { encodeFrame } from './frames.ts';
import { HelloParams, HelloResult, TaskEntry, errorFromWire, errorReply, request, resultReply } from './messages.ts';

describe('an error on the wire', () => {
  test('arrives as it left: code, message, hint, number', () => {
    const reply = errorReply(7, new HudError('PORT_IN_USE', 'taken', { hint: 'another', rpcCode: -32602 }));
    expect(reply).toEqual({
      jsonrpc: '2.0',
      id: 7,
      error: { code: -32602, message: 'taken', data: { code: 'PORT_IN_USE', hint: 'another' } },
    });
    expect(errorFromWire(reply.error)).toMatchObject({ code: 'PORT_IN_USE', message: 'taken', hint: 'another', rpcCode: -32602 });
  });

  test('is -32000 unless it says otherwise, and has id null when the request could not be read', () => {
    expect(errorReply(undefined, new HudError('GRADE_FAILED', 'x'))).toMatchObject({ id: null, error: { code: -32000 } });
    expect(errorReply(0, new HudError('GRADE_FAILED', 'x')).id).toBe(0);
  });

  test.each<[unknown, object]>([
    [
      { code: -32601, message: 'method not found: x' },
      { code: 'RPC_ERROR', rpcCode: -32601, message: 'method not found: x' },
    ],
    [
      { code: -32000, message: '' },
      { code: 'RPC_ERROR', rpcCode: -32000, message: expect.stringContaining('without a message') as unknown },
    ],
    [
      { code: -32000, message: 'm', data: { code: 'toString', hint: 5 } },
      { code: 'RPC_ERROR', hint: undefined },
    ],
    [
      { code: '-32000', message: 5, data: [] },
      { code: 'RPC_ERROR', rpcCode: undefined },
    ],
    ['text', { code: 'RPC_ERROR', rpcCode: undefined }],
    [null, { code: 'RPC_ERROR' }],
  ])('of another make, %o, is readable', (body, error) => expect(errorFromWire(body)).toMatchObject(error));
});

test('envelopes are those of JSON-RPC; ids of any kind are echoed', () => {
  const text = (message: Parameters<typeof encodeFrame>[0]): string => Buffer.from(encodeFrame(message)).toString();
  expect(text(request(1, 'tasks.list', {}))).toBe('{"jsonrpc":"2.0","id":1,"method":"tasks.list","params":{}}\n');
  for (const id of [0, 1.5, 'abc', { a: 1 }])
    expect(text(resultReply(id, {}))).toBe(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{}}\n`);
});

describe('hello', () => {
  const pythonReply = {
    session_id: 'sess-1f0c9a2b',
    env: { name: 'counter', version: '0.0.1' },
    bindings: [{ name: 'shell', protocol: 'ssh/2', url: 'ssh://127.0.0.1:40123', params: { user: 'agent', camelCase: 1, snake_case: 2 } }],
  };

  test('of a Python environment is read, and written back the same', () => {
    const hello = decode(HelloResult, pythonReply);
    expect(hello).toMatchObject({ sessionId: 'sess-1f0c9a2b', env: { name: 'counter' } });
    expect(hello).not.toHaveProperty('maxFrame');
    expect(encode(HelloResult, hello)).toEqual(pythonReply);
  });

  test('is read when params of a binding are null or missing, or there are no bindings', () => {
    for (const params of [{ params: null }, {}]) {
      const binding = { name: 'a', protocol: 'x/1', url: 'tcp://h:1', ...params };
      expect(decode(HelloResult, { ...pythonReply, bindings: [binding] }).bindings[0]?.params).toEqual({});
    }
    expect(decode(HelloResult, { session_id: 's', env: { name: 'e', version: '1' } }).bindings).toEqual([]);
  });

  test.each([
    [{ ...pythonReply, session_id: undefined }, 'session_id'],
    [{ ...pythonReply, env: { name: 'e' } }, 'env.version'],
    [{ ...pythonReply, bindings: [{ name: 'a', protocol: 'x/1' }] }, 'bindings[0].url'],
  ])('without what it must have is refused by name (%#)', (reply, name) => {
    expect(() => decode(HelloResult, reply, { what: 'hello' })).toThrow(`hello is malformed: ${name}`);
  });

  test('tickets keep the names of capabilities', () => {
    expect(
      encode(HelloResult, {
        sessionId: 's',
        env: { name: 'e', version: '1' },
        tickets: { myShell: 't', my_shell: 'u' },
        sessionSecret: 'x',
        maxFrame: 65_536,
      }),
    ).toMatchObject({ session_secret: 'x', max_frame: 65_536, tickets: { myShell: 't', my_shell: 'u' } });
  });

  test('may not announce less than every peer reads, nor take a session id that is no text', () => {
    expect(() => decode(HelloParams, { max_frame: 65_535 })).toThrow('max_frame');
    expect(() => decode(HelloParams, { session_id: 5 })).toThrow('session_id');
    expect(decode(HelloParams, { session_id: '', future_member: 1 })).toMatchObject({ sessionId: '' });
  });
});

test('a task of the manifest keeps its schemas as they are', () => {
  const entry = {
    id: 'fix_bug',
    description: '',
    args: {
      type: 'object',
      additionalProperties: false,
      required: ['difficulty'],
      properties: { difficulty: { title: 'Difficulty', type: 'integer', 'x-hud-hint': 'prompt' } },
    },
  };
  expect(encode(TaskEntry, decode(TaskEntry, entry))).toEqual(entry);
  expect(decode(TaskEntry, { id: 'a', description: null })).toEqual({ id: 'a', description: '', args: {} });
});
