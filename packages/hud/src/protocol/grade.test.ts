import { describe, expect, test } from 'vitest';
import { EvaluationResult, UNGRADED, evaluationOf, parseGrade } from './grade.ts';
import { parseJson } from './json.ts';

/** What the Python package sends for an evaluation result. */
const FRAME = parseJson(`{"score":0.75,"done":true,"content":"close","info":{"max":256},"isError":false,
 "subscores":[{"name":"judge","weight":1.0,"value":0.75,"children":null,"info":{"model":"m"}}]}`);

describe('a grade', () => {
  test.each<[unknown, string]>([
    [{}, 'got none'],
    [{ score: true }, 'got boolean true'],
    [{ score: '1' }, 'got string 1'],
    [{ score: null }, 'got null'],
    [{ score: NaN }, 'got number NaN'],
    [{ score: -Infinity }, 'got number -Infinity'],
    [{ score: 1n }, 'got bigint 1'],
    [{ score: [1] }, 'got an Array'],
    [{ reward: 1 }, 'got none'],
    [[], 'got none'],
    [null, 'got none'],
    [1, 'got none'],
  ])('is not made of %o', (frame, reason) => {
    expect(() => parseGrade(frame)).toThrow(expect.objectContaining({ code: 'GRADE_INVALID', rpcCode: -32603 }) as Error);
    expect(() => parseGrade(frame)).toThrow(reason);
  });

  test('is made of a bare score', () => {
    expect(parseGrade({ score: 0 })).toEqual({ reward: 0, done: true, info: {}, isError: false, raw: { score: 0 } });
  });

  test('is made of a full frame, kept verbatim beside it', () => {
    const grade = parseGrade(FRAME);
    expect(grade).toMatchObject({ reward: 0.75, done: true, content: 'close', info: { max: 256 }, isError: false });
    expect(grade.raw).toBe(FRAME);
    expect(evaluationOf(grade)).toEqual({
      score: 0.75,
      done: true,
      content: 'close',
      info: { max: 256 },
      isError: false,
      subscores: [{ name: 'judge', weight: 1, value: 0.75, children: null }],
    });
  });

  test('may be negative or above 1, and failed', () => {
    expect(parseGrade({ score: -0.5, isError: true, content: 'judge is down' })).toMatchObject({ reward: -0.5, isError: true });
    expect(parseGrade({ score: 7 }).reward).toBe(7);
  });

  test('takes nulls where fields may be null', () => {
    expect(parseGrade({ score: 1, content: null, info: null, subscores: null })).toMatchObject({ reward: 1, info: {} });
  });

  test("that was never given is no reward and no frame, and can't be changed by accident", () => {
    expect(UNGRADED).toMatchObject({ reward: 0, raw: {} });
    expect(Object.isFrozen(UNGRADED)).toBe(true);
  });
});

describe('subscores', () => {
  test('may call info metadata, at every level; reports leave it out', () => {
    const leaf = { name: 'b', value: 1, weight: -1, metadata: { k: 2 } };
    const grade = parseGrade({ score: 0.5, subscores: [{ name: 'a', value: 0.5, metadata: { k: 1 }, children: [leaf] }], extra: 1 });
    expect(grade.subscores).toEqual([
      { name: 'a', value: 0.5, weight: 1, info: { k: 1 }, children: [{ name: 'b', value: 1, weight: -1, info: { k: 2 } }] },
    ]);
    expect(evaluationOf(grade)).toEqual({
      score: 0.5,
      extra: 1,
      subscores: [{ name: 'a', weight: 1, value: 0.5, children: [{ name: 'b', weight: -1, value: 1, children: null }] }],
    });
  });

  test.each<[unknown, string]>([
    [{ name: 'a', value: 1.01 }, '[0].value'],
    [{ name: 'a', value: -0.01 }, '[0].value'],
    [{ name: 'a', value: NaN }, '[0].value'],
    [{ value: 1 }, '[0].name'],
    [{ name: 'a', value: 1, other: 1 }, 'other'],
    [{ name: 'a', value: 1, children: [{ name: 'b', value: 2 }] }, '[0].children[0].value'],
  ])('%o are refused, naming the place', (subscore, place) => {
    expect(() => parseGrade({ score: 1, subscores: [subscore] })).toThrow(place);
  });
});

test('an evaluation result has defaults for everything and keeps what it does not know', () => {
  expect(EvaluationResult.parse({})).toEqual({ reward: 0, done: true, info: {}, isError: false });
  expect(EvaluationResult.parse({ reward: 1, custom: { a: 1 } })).toMatchObject({ reward: 1, custom: { a: 1 } });
});
