import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { bind } from '../src/environment/index.ts';
import { conformanceEnvironment } from './conformance-environment.ts';
import { Wire } from './wire.ts';

const root = join(import.meta.dirname, '../../../conformance');

interface Requirement {
  id: string;
  side: 'server' | 'client';
  behaviour: string;
}
interface Vector {
  name: string;
  requirements: string[];
  steps: [action: string, connection: string, value?: unknown][];
}
interface Fill {
  before: string;
  unit: string;
  count: number;
  after: string;
}

const requirements = JSON.parse(readFileSync(join(root, 'requirements.json'), 'utf8')) as Requirement[];
const files = readdirSync(join(root, 'vectors'));
const vectorsOf = (file: string): Vector[] => JSON.parse(readFileSync(join(root, 'vectors', file), 'utf8')) as Vector[];

for (const file of files) {
  describe(`our server, ${file}`, () => {
    test.each(vectorsOf(file).map((vector) => [`${vector.requirements.join(' ')}: ${vector.name}`, vector] as const))(
      '%s',
      async (_name, vector) => {
        await using server = await bind(await conformanceEnvironment());
        await play(vector, server.port);
      },
    );
  });
}

test('every rule is cited by a vector or a test, and every citation exists', () => {
  const tests = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.test.ts'));
  const inTests = tests
    .flatMap((name) => [
      ...readFileSync(join(import.meta.dirname, name), 'utf8').matchAll(/(?:test|test\.each\([^)]*\))\('([A-Z]\d+(?: [A-Z]\d+)*):/g),
    ])
    .flatMap(([, ids]) => (ids ?? '').split(' '));
  const cited = new Set([...files.flatMap((file) => vectorsOf(file).flatMap((vector) => vector.requirements)), ...inTests]);
  expect([...cited].toSorted()).toEqual(requirements.map(({ id }) => id).toSorted());
});

async function play(vector: Vector, port: number): Promise<void> {
  const wires = new Map<string, Wire>();
  const kept = new Map<string, string>();
  const fillIn = (text: string): string => text.replace(/\$\{(\w+)\}/g, (_, name: string) => kept.get(name) ?? '');
  try {
    for (const [action, name, value] of vector.steps) {
      if (action === 'wait') {
        await delay(value as number); // the vector's own pauses let the server notice a hang-up
        continue;
      }
      const wire = wires.get(name) ?? new Wire(port);
      wires.set(name, wire);
      await act(wire, action, value, { kept, fillIn });
    }
  } finally {
    for (const wire of wires.values()) wire.drop();
  }
}

async function act(
  wire: Wire,
  action: string,
  value: unknown,
  memory: { kept: Map<string, string>; fillIn: (text: string) => string },
): Promise<void> {
  switch (action) {
    case 'send':
      return wire.write(`${memory.fillIn(value as string)}\n`);
    case 'raw':
      return wire.write(value as string);
    case 'bytes':
      return wire.write(Buffer.from(value as string, 'hex'));
    case 'drip':
      return await wire.drip(`${value as string}\n`);
    case 'fill': {
      const { before, unit, count, after } = value as Fill;
      return wire.write(`${before}${unit.repeat(count)}${after}\n`);
    }
    case 'end':
      return wire.end();
    case 'drop':
      return wire.drop();
    case 'stream':
      return expect(await wire.text((value as string).length)).toBe(value);
    case 'closed': {
      const rest = (await wire.untilEnd()).trim();
      if (rest !== '') expect(JSON.parse(rest)).toMatchObject({ id: null, error: { code: expect.any(Number) as number } });
      return;
    }
    case 'expect': {
      const line = await wire.line();
      const { $maxBytes, ...expected } = value as { $maxBytes?: number };
      if ($maxBytes !== undefined) expect(Buffer.byteLength(line)).toBeLessThanOrEqual($maxBytes);
      return match(JSON.parse(line), expected, memory, line.slice(0, 400));
    }
    default:
      throw new Error(`Unknown action ${action}.`);
  }
}

/** Objects by the keys given; lists and values exactly. */
function match(
  actual: unknown,
  expected: unknown,
  memory: { kept: Map<string, string>; fillIn: (text: string) => string },
  where: string,
): void {
  if (typeof expected === 'string') return expect(actual, where).toBe(memory.fillIn(expected));
  if (typeof expected !== 'object' || expected === null) return expect(actual, where).toEqual(expected);
  if (Array.isArray(expected)) {
    expect(actual, where).toHaveLength(expected.length);
    return expected.forEach((item, i) => match((actual as unknown[])[i], item, memory, where));
  }
  const { $contains, $keep, $has, $absent } = expected as Record<string, unknown>;
  if ($contains !== undefined) return expect(String(actual), where).toContain($contains);
  if ($absent === true) return expect(actual, where).toBeUndefined();
  if ($keep !== undefined) {
    expect(actual, where).toBeDefined();
    memory.kept.set(String($keep), String(actual));
    return;
  }
  if ($has !== undefined) {
    const item = (actual as { id: unknown }[]).find(({ id }) => id === ($has as { id: unknown }).id);
    return match(item, $has, memory, where);
  }
  expect(actual, where).toBeTypeOf('object');
  for (const [key, value] of Object.entries(expected)) match((actual as Record<string, unknown>)[key], value, memory, `${where} at ${key}`);
}
