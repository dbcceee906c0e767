import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { decode, encode } from './codec.ts';
import { HudError, toHudError } from './errors.ts';
import { FrameReader, encodeFrame } from './frames.ts';
import { evaluationOf, parseGrade } from './grade.ts';
import { dashedUuid, normalizeEnvironmentName, normalizeTraceId } from './ids.ts';
import type { JsonObject } from './json.ts';
import { errorFromWire, errorReply } from './messages.ts';
import { Step } from './trace.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('frames', () => {
  test('any cut of the bytes gives the same frames', () => {
    const frame = fc.dictionary(fc.string(), fc.oneof(fc.string({ unit: 'grapheme' }), fc.integer(), fc.boolean()));
    fc.assert(fc.property(fc.array(frame, { maxLength: 5 }), fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (frames, cuts) => {
      const all = Buffer.concat(frames.map((value) => encodeFrame(value as JsonObject)));
      const reader = new FrameReader();
      const read: JsonObject[] = [];
      for (let at = 0, i = 0; at < all.length; i++) {
        const size = cuts[i % cuts.length] as number;
        reader.push(all.subarray(at, at + size));
        at += size;
        for (let next = reader.next(); next !== undefined; next = reader.next()) read.push(next);
      }
      expect(JSON.stringify(read)).toBe(JSON.stringify(frames));
      expect(reader.rest()).toHaveLength(0);
    }));
  });

  test('what follows a frame is left alone', () => {
    const reader = new FrameReader();
    reader.push(bytes('{"a":1}\n\u0000raw\nbytes'));
    expect(reader.next()).toEqual({ a: 1 });
    expect(Buffer.from(reader.rest()).toString()).toBe('\u0000raw\nbytes');
    expect(reader.next()).toBeUndefined();
  });

  test.each([[65_536, true], [65_537, false]])('a line of %i bytes with a limit of 65,536', (length, fits) => {
    const reader = new FrameReader(65_536);
    const line = `{"a":"${'x'.repeat(length - 8)}"}`;
    expect(line).toHaveLength(length);
    const read = (): unknown => {
      reader.push(bytes(`${line}\n`));
      return reader.next();
    };
    if (fits) expect(read()).toHaveProperty('a');
    else expect(read).toThrow(expect.objectContaining({ code: 'FRAME_TOO_LARGE' }) as Error);
  });

  test('an endless line is refused before it ends', () => {
    const reader = new FrameReader(100);
    reader.push(bytes('x'.repeat(101)));
    expect(() => reader.next()).toThrow('more than 100 bytes');
  });

  test.each([['[1]', -32600], ['5', -32600], ['null', -32600], ['{nope', -32700], ['', -32700], ['{"a":1}x', -32700]])('%s is no frame', (line, rpcCode) => {
    const reader = new FrameReader();
    reader.push(bytes(`${line}\n`));
    expect(() => reader.next()).toThrow(expect.objectContaining({ code: 'PROTOCOL_ERROR', rpcCode }) as Error);
  });

  test('a byte order mark, a carriage return, and a last line without newline are fine', () => {
    const reader = new FrameReader();
    reader.push(Buffer.concat([Buffer.from('efbbbf', 'hex'), bytes('{"a":1}\r\n{"b":2}')]));
    expect([reader.next(), reader.next(), reader.last()]).toEqual([{ a: 1 }, undefined, { b: 2 }]);
  });

  test('64 MiB in pieces of 64 KiB take no quadratic time', () => {
    const reader = new FrameReader();
    const piece = Buffer.alloc(65_536, 0x20);
    const startedAt = performance.now();
    reader.push(bytes('{"a":1'));
    for (let i = 0; i < 1_023; i++) {
      reader.push(piece);
      expect(reader.next()).toBeUndefined();
    }
    reader.push(bytes('}\n'));
    expect(reader.next()).toEqual({ a: 1 });
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });
});

