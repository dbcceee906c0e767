/** Task files: good tasks, or an error about the file; what loads can be written and loads again as the same. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Taskset } from '../../packages/hud/src/eval/taskset.ts';
import { isHudError } from '../../packages/hud/src/protocol/errors.ts';
import { stringifyJson } from '../../packages/hud/src/protocol/json.ts';
import { taskSignature } from '../../packages/hud/src/protocol/sync.ts';
import type { Task } from '../../packages/hud/src/protocol/task.ts';
import { JSON_TOKENS, deepText, jsonText, objectText, stringText, type Words } from '../json-text.ts';
import { mutate } from '../mutate.ts';
import type { Random } from '../random.ts';
import { scratch, type Scratch } from '../scratch.ts';
import { Failure, shapeOf, type Target } from '../target.ts';

const ROW_WORDS: Words = {
  keys: [
    'env id args slug validation agent_config columns runtime_config verifier agentConfig runtimeConfig timeout_seconds max_steps',
    'system_prompt resources cpu memory_mb gpu type count limits startup_timeout_s compose document root image a word n',
  ].flatMap((line) => line.split(' ')),
  strings: ['letters', 'count', 'strawberry', 'count-a', 'compose.yaml', '../x', '/abs/x.yaml', '', 'linux', 'A100', '1', 'true'],
};
const CSV_TOKENS = [
  '"',
  '""',
  ',',
  '\n',
  '\r\n',
  '\r',
  ';',
  '\t',
  'arg:',
  'arg:n',
  'slug',
  'id',
  'env',
  '\ufeff',
  '[1]',
  '{"a":1.0}',
  '{',
  '\u0000',
];
const TOKENS = [...JSON_TOKENS, ...CSV_TOKENS, ...ROW_WORDS.keys.map((key) => `"${key}":`)];
const SUFFIXES = ['.json', '.jsonl', '.csv'] as const;
/** What is wrong with a file of this kind; any other code would blame something else. */
const REFUSALS = ['BAD_TASK', 'DUPLICATE_SLUG'];

let place: Scratch;
let folder = '';

/** An input is the file's suffix, a newline, and the file. */
export const tasks: Target = {
  name: 'tasks',
  weight: 70,
  known: {
    'a library printed': 'papaparse warns on the console of columns with the same name, and renames them.',
  },
  extension: '.txt',
  generate,
  check,
  open: async () => {
    place = await scratch();
    folder = place.path;
  },
  close: async () => await place[Symbol.asyncDispose](),
};

function generate(random: Random, pool: readonly Uint8Array[]): Uint8Array {
  if (pool.length > 0 && random.chance(0.5)) {
    const [suffix, content] = parted(random.pick(pool));
    const others = pool.map((input) => parted(input)[1]);
    return joined(random.chance(0.9) ? suffix : random.pick(SUFFIXES), mutate(random, content, { tokens: TOKENS, pool: others }));
  }
  const suffix = random.pick(SUFFIXES);
  return joined(suffix, Buffer.from(contentOf(suffix, random)));
}

function contentOf(suffix: string, random: Random): string {
  if (random.chance(0.01)) return deepText(random);
  const rows = Array.from({ length: random.below(5) }, () => rowText(random));
  if (suffix === '.json') return random.chance(0.8) ? `[${rows.join(',')}]` : (rows[0] ?? 'null');
  if (suffix === '.jsonl') return rows.join(random.pick(['\n', '\r\n', '\n\n']));
  return csvText(random);
}

/** A row with most members as they should be. */
function rowText(random: Random): string {
  if (random.chance(0.05)) return jsonText(random, ROW_WORDS);
  const value = (good: string): string => (random.chance(0.95) ? good : jsonText(random, ROW_WORDS, 2));
  const members = [`"env":${value('"letters"')}`, `"id":${value('"count"')}`];
  const optional: readonly (readonly [string, () => string])[] = [
    ['args', () => objectText(random, ROW_WORDS, 3)],
    ['slug', () => stringText(random, ROW_WORDS)],
    ['columns', () => objectText(random, ROW_WORDS, 2)],
    ['validation', () => `[${objectText(random, ROW_WORDS, 2)}]`],
    ['agent_config', () => `{"max_steps":${value('3')},"timeout_seconds":${value('1.5')},"system_prompt":${value('"x"')}}`],
    ['runtime_config', () => `{"resources":{"cpu":${value('2.0')},"memory_mb":${value('512')}}}`],
    ['runtime_config', () => `{"compose":{"document":${value(random.pick(['"c.yaml"', '"/c.yaml"', '""', '"../c"', '{}']))}}}`],
    ['verifier', () => `{"env":"letters","id":"check","args":${objectText(random, ROW_WORDS, 2)}}`],
  ];
  for (const [key, make] of optional) if (random.chance(0.3)) members.push(`"${key}":${value(make())}`);
  return `{${members.join(random.chance(0.98) ? ',' : '')}}`;
}

