/** Does the database agree with itself? SQLite reads only the pages that a question needs, so some damage shows only here. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { DatabaseSync } from 'node:sqlite';
import { damaged } from './store-errors.ts';

const LOG_HEADER_BYTES = 32;
/** Takes some 2 ms; larger ones are left to {@link checkWhole}. */
const SMALL_BYTES = 1024 * 1024;

/** Is there a log with something in it: because the last writer did not close the record, or still writes? */
export function hasLog(location: string): boolean {
  return sizeOf(`${location}-wal`) > LOG_HEADER_BYTES;
}

/**
 * Checks a record that was perhaps not closed properly, when that takes next to no time.
 * @throws HudError STORE_DAMAGED
 */
export function checkSmall(db: DatabaseSync, location: string): void {
  if (!hasLog(location) || sizeBytes(location) > SMALL_BYTES) return;
  const found = String(db.prepare('PRAGMA integrity_check(1)').get()?.integrity_check);
  if (found !== 'ok') throw damaged(location, found);
}

export interface Integrity {
  /** What contradicts itself, in SQLite's words; a few of each table. */
  problems: string[];
  /** Why not everything was looked at. */
  incomplete?: string;
}

export interface CheckOptions {
  /** @default 60_000 */
  timeoutMs?: number;
  signal?: AbortSignal;
  /** Called before each table. */
  onProgress?: (step: { table: string; index: number; count: number }) => void;
}

/**
 * Reads every page of the record's database: some 5 s a GiB from memory, more from a disk. Others may write meanwhile.
 * In a process of its own, because SQLite would stop this one for as long and can't be interrupted.
 * @param directory of the record
 */
export async function checkWhole(directory: string, { timeoutMs = 60_000, signal, onProgress }: CheckOptions = {}): Promise<Integrity> {
  const location = resolve(directory, 'hud.db');
  const deadline = AbortSignal.timeout(timeoutMs);
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '-e', CHECK, location], {
    stdio: ['ignore', 'pipe', 'ignore'],
    signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
    killSignal: 'SIGKILL',
  });
  const ended = once(child, 'close').catch((error: unknown) => error); // told below
  const problems: string[] = [];
  let incomplete: string | undefined = 'the process that checks it ended early';
  for await (const line of createInterface({ input: child.stdout })) {
    const step = JSON.parse(line) as { table?: string; index: number; count: number; problems?: string[]; failed?: string };
    if (step.table !== undefined) onProgress?.({ table: step.table, index: step.index, count: step.count });
    problems.push(...(step.problems ?? []));
    if (step.index === step.count) incomplete = undefined;
    incomplete = step.failed ?? incomplete;
  }
  await ended;
  if (signal?.aborted) incomplete = 'the check was interrupted';
  else if (deadline.aborted && incomplete !== undefined) incomplete = `the check takes longer than ${timeoutMs / 1000} s`;
  return { problems, ...(incomplete === undefined ? {} : { incomplete }) };
}

/** Table by table; that of the schema stands for the list of free pages too. */
const CHECK = `
  const say = (step) => require('node:fs').writeSync(1, JSON.stringify(step) + '\\n');
  let index = 0, count = -1;
  try {
    const db = new (require('node:sqlite').DatabaseSync)(process.argv[1], { readOnly: true, timeout: 5000 });
    db.exec('PRAGMA cell_size_check = ON');
    const tables = ['sqlite_schema', ...db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all().map(({ name }) => name)];
    count = tables.length;
    for (; index < count; index++) {
      say({ table: tables[index], index, count });
      const found = db.prepare('PRAGMA integrity_check("' + tables[index].replaceAll('"', '""') + '")').all();
      say({ index, count, problems: found.map((row) => row.integrity_check).filter((text) => text !== 'ok').slice(0, 3) });
    }
    say({ index, count });
  } catch (error) {
    const isDamage = [11, 26].includes(error.errcode & 0xff);
    say(isDamage ? { index: 0, count: 0, problems: [error.message] } : { index, count, failed: error.message });
  }`;

/** Of the database and its log; 0 when there is none. */
function sizeBytes(location: string): number {
  return sizeOf(location) + sizeOf(`${location}-wal`);
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
