import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tempDir } from '../packages/hud/src/testing/temp-dir.ts';
import { runCampaign, type CampaignOptions, type CampaignResult } from './campaign.ts';
import { CORPUS } from './corpus.ts';
import { minimize } from './minimize.ts';
import { readOptions } from './options.ts';
import { Random } from './random.ts';
import { readJson } from './reference-json.ts';
import { shapeOf } from './target.ts';
import { TARGETS } from './targets/index.ts';

const QUICK: Readonly<Record<string, number>> = { frames: 2_000, cli: 2_000, server: 2_000, tasks: 500, store: 30 };

describe.concurrent('a quick run', () => {
  test.each(TARGETS.map(({ target, module }) => ({ name: target.name, target, module })))(
    '$name bears its corpus and inputs that nobody has seen',
    async ({ name, target: { extension, known = {} }, module }) => {
      const inputs = QUICK[name] ?? 0;
      const seed = String(Math.floor(Math.random() * 1_000_000));
      await using folder = await tempDir('hud-fuzz-test-');
      await cp(join(CORPUS, name), folder.path, { recursive: true }); // what fails is written into the copy
      const result = await runCampaign({ name, module, exportName: name, extension, seed, inputs, known, corpus: folder.path });
      const unknown = result.failures.filter((failure) => failure.known === undefined);
      expect(
        unknown.map(({ signature, details }) => `${signature}\n${details}`),
        `seed ${seed}`,
      ).toEqual([]);
      expect(result.corpus).toBeGreaterThan(10);
      expect(result.tried).toBe(result.corpus + inputs);
    },
  );
});

describe.concurrent('a planted fault', () => {
  const planted = (exportName: string, corpus: string, more: Partial<CampaignOptions> = {}): Promise<CampaignResult> =>
    runCampaign({
      name: exportName,
      module: import.meta.resolve('./planted.fixture.ts'),
      exportName,
      extension: '.bin',
      seed: '1',
      inputs: 3_000,
      corpus,
      ...more,
    });

  test('is found, made small, written down, and found again by a replay', async () => {
    await using folder = await tempDir('hud-fuzz-test-');
    const { failures } = await planted('splitsTooMuch', folder.path);
    expect(failures).toHaveLength(1);
    const [failure] = failures;
    expect(failure?.signature).toBe('another number of frames');
    expect(failure?.path).toMatch(/fails-another-number-of-frames-[0-9a-f]{6}\.bin$/);
    const text = Buffer.from(failure?.input ?? []).toString();
    expect(text).toContain('\u2028');
    expect(text.length).toBeLessThan(12);
    const replayed = await planted('splitsTooMuch', folder.path, { replay: [failure?.path ?? ''] });
    expect(replayed.failures.map(({ signature }) => signature)).toEqual(['another number of frames']);
  });

  test('is found at the same input with the same seed', async () => {
    await using folder = await tempDir('hud-fuzz-test-');
    await using other = await tempDir('hud-fuzz-test-');
    const [one, two] = await Promise.all([planted('splitsTooMuch', folder.path), planted('splitsTooMuch', other.path)]);
    expect(one.failures[0]?.input).toEqual(two.failures[0]?.input);
    expect(one.failures[0]?.times).toBe(two.failures[0]?.times);
    expect(one.classes).toBe(two.classes);
  });

  test('that never ends is stopped and told with its input, and the run goes on', async () => {
    await using folder = await tempDir('hud-fuzz-test-');
    const { failures } = await planted('neverEnds', folder.path, { inputs: 20, hangMs: 300 });
    expect(failures.map(({ signature }) => signature)).toEqual(['an input never ends']);
    expect(failures[0]?.times).toBeGreaterThan(1);
    expect(Buffer.from(failures[0]?.input ?? []).toString()).toContain(':');
  });

  test('that ends the process is told with its input', async () => {
    await using folder = await tempDir('hud-fuzz-test-');
    const { failures } = await planted('dies', folder.path, { inputs: 20 });
    expect(failures.map(({ signature }) => signature)).toEqual(['the process ended: exit code 9']);
    expect(Buffer.from(failures[0]?.input ?? []).toString()).toContain('{');
  });

  test('that leaves a rejection behind is told', async () => {
    await using folder = await tempDir('hud-fuzz-test-');
    const { failures } = await planted('forgets', folder.path, { inputs: 50 });
    expect(failures.map(({ signature }) => signature)).toEqual(['something was thrown where nobody waits']);
    expect(failures[0]?.details).toContain('forgotten');
    expect(failures[0]?.input).toHaveLength(21);
  });

  test('that keeps memory is told', async () => {
    await using folder = await tempDir('hud-fuzz-test-');
    const { failures } = await planted('growing', folder.path, { inputs: 10_000 });
    expect(failures.map(({ signature }) => signature)).toEqual(['memory grows']);
  });

  test('that is known is told with its reason, and not written down', async () => {
    await using folder = await tempDir('hud-fuzz-test-');
    const known = { 'another number of frames': 'planted', 'something else': 'never seen' };
    const { failures, absent } = await planted('splitsTooMuch', folder.path, { known });
    expect(failures.map((failure) => [failure.known, failure.path])).toEqual([['planted', undefined]]);
    expect(absent).toEqual(['something else']);
  });
});

test('the minimiser keeps what a failure needs and nothing else', async () => {
  const items = Array.from({ length: 500 }, (_, i) => i);
  const kept = await minimize(items, async (fewer) => fewer.includes(17) && fewer.includes(400));
  expect(kept).toEqual([17, 400]);
});

test('the same seed gives the same numbers, another one others', () => {
  const numbers = (seed: string): number[] => {
    const random = new Random(seed);
    return Array.from({ length: 50 }, () => random.below(1_000));
  };
  expect(numbers('a')).toEqual(numbers('a'));
  expect(numbers('a')).not.toEqual(numbers('b'));
  expect(new Set(numbers('a')).size).toBeGreaterThan(30);
});

test.each([
  { text: '{"a":[1,NaN,-Infinity,"\\u0041"]}', kind: 'value' },
  { text: ' [] ', kind: 'value' },
  { text: '01', kind: 'invalid' },
  { text: '"\t"', kind: 'invalid' },
  { text: '[1,]', kind: 'invalid' },
  { text: '{} {}', kind: 'invalid' },
  { text: '['.repeat(5_000), kind: 'too deep' },
])('the second reader finds $text $kind', ({ text, kind }) => {
  expect(readJson(text).kind).toBe(kind);
});

test('messages that differ only in what they quote have one shape', () => {
  expect(shapeOf("There is no task 'a' in x: 12")).toBe(shapeOf("There is no task 'bc' in x: 7"));
  expect(shapeOf('not JSON: "a"')).not.toBe(shapeOf('not UTF-8: "a"'));
});

test.each([
  { words: ['--inputs', '0'], message: /--inputs takes a whole number above 0/ },
  { words: ['--minutes', 'x'], message: /--minutes takes a number above 0/ },
  { words: ['--only', 'nothing'], message: /no target 'nothing'; targets: frames/ },
  { words: ['--replay', 'x'], message: /--replay needs exactly one --only/ },
  { words: ['--nope'], message: /nope/ },
])('$words is wrong usage', ({ words, message }) => {
  expect(() => readOptions(words, ['frames'])).toThrow(message);
});
