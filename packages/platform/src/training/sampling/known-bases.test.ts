import { expect, test } from 'vitest';
import type { BaseModel } from '../engine.ts';
import { KnownBases } from './known-bases.ts';

const BASE: BaseModel = { name: 'base', contextLength: 8, tokenizer: () => Promise.reject(new Error('unread')) };

test('an engine that had no models is asked again, more and more seldom, until it has', async () => {
  const told: string[] = [];
  const log = { error: (_message: string, values?: object) => told.push(JSON.stringify(values)), info: () => told.push('again') };
  const answers: (() => Promise<BaseModel[]>)[] = [];
  let [now, asked] = [0, 0];
  const ask = async (): Promise<BaseModel[]> => {
    asked += 1;
    return await (answers.shift() ?? (async () => await Promise.reject(new Error('down'))))();
  };
  const bases = new KnownBases({ ask, log, now: () => now });
  expect(await bases.within(1_000)).toEqual([]);
  expect(bases.missing).toMatchObject({ status: 503, message: 'The training engine has no models: down.', options: { retryAfter: 1 } });
  for (const [at, count] of [
    [999, 1],
    [1_000, 2],
    [2_999, 2],
    [3_000, 3],
  ] as const) {
    now = at;
    await bases.within(1_000);
    expect([at, asked]).toEqual([at, count]);
  }
  answers.push(() => Promise.resolve([BASE]));
  now = 60_000;
  expect(bases.known).toEqual([]);
  expect(await bases.within(1_000)).toEqual([BASE]);
  expect([bases.known, asked, told]).toEqual([[BASE], 4, ['{"reason":"down"}', 'again']]);
});

test('who asks for something else waits no longer than they say', async () => {
  const log = { error: () => {}, info: () => {} };
  let answer: (bases: BaseModel[]) => void = () => {};
  const bases = new KnownBases({ ask: async () => await new Promise((resolve) => (answer = resolve)), log });
  expect(await bases.within(5)).toEqual([]);
  const waiting = bases.within(60_000);
  answer([BASE]);
  expect(await waiting).toEqual([BASE]);
});
