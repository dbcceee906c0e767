/** What a bench leaves on disk: one JSON of results, and beside it every sample, one a line. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import type { ContestRun } from './contest.ts';
import type { Contest, Row } from './contract.ts';
import type { Fence } from './fence.ts';
import { resultOf, type MeasureResult } from './verdict.ts';

export interface ContestResult {
  what: string;
  reference: string;
  /** Others' processor time can spoil its blocks. */
  isTimed: boolean;
  /** Taken, discarded ones among them. */
  blocks: number;
  discards: ({ block: number } & Fence)[];
  originalAbsent?: string;
  failure?: string;
  measures: MeasureResult[];
}

export interface RowResult {
  id: string;
  title: string;
  contests: ContestResult[];
}

export interface BenchFile {
  startedAt: string;
  seed: number;
  blocksWanted: number;
  isQuick: boolean;
  isPinned: boolean;
  machine: Record<string, string | number>;
  /** Versions of the Python package, or why it is absent; undefined where no row asked for it. */
  original?: string;
  rows: RowResult[];
}

export function contestResult(contest: Contest, run: ContestRun, random: () => number): ContestResult {
  return {
    what: contest.what,
    reference: contest.reference,
    isTimed: contest.isTimed !== false,
    blocks: run.blocks.length,
    discards: run.blocks.flatMap(({ fence }, index) => (fence.isClean ? [] : [{ block: index + 1, ...fence }])),
    ...(run.originalAbsent === undefined ? {} : { originalAbsent: run.originalAbsent }),
    ...(run.failure === undefined ? {} : { failure: run.failure }),
    measures: contest.measures.map((measure) => resultOf(measure, run.blocks, random)),
  };
}

/** One JSON line for each sample of the contest. */
export function sampleLines(row: Row, contest: Contest, run: ContestRun): string {
  const lines = run.blocks.flatMap(({ samples, fence }, index) =>
    samples.map((sample) => JSON.stringify({ row: row.id, what: contest.what, block: index + 1, isClean: fence.isClean, ...sample })),
  );
  return lines.map((line) => `${line}\n`).join('');
}

/** @returns the path of the samples, beside `path` */
export async function writeResults(path: string, file: BenchFile, samples: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${JSON.stringify(file, null, 2)}\n`);
  const beside = `${path.replace(/\.json$/, '')}.samples.jsonl`;
  await writeFile(beside, samples);
  return beside;
}

export async function machineFacts(root: string): Promise<Record<string, string | number>> {
  const hud = JSON.parse(await readFile(join(root, 'packages/hud/package.json'), 'utf8')) as { version: string };
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryMiB: Math.round(totalmem() / 1024 / 1024),
    kernel: release(),
    platform: `${process.platform} ${process.arch}`,
    node: process.versions.node,
    hud: hud.version,
  };
}
