/**
 * Our numbers, on your machine: each row beside its floor, in blocks that alternate.
 *
 *   npm run bench -- [P1 P4 …] [--blocks N] [--seed S] [--quick] [--pin] [--json out.json] [--list]
 *
 * Without names all rows run. Goals are judged by the unlucky end of a 95 % interval. Exit code 1 means
 * that a contest could not be run; a goal that is missed is a result.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { runContest } from './contest.ts';
import type { Context, Row } from './contract.ts';
import { contestResult, machineFacts, sampleLines, writeResults, type BenchFile, type RowResult } from './result-file.ts';
import { rows } from './rows/index.ts';
import { originalVersion } from './original.ts';
import { makeScratch } from './scratch.ts';
import { randomFrom } from './statistics.ts';
import { formatRow } from './table.ts';

const root = join(import.meta.dirname, '..');
const BLOCKS = 15;
const QUICK_BLOCKS = 3;
const WITH_ORIGINAL = 3;

process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      blocks: { type: 'string' },
      seed: { type: 'string' },
      quick: { type: 'boolean', default: false },
      pin: { type: 'boolean', default: false },
      json: { type: 'string' },
      list: { type: 'boolean', default: false },
    },
  });
  if (values.list) return list();
  if (!existsSync('/proc/stat')) throw new Error("The bench needs Linux's /proc to see who else uses the processors.");
  const chosen = chooseRows(positionals);
  const startedAt = new Date().toISOString();
  const wanted = wholeNumber('--blocks', values.blocks) ?? (values.quick ? QUICK_BLOCKS : BLOCKS);
  const seed = wholeNumber('--seed', values.seed) ?? Date.now() % 1_000_000;
  const file: BenchFile = {
    startedAt,
    seed,
    blocksWanted: wanted,
    isQuick: values.quick,
    isPinned: values.pin,
    machine: await machineFacts(root),
    rows: [],
  };
  console.log(`${describe(file)}\n`);
  await using scratch = await makeScratch(join(root, '.tools'));
  const samples = await runRows(chosen, file, { isQuick: values.quick, isPinned: values.pin, seed, scratch });
  const original = await originalVersion();
  if (original !== undefined) console.log(`The Python package: ${original}.`);
  const path =
    values.json === undefined ? join(import.meta.dirname, 'results', `${startedAt.replace(/[:.]/g, '-')}.json`) : resolve(values.json);
  await writeResults(path, original === undefined ? file : { ...file, original }, samples);
  console.log(`\n${path}`);
  return file.rows.some((row) => row.contests.some((contest) => contest.failure !== undefined)) ? 1 : 0;
}

/** @returns the samples, one a line */
async function runRows(chosen: readonly Row[], file: BenchFile, context: Context): Promise<string> {
  let samples = '';
  const random = randomFrom(file.seed);
  for (const row of chosen) {
    const result: RowResult = { id: row.id, title: row.title, contests: [] };
    for (const contest of row.contests) {
      const run = await runContest(contest, context, {
        wanted: file.blocksWanted,
        withOriginal: file.isQuick ? 1 : WITH_ORIGINAL,
        random,
        onBlock: ({ fence }) => process.stderr.write(fence.isClean ? '.' : 'x'),
      });
      process.stderr.write('\n');
      result.contests.push(contestResult(contest, run, random));
      samples += sampleLines(row, contest, run);
    }
    file.rows.push(result);
    console.log(`${formatRow(result, file)}\n`);
  }
  return samples;
}

function describe({ machine, seed, blocksWanted, isQuick, isPinned }: BenchFile): string {
  const facts = Object.entries(machine).map(([name, value]) => `${name} ${value}`);
  const quick = isQuick ? '\nQUICK: few, small samples. It shows that rows run; it proves no goal.' : '';
  return `${facts.join(', ')}\nseed ${seed}, ${blocksWanted} blocks, ${isPinned ? 'pinned' : 'not pinned'}${quick}`;
}

function list(): number {
  for (const row of rows) {
    console.log(`${row.id}  ${row.title}`);
    for (const contest of row.contests) console.log(`      ${contest.what}`);
  }
  return 0;
}

function chooseRows(names: readonly string[]): readonly Row[] {
  if (names.length === 0) return rows;
  const known = new Map(rows.flatMap((row) => [row.id, ...(row.also ?? [])].map((name) => [name.toLowerCase(), row] as const)));
  const chosen = names.map((name) => {
    const row = known.get(name.toLowerCase());
    if (row === undefined) throw new Error(`There is no row ${name}. Rows: ${rows.map(({ id }) => id).join(', ')}.`);
    return row;
  });
  return [...new Set(chosen)];
}

function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new Error(`${name} takes a whole number above 0, got ${text}.`);
  return value;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
