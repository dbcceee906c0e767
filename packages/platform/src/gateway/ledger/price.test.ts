import { expect, test } from 'vitest';
import { costUsd, estimateUsd, promptTokens } from './price.ts';
import type { ModelCall } from '../seams.ts';

const price = { input: 3, output: 15, cachedInput: 0.3, cacheWrite: 3.75 };

test('cached and written parts of a prompt have prices of their own', () => {
  const usage = { promptTokens: 1_000_000, completionTokens: 100_000, cachedTokens: 400_000, cacheWriteTokens: 100_000 };
  expect(costUsd(usage, price)).toBeCloseTo(0.5 * 3 + 0.4 * 0.3 + 0.1 * 3.75 + 0.1 * 15, 10);
  expect(costUsd(usage, { input: 3, output: 15 })).toBeCloseTo(3 + 1.5, 10);
});

test('beyond the length that a vendor names, all of the call costs what long prompts do', () => {
  const tiered = { ...price, long: { aboveTokens: 200_000, input: 6, output: 22.5, cachedInput: 0.6, cacheWrite: 7.5 } };
  const usage = { promptTokens: 200_000, completionTokens: 100_000 };
  expect(costUsd(usage, tiered)).toBeCloseTo(0.2 * 3 + 0.1 * 15, 10);
  expect(costUsd({ ...usage, promptTokens: 200_001, cachedTokens: 1 }, tiered)).toBeCloseTo(0.2 * 6 + 0.000_001 * 0.6 + 0.1 * 22.5, 10);
});

test('what the upstream says it charged comes first, and an unknown price stays unknown', () => {
  expect(costUsd({ promptTokens: 10, completionTokens: 10, costUsd: 0.25 }, price)).toBe(0.25);
  expect(costUsd({ promptTokens: 10, completionTokens: 10 }, undefined)).toBeUndefined();
});

test('the estimate covers the whole request and the longest reply that it allows', () => {
  const call = (more: object): number =>
    estimateUsd({ body: Buffer.alloc(3_000, 'a b'), operation: 'generate', model: {} as ModelCall['model'], ...more }, price);
  expect(call({ maxOutputTokens: 1_000 })).toBeCloseTo((1_000 * 3.75 + 1_000 * 15) / 1e6, 10);
  expect(call({ model: { maxOutputTokens: 100 } as ModelCall['model'] })).toBeCloseTo((1_000 * 3.75 + 100 * 15) / 1e6, 10);
  expect(call({ operation: 'embed' })).toBeCloseTo((1_000 * 3.75) / 1e6, 10);
});

test('a picture counts as a picture, not as a megabyte of text', () => {
  const picture = Buffer.alloc(750_000, 7).toString('base64');
  const body = Buffer.from(JSON.stringify({ messages: [{ text: 'What is this?' }, { url: `data:image/png;base64,${picture}` }] }));
  expect(promptTokens(body)).toBeGreaterThan(3_000);
  expect(promptTokens(body)).toBeLessThan(3_100);
  expect(promptTokens(Buffer.from(JSON.stringify({ text: 'word '.repeat(30_000) })))).toBeGreaterThan(45_000);
});