describe('the codec', () => {
  const shape = z.looseObject({ someKey: z.int(), isError: z.boolean().meta({ wire: 'isError' }), args: z.record(z.string(), z.unknown()), list: z.array(z.object({ innerKey: z.string() })).optional() });

  test('renames what the schema declares and nothing else', () => {
    const value = { someKey: 1, isError: true, args: { camelCase: { snake_case: 1 } }, list: [{ innerKey: 'x' }], extraKey: 1 };
    const wire = { some_key: 1, isError: true, args: { camelCase: { snake_case: 1 } }, list: [{ inner_key: 'x' }], extraKey: 1 };
    expect(encode(shape, value)).toEqual(wire);
    expect(decode(shape, wire)).toEqual(value);
  });

  test('errors name the path as the wire spells it', () => {
    expect(() => decode(shape, { some_key: 'x', isError: true, args: {} }, { what: 'The reply' })).toThrow(/The reply is malformed: some_key: expected/);
  });

  test('every kind of step survives the round trip', () => {
    const steps: Step[] = [
      { source: 'agent', stepId: 1, content: 'x', toolCalls: [{ id: 'c', name: 't', arguments: { camelArg: 1, snake_arg: 2 }, providerName: 'p' }, { id: 'd', name: 't', arguments: '{"broken' }], usage: { promptTokens: 1, costUsd: 0.5 }, sample: { promptTokenIds: [1], outputTokenIds: [2], outputLogprobs: [-0.5] }, citations: [{ type: 'url_citation', text: 't', source: 's', startIndex: 1 }], finishReason: 'stop' },
      { source: 'tool', call: { id: 'c', name: 't', arguments: {} }, result: { content: [{ type: 'image', data: 'AA==', mimeType: 'image/png' }], isError: true, structuredContent: { someKey: 1 }, callId: 'c' } },
      { source: 'task', taskCall: { phase: 'evaluate', name: 't', result: { isError: false, someInfo: 1 } } },
      { source: 'user', messages: [{ role: 'user', content: { type: 'text', text: 'hi' } }] },
    ];
    for (const step of steps) {
      const wire = encode(Step, step) as JsonObject;
      expect(decode(Step, wire)).toEqual(Step.parse(step));
    }
    expect(encode(Step, steps[0] as Step)).toMatchObject({ tool_calls: [{ provider_name: 'p', arguments: { camelArg: 1, snake_arg: 2 } }, {}], usage: { prompt_tokens: 1, cost_usd: 0.5 }, finish_reason: 'stop' });
    expect(encode(Step, steps[1] as Step)).toMatchObject({ result: { isError: true, structuredContent: { someKey: 1 }, call_id: 'c', content: [{ mimeType: 'image/png' }] } });
  });
});

describe('grades', () => {
  test.each([{}, { score: true }, { score: '1' }, { score: null }, { score: NaN }, [], null])('%o is no grade', (frame) => {
    expect(() => parseGrade(frame)).toThrow(expect.objectContaining({ code: 'GRADE_INVALID', rpcCode: -32603 }) as Error);
  });

  test('subscores are checked; metadata is another name of info; their details are left out of reports', () => {
    const grade = parseGrade({ score: 0.5, subscores: [{ name: 'a', value: 0.5, metadata: { k: 1 }, children: [{ name: 'b', value: 1, weight: -1 }] }], extra: 1 });
    expect(grade.subscores?.[0]).toMatchObject({ weight: 1, info: { k: 1 }, children: [{ weight: -1 }] });
    expect(evaluationOf(grade)).toEqual({ score: 0.5, extra: 1, subscores: [{ name: 'a', weight: 1, value: 0.5, children: [{ name: 'b', weight: -1, value: 1, children: null }] }] });
    expect(() => parseGrade({ score: 1, subscores: [{ name: 'a', value: 2 }] })).toThrow('subscores');
    expect(() => parseGrade({ score: 1, subscores: [{ name: 'a', value: 1, other: 1 }] })).toThrow('subscores');
  });
});

describe('ids', () => {
  test.each([
    ['03DD2A73-D3DF-4D10-A54A-E3D87C2D530D', '03dd2a73d3df4d10a54ae3d87c2d530d'],
    ['run-1', 'a1512d2b077d52699e52b7122739c297'],
    ['trace-abc', '31a65bb204e051bda8313fba21321461'],
    ['abc', '8121658521d75715a73a68c4c57dd2e3'],
  ])('the trace id of %s', (id, hex) => expect(normalizeTraceId(id)).toBe(hex));

  test('32 characters that are not all hexadecimal are a name', () => {
    expect(normalizeTraceId(`${'a'.repeat(31)}g`)).toMatch(/^[0-9a-f]{12}5/);
    expect(dashedUuid('03dd2a73d3df4d10a54ae3d87c2d530d')).toBe('03dd2a73-d3df-4d10-a54a-e3d87c2d530d');
  });

  test.each([['My Env_1', 'my-env-1'], ['a.b/c', 'abc'], ['__', 'environment']])('the environment name of %s', (name, normalized) =>
    expect(normalizeEnvironmentName(name)).toBe(normalized));
});

test('an error crosses the wire with its code and hint, and one without a code is readable too', () => {
  const reply = errorReply(7, new HudError('PORT_IN_USE', 'taken', { hint: 'another', rpcCode: -32602 }));
  expect(errorFromWire(reply.error)).toMatchObject({ code: 'PORT_IN_USE', message: 'taken', hint: 'another', rpcCode: -32602 });
  expect(errorFromWire({ code: -32000, message: '' })).toMatchObject({ code: 'RPC_ERROR', rpcCode: -32000 });
  expect(errorFromWire({ code: -32000, message: 'm', data: { code: 'toString' } }).code).toBe('RPC_ERROR');
  const plain = new TypeError('x is not a function');
  expect(toHudError(plain)).toMatchObject({ code: 'UNKNOWN', message: 'x is not a function', cause: plain });
});
