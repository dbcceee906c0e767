/**
 * The record's files, damaged: opening and reading gives good data or an error that says so, a file that is refused
 * stays as it is, and rows are never wrong in silence where SQLite's own check would have told.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { isHudError } from '../../packages/hud/src/protocol/errors.ts';
import { openStore, type Store } from '../../packages/hud/src/store/index.ts';
import type { Random } from '../random.ts';
import { scratch, type Scratch } from '../scratch.ts';
import { Failure, jsonParts, shapeOf, type Target } from '../target.ts';
import { damage, randomStep, randomSteps, type Step } from './store-damage.ts';
import { filesIn, makeRecord, type Files, type RecordFiles } from './store-files.ts';

const LOG_HEADER_BYTES = 32;

let place: Scratch;
let folder = '';
let directory = '';
let record: RecordFiles = { closed: new Map(), open: new Map(), blobs: [] };
/** What is read from the files when nothing happened to them. */
let whole: { closed: Answers; open: Answers };

/** An input is a list of steps, see `store-damage.ts`. */
export const store: Target = {
  name: 'store',
  weight: 20,
  extension: '.json',
  parts: jsonParts,
  known: {
    'wrong rows are read in silence from a record that was closed':
      'SQLite reads only the pages that a question needs. The whole is checked on opening when a small record was not closed, else by `hud doctor`: some 2 ms a MiB.',
  },
  generate: (random, pool) => jsonParts.join(stepsFrom(random, pool)),
  check,
  open: async () => {
    place = await scratch();
    folder = place.path;
    directory = join(folder, '.hud');
    record = await makeRecord();
    whole = { closed: await readWhole(record.closed), open: await readWhole(record.open) };
  },
  close: async () => await place[Symbol.asyncDispose](),
};

function stepsFrom(random: Random, pool: readonly Uint8Array[]): Step[] {
  if (pool.length === 0 || random.chance(0.6)) return randomSteps(random, record);
  const steps = jsonParts.split(random.pick(pool)) as Step[];
  steps.splice(random.below(steps.length + 1), random.below(2), randomStep(random, record.open));
  return steps;
}

/** What each question was answered with: data as JSON, or an error's code and message. */
type Answers = Map<string, { data?: string; error?: string }>;

async function check(input: Uint8Array): Promise<string> {
  const steps = jsonParts.split(input) as Step[];
  const base = steps.some((step) => step.do === 'while-open') ? 'open' : 'closed';
  const readOnly = steps.some((step) => step.do === 'read-only');
  const files = damage(record[base], steps);
  await put(files, directory);
  const answers = await ask(readOnly);
  const refusal = answers.get('open')?.error;
  const after = await filesIn(directory);
  if (refusal !== undefined) expectUntouched(files, after);
  if (readOnly) expectUntouched(files, after);
  if (refusal === undefined) expectLogKept(files, after);
  const changed = [...whole[base]]
    .filter(([question, { data }]) => isOfDatabase(question) && isWrong(answers.get(question), data))
    .map(([question]) => question);
  if (changed.length > 0 && refusal === undefined) await expectSound(files, changed);
  return refusal ?? classOf(answers, whole[base]);
}

async function put(files: Files, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  for (const folder of new Set([...files.keys()].map((name) => dirname(join(to, name))))) await mkdir(folder, { recursive: true });
  await mkdir(to, { recursive: true });
  for (const [name, bytes] of files) await writeFile(join(to, name), bytes);
}

async function readWhole(files: Files): Promise<Answers> {
  await put(files, directory);
  const answers = await ask(false);
  for (const { error } of answers.values())
    if (error !== undefined) throw new Error(`The record can't be read before anything happened to it: ${error}`);
  return answers;
}

async function ask(readOnly: boolean): Promise<Answers> {
  const answers: Answers = new Map();
  const opened: { store?: Store } = {};
  await answer(answers, 'open', async () => {
    opened.store = await openStore({ directory, readOnly, busyTimeoutMs: 100 });
    return 'opened';
  });
  if (opened.store === undefined) return answers;
  try {
    await askAll(opened.store, answers);
  } finally {
    await answer(answers, 'close', async () => (await opened.store?.close()) ?? 'closed');
  }
  return answers;
}

