import { Span, decode } from 'hud/protocol';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { problemOf } from './envelope.ts';
import { readSpanText } from './span.ts';

const traceId = '03dd2a73d3df4d10a54ae3d87c2d530d';
const span = {
  name: 'step.agent',
  trace_id: traceId,
  span_id: '5b1f0c9e7a2d4416',
  parent_span_id: null,
  kind: 'INTERNAL',
  start_time: '2026-08-21T10:00:00.125000Z',
  end_time: '2026-08-21T10:00:02.500000Z',
  status_code: 'OK',
  status_message: null,
  attributes: { 'hud.task_run_id': traceId },
  events: [{ name: 'exception', timestamp: '2026-08-21T10:00:02.500000Z', attributes: {} }],
};

const isReadable = (wire: unknown): boolean => {
  try {
    decode(Span, wire);
    return true;
  } catch {
    return false;
  }
};

describe('the envelope of a span', () => {
  test('is accepted as the Python package writes it, also without what may be left out', () => {
    expect(problemOf(span)).toBeUndefined();
    const { parent_span_id: _parent, kind: _kind, status_message: _message, events: _events, ...least } = span;
    expect(problemOf(least)).toBeUndefined();
    expect(isReadable(least)).toBe(true);
  });

  test('of any object is accepted only if whoever reads the record understands it', () => {
    const odd = fc.oneof(
      fc.constant(undefined),
      fc.constant(null),
      fc.string(),
      fc.integer(),
      fc.array(fc.jsonValue()),
      fc.dictionary(fc.string(), fc.jsonValue()),
    );
    const changes = fc.array(fc.tuple(fc.constantFrom(...Object.keys(span)), odd), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(changes, (members) => {
        const wire = JSON.parse(JSON.stringify({ ...span, ...Object.fromEntries(members) })) as unknown;
        if (problemOf(wire) === undefined) expect(isReadable(wire)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('has to name the run of the address', () => {
    expect(problemOf(span, traceId)).toBeUndefined();
    expect(problemOf(span, 'a1512d2b077d52699e52b7122739c297')).toContain('another run');
    expect(problemOf({ ...span, attributes: { 'hud.task_run_id': 'run-1' } })).toContain('different runs');
    expect(
      problemOf({ ...span, trace_id: 'a1512d2b077d52699e52b7122739c297', attributes: { 'hud.task_run_id': 'run-1' } }),
    ).toBeUndefined();
  });
});

test('any text is read or refused, and what is read is JSON', () => {
  const text = JSON.stringify(span);
  fc.assert(
    fc.property(fc.nat(text.length), fc.nat(20), fc.string(), (at, cut, insert) => {
      const read = readSpanText(text.slice(0, at) + insert + text.slice(at + cut));
      if (typeof read !== 'string') JSON.parse(read.row.body);
    }),
    { numRuns: 500 },
  );
});
