import { describe, expect, test } from 'vitest';
import { HudError, RUN_CLASSES, isErrorCode, isHudError, messageOf, toHudError } from './errors.ts';

describe('an error', () => {
  test('keeps its code, hint, number, evidence and cause', () => {
    const cause = new Error('why');
    const error = new HudError('PORT_IN_USE', 'taken', { hint: 'another', rpcCode: -32602, data: { port: 1 }, cause });
    expect(error).toMatchObject({
      name: 'HudError',
      code: 'PORT_IN_USE',
      message: 'taken',
      hint: 'another',
      rpcCode: -32602,
      data: { port: 1 },
      cause,
    });
    expect(new HudError('PORT_IN_USE', 'taken')).not.toHaveProperty('cause');
  });

  test.each([
    ['RUNTIME_EXITED', 'boot'],
    ['CONNECTION_LOST', 'sandbox'],
    ['RUNTIME_LIMIT', 'limit'],
    ['MODEL_RATE_LIMITED', 'provider'],
    ['GRADE_INVALID', 'grader'],
    ['CANCELLED', 'cancelled'],
    ['ROLLOUT_TIMEOUT', 'timeout'],
    ['UNKNOWN', 'agent'],
  ] as const)('%s ends a rollout as %s', (code, faultClass) => {
    expect(new HudError(code, 'x').faultClass).toBe(faultClass);
    expect(RUN_CLASSES).toContain(faultClass);
  });

  test('of ours passes through; one of another copy of this package is ours too', () => {
    const ours = new HudError('BAD_TASK', 'x');
    expect(toHudError(ours, 'AGENT_FAILED')).toBe(ours);
    const other = Object.assign(new Error('x'), { name: 'HudError', code: 'BAD_TASK' });
    expect(isHudError(other)).toBe(true);
    expect(isHudError(Object.assign(new Error('x'), { name: 'HudError', code: 'NO_SUCH_CODE' }))).toBe(false);
    expect(isHudError({ name: 'HudError', code: 'BAD_TASK' })).toBe(false);
  });

  test('of anyone else becomes ours, with the cause kept', () => {
    const cause = new TypeError('x is not a function');
    expect(toHudError(cause)).toMatchObject({ code: 'UNKNOWN', message: 'x is not a function', cause });
    expect(toHudError('text', 'AGENT_FAILED')).toMatchObject({ code: 'AGENT_FAILED', message: 'text', cause: 'text' });
  });

  test('code is one of the list, not a property of every object', () => {
    expect([isErrorCode('BAD_TASK'), isErrorCode('toString'), isErrorCode('__proto__'), isErrorCode(1)]).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });
});

describe('the message', () => {
  const loop: Record<string, unknown> = {};
  loop.self = loop;

  test.each<[string, unknown, string]>([
    ['an error', new Error('x'), 'x'],
    ['an error without a message', new RangeError(), 'RangeError'],
    ['several errors', new AggregateError([new Error('a'), 'b']), 'a; b'],
    ['several errors with a message', new AggregateError([new Error('a')], 'all failed'), 'all failed'],
    ['a text', 'x', 'x'],
    ['nothing', undefined, 'undefined'],
    ['null', null, 'null'],
    ['a symbol', Symbol('s'), 'Symbol(s)'],
    ['an object with a message', { message: 'x', code: 1 }, 'x'],
    ['an object', { status: 500 }, '{"status":500}'],
    ['an object without a prototype', Object.create(null), '{}'],
    ['a circular object', loop, '[object Object]'],
  ])('of %s is readable', (_what, thrown, message) => expect(messageOf(thrown)).toBe(message));
});