function csvText(random: Random): string {
  const columns = [
    'slug',
    'id',
    'env',
    'arg:a',
    'arg:n',
    ...(random.chance(0.2) ? [random.pick(['arg:', '__proto__', 'arg:__proto__', 'id', ''])] : []),
  ];
  const cell = (): string =>
    random.pick(['', 'x', '1', '1.0', '" "', '"a,b"', '"a""b"', '"[1, 2.0]"', '"{""n"": 1.0}"', '[', '"line\nbreak"', 'é', '\u2028']);
  const rows = Array.from({ length: random.below(4) }, (_, i) => [`s${i}`, 'count', 'letters', ...columns.slice(3).map(cell)].join(','));
  return [columns.join(','), ...rows].join(random.pick(['\n', '\r\n'])) + random.pick(['', '\n', '\n\n']);
}

async function check(input: Uint8Array): Promise<string> {
  const [suffix, content] = parted(input);
  const path = join(folder, `tasks${suffix}`);
  await writeFile(path, content);
  let loaded: Taskset;
  try {
    loaded = await Taskset.fromFile(path);
  } catch (error) {
    if (!isHudError(error)) throw error;
    if (!REFUSALS.includes(error.code)) throw new Failure(`a task file was refused with ${error.code}`, error.message);
    return `${suffix} ${error.code} ${shapeOf(error.message.replace(path, 'the file'))}`;
  }
  for (const task of loaded) taskSignature(task);
  for (const target of ['.json', '.jsonl']) await expectRoundTrip(loaded, join(folder, `again${target}`));
  await expectCsv(loaded, join(folder, 'again.csv'));
  return `${suffix} ${Math.min(loaded.size, 2)} tasks with ${[...new Set([...loaded].flatMap((task) => Object.keys(task.toJSON())))].toSorted().join(' ')}`;
}

async function expectRoundTrip(loaded: Taskset, path: string): Promise<void> {
  await loaded.toFile(path);
  const again = await Taskset.fromFile(path).catch((error: unknown) => {
    throw new Failure('what was written does not load again', String(error));
  });
  const [before, after] = [texts(loaded), texts(again)];
  if (before.length !== after.length)
    throw new Failure('another number of tasks after writing and loading', `${before.length}, ${after.length}`);
  for (const [i, text] of before.entries()) {
    if (text !== after[i]) throw new Failure('a task differs after writing and loading', `${text}\n${after[i]}`);
  }
}

/** Lossy on purpose, so only this is asked: it is written, and read back it is tasks or an error about the file. */
async function expectCsv(loaded: Taskset, path: string): Promise<void> {
  await loaded.toFile(path);
  try {
    const again = await Taskset.fromFile(path);
    const [before, after] = [loaded, again].map((set) => JSON.stringify([...set].map(({ slug, id, env }) => [slug, id, env].map(inUtf8))));
    if (before !== after) throw new Failure('CSV loses a task or its name', `${before}\n${after}`);
  } catch (error) {
    if (!isHudError(error) || !REFUSALS.includes(error.code)) throw error;
    throw new Failure('what was written as CSV does not load again', error.message);
  }
}

/** Half a surrogate pair can be written as JSON, where it has an escape, and nowhere else. */
function inUtf8(text: string): string {
  return text.toWellFormed();
}

function texts(tasks: Iterable<Task>): string[] {
  return [...tasks].map((task) => stringifyJson(task.toJSON()).replace(/\/+"/g, '"')); // a path loses its last slash
}

function parted(input: Uint8Array): [suffix: string, content: Uint8Array] {
  const at = input.indexOf(10);
  const suffix = SUFFIXES.find((known) => known === Buffer.from(input.subarray(0, Math.max(0, at))).toString());
  return suffix === undefined ? ['.json', input] : [suffix, input.subarray(at + 1)];
}

function joined(suffix: string, content: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`${suffix}\n`), content]);
}