async function askAll(store: Store, answers: Answers): Promise<void> {
  await answer(answers, 'jobs', async () => (await store.listJobs()).items);
  await answer(answers, 'leases', () => store.listLeases());
  for (const id of ['ab000000000000000000000000000001', 'ab000000000000000000000000000002']) {
    await answer(answers, `job ${id}`, async () => (await store.getJob(id)) ?? null);
    await answer(answers, `tasks of ${id}`, () => store.listTasks(id));
    await answer(answers, `runs of ${id}`, async () => (await store.listRuns(id, { limit: 1_000 })).items);
  }
  for (let n = 1; n <= 16; n++) {
    const traceId = `cd${n.toString(16).padStart(30, '0')}`;
    await answer(answers, `run ${n}`, async () => (await store.getRun(traceId)) ?? null);
    await answer(answers, `spans of run ${n}`, async () => (await store.listSpans(traceId, { limit: 1_000 })).items);
  }
  for (const sha256 of record.blobs) {
    await answer(answers, `blob ${sha256}`, async () => {
      const blob = await store.getBlob(sha256);
      return blob === undefined ? null : [blob.mediaType, Buffer.from(blob.bytes).toString('base64')];
    });
  }
}

async function answer(answers: Answers, question: string, work: () => Promise<unknown>): Promise<void> {
  try {
    answers.set(question, { data: JSON.stringify(await work()) });
  } catch (error) {
    if (!isHudError(error)) throw error;
    if (!isExpected(error.code, error.message))
      throw new Failure(`reading failed with ${error.code}: ${shapeOf(withoutPaths(error.message))}`, `${question}\n${error.stack}`);
    answers.set(question, { error: `${error.code} ${shapeOf(withoutPaths(error.message))}` });
  }
}

function isExpected(code: string, message: string): boolean {
  return code.startsWith('STORE_') || (code === 'BAD_ARGUMENT' && message.startsWith('There is no record at'));
}

/** The index of the log is made anew by whoever opens it. */
function expectUntouched(before: Files, after: Files): void {
  for (const [name, bytes] of before) {
    if (name.endsWith('-shm')) continue;
    const now = after.get(name);
    if (now === undefined) throw new Failure(`${nameOf(name)} is gone after the record was refused or only read`);
    if (Buffer.compare(now, bytes) !== 0) throw new Failure(`${nameOf(name)} was changed although the record was refused or only read`);
  }
}

/** Without its database SQLite takes a log for a leftover and deletes it, with all that it holds. */
function expectLogKept(before: Files, after: Files): void {
  const isEmpty = (before.get('hud.db')?.length ?? 0) === 0;
  if (isEmpty && (before.get('hud.db-wal')?.length ?? 0) > LOG_HEADER_BYTES && !after.has('hud.db-wal'))
    throw new Failure('a log without its database is deleted, and an empty record begun');
}

/** A blob is a file of its own, with its own checksum; one that was removed is answered with undefined, as the contract says. */
function isOfDatabase(question: string): boolean {
  return !question.startsWith('blob');
}

/** Data that differs from what was stored. An error, or nothing asked, is not. */
function isWrong(actual: { data?: string } | undefined, stored: string | undefined): boolean {
  return actual?.data !== undefined && actual.data !== stored;
}

/** Rows differ and nobody said so: then the file must look sound to SQLite as well. */
async function expectSound(files: Files, changed: readonly string[]): Promise<void> {
  const copy = join(folder, 'copy');
  await put(files, copy);
  const found = integrityOf(join(copy, 'hud.db'));
  const how = (files.get('hud.db-wal')?.length ?? 0) > LOG_HEADER_BYTES ? 'was not closed' : 'was closed';
  if (found !== 'ok')
    throw new Failure(
      `wrong rows are read in silence from a record that ${how}`,
      `PRAGMA integrity_check says: ${found}\nWrong: ${changed.join(', ')}`,
    );
}

function integrityOf(path: string): string {
  try {
    const db = new DatabaseSync(path);
    try {
      const rows = db.prepare('PRAGMA integrity_check(5)').all();
      return rows.map((row) => String(Object.values(row)[0])).join('; ');
    } finally {
      db.close();
    }
  } catch (error) {
    return (error as Error).message; // too damaged to be checked
  }
}

function classOf(answers: Answers, expected: Answers): string {
  const kinds = new Set<string>();
  for (const [question, { data, error }] of answers) {
    if (error !== undefined) kinds.add(`${kindOf(question)}: ${error}`);
    else if (data !== expected.get(question)?.data) kinds.add(`${kindOf(question)}: other data`);
  }
  return kinds.size === 0 ? 'all is as it was' : [...kinds].toSorted().join(', ');
}

function kindOf(question: string): string {
  return question.replace(/ (?:of )?(?:run )?[0-9a-f]+$/, '');
}

function nameOf(file: string): string {
  return file.startsWith('blobs') ? 'a blob' : file;
}

function withoutPaths(message: string): string {
  return message.replaceAll(directory, '/…');
}
