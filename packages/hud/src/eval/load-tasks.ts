/** Task rows out of files: JSON, JSON lines, CSV, or a source file's exports. */
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, isAbsolute, join, relative, resolve } from 'node:path';
import { isSourceFile, loadSource, loadSources, sourceFiles } from '../environment/index.ts';
import { HudError, messageOf, toHudError } from '../protocol/errors.ts';
import { isPlainObject, parseJson, stringifyJson, type JsonObject } from '../protocol/json.ts';
import { Task, isTask } from '../protocol/task.ts';

export interface LoadedTasks {
  name: string;
  tasks: Task[];
}

/** The source file or directory that the task was loaded from: where its environment can be served from. */
export function sourceOf(task: Task): string | undefined {
  const { origin } = task;
  return task.source ?? (origin?.env === task.env ? sourceOf(origin) : undefined);
}

function comesFrom(task: Task, source: string): void {
  task.source = source;
  if (task.verifier !== undefined) task.verifier.source = source;
}

/**
 * @param path `.json`, `.jsonl`, `.csv`, a source file, or a directory of source files
 * @throws HudError BAD_TASK naming file and row, BAD_SOURCE
 */
export async function loadTasks(path: string): Promise<LoadedTasks> {
  const absolute = resolve(path);
  const found = await stat(absolute).catch(() => undefined);
  if (found === undefined)
    throw new HudError('BAD_SOURCE', `There is no file or directory ${path}.`, {
      hint: 'Check the path; it is relative to the current directory.',
    });
  if (found.isDirectory() || isSourceFile(absolute)) return await loadModuleTasks(absolute);
  const reader = READERS[extname(absolute)];
  if (reader === undefined) {
    throw new HudError('BAD_SOURCE', `Tasks can't be read from ${path}.`, {
      hint: 'Use a .ts, .js, .json, .jsonl or .csv file, or a directory of sources.',
    });
  }
  const directory = dirname(absolute);
  const tasks: Task[] = [];
  for (const row of await reader(await readFile(absolute, 'utf8'), path)) {
    const task = taskOf(row, path, directory);
    comesFrom(task, directory);
    tasks.push(task);
  }
  return { name: stem(absolute), tasks };
}

/** Tasks that a source file, or every source file of a directory, exports. */
export async function loadModuleTasks(path: string): Promise<LoadedTasks> {
  const absolute = resolve(path);
  const isDirectory = (await stat(absolute)).isDirectory();
  const modules = isDirectory ? await loadSources(sourceFiles(absolute)) : [{ path: absolute, exports: await loadSource(absolute) }];
  const tasks = new Set<Task>(); // by identity: the same task is often exported twice
  for (const { path: file, exports } of modules) {
    for (const name of Object.keys(exports)
      .filter((key) => !key.startsWith('_'))
      .toSorted()) {
      for (const task of tasksIn(exports[name])) {
        if (!tasks.has(task)) comesFrom(task, file);
        tasks.add(task);
      }
    }
  }
  return { name: isDirectory ? basename(absolute) : stem(absolute), tasks: [...tasks] };
}

/** A task, the tasks of a list, or of anything with a name that can be walked (a taskset). */
function tasksIn(value: unknown): Task[] {
  if (isTask(value)) return [value];
  if (typeof value !== 'object' || value === null || !(Symbol.iterator in value) || value instanceof Map || value instanceof Set) return [];
  return [...(value as Iterable<unknown>)].filter(isTask);
}

interface Row {
  value: unknown;
  /** Where in the file: a line, counted from 1, or the place in a list, counted from 0. */
  line?: number;
  index?: number;
}

/** Gives rows one by one, so that what was read of one is gone before the next. */
type Reader = (text: string, path: string) => Iterable<Row> | Promise<Iterable<Row>>;

const READERS: Record<string, Reader> = { '.json': readJson, '.jsonl': readJsonLines, '.csv': readCsv };

/** Lossless: `1.0` and `1` are different arguments with different default slugs. */
function* readJson(text: string, path: string): Generator<Row> {
  const value = parseIn(text.replace(/^\uFEFF/, ''), path);
  const rows = Array.isArray(value) ? value : [value];
  for (const [index, row] of rows.entries()) yield { value: row, index };
}

function* readJsonLines(text: string, path: string): Generator<Row> {
  let start = text.startsWith('\uFEFF') ? 1 : 0;
  for (let line = 1; start < text.length; line++) {
    const end = text.indexOf('\n', start);
    const content = text.slice(start, end < 0 ? text.length : end);
    start = end < 0 ? text.length : end + 1;
    if (content.trim() !== '') yield { value: parseIn(content, path, line), line };
  }
}

/** Columns `slug,id,env,arg:<name>…`; a cell that starts like an object or list is read as JSON. */
async function readCsv(text: string, path: string): Promise<Iterable<Row>> {
  const { parse } = (await import('papaparse')).default;
  const { data, errors } = parse<Record<string, string>>(text.replace(/^\uFEFF/, ''), { header: true, skipEmptyLines: 'greedy' });
  const [problem] = errors;
  if (problem !== undefined) throw new HudError('BAD_TASK', `${path}:${(problem.row ?? 0) + 2}: ${problem.message}.`);
  return data.map((cells, i) => {
    const args: JsonObject = {};
    for (const [column, cell] of Object.entries(cells)) {
      if (column.startsWith('arg:') && cell !== '') args[column.slice(4)] = csvCell(cell);
    }
    return { value: { id: cells.id, env: cells.env, args, ...(cells.slug ? { slug: cells.slug } : {}) }, line: i + 2 };
  });
}

function csvCell(cell: string): unknown {
  if (!/^\s*[[{]/.test(cell)) return cell;
  try {
    return parseJson(cell, { lossless: true });
  } catch {
    return cell; // a text that happens to start with a bracket
  }
}

function parseIn(text: string, path: string, line?: number): unknown {
  try {
    return parseJson(text, { lossless: true });
  } catch (error) {
    throw new HudError('BAD_TASK', `${path}${line === undefined ? '' : `:${line}`}: ${messageOf(error)}`, { cause: error });
  }
}

function taskOf({ value, line, index }: Row, path: string, directory: string): Task {
  const place = (): string => `${path}${line === undefined ? `[${index}]` : `:${line}`}`;
  if (!isPlainObject(value))
    throw new HudError('BAD_TASK', `${place()}: a task must be an object, got ${Array.isArray(value) ? 'a list' : String(value)}.`);
  try {
    return Task.parse(withComposePaths(value, (file) => (isAbsolute(file) ? file : join(directory, file))));
  } catch (error) {
    const cause = toHudError(error, 'BAD_TASK');
    throw new HudError('BAD_TASK', `${place()}: ${cause.message}`, { cause });
  }
}

/**
 * Writes `.json` (indented), `.jsonl` or `.csv` (lossy), making parent directories.
 * @throws HudError BAD_ARGUMENT for another suffix
 */
export async function writeTasks(tasks: readonly Task[], path: string): Promise<void> {
  const absolute = resolve(path);
  const rows = tasks.map((task) => withComposePaths(task.toJSON(), (file) => relative(dirname(absolute), file)));
  const text = await rowsAs(extname(absolute), rows, path);
  await mkdir(dirname(absolute), { recursive: true });
  await writeFile(absolute, text);
}

async function rowsAs(suffix: string, rows: JsonObject[], path: string): Promise<string> {
  if (suffix === '.json') return `${stringifyJson(rows, 2)}\n`;
  if (suffix === '.jsonl') return rows.map((row) => `${stringifyJson(row)}\n`).join('');
  if (suffix !== '.csv')
    throw new HudError('BAD_ARGUMENT', `Tasks can't be written to ${path}.`, { hint: 'Use a .json, .jsonl or .csv file.' });
  const { unparse } = (await import('papaparse')).default;
  const names = [...new Set(rows.flatMap((row) => Object.keys(row.args as JsonObject)))].toSorted();
  const cell = (value: unknown): string => (value === undefined ? '' : typeof value === 'string' ? value : stringifyJson(value));
  return `${unparse(
    {
      fields: ['slug', 'id', 'env', ...names.map((name) => `arg:${name}`)],
      data: rows.map((row) => [row.slug, row.id, row.env, ...names.map((name) => cell((row.args as JsonObject)[name]))]),
    },
    { newline: '\n' },
  )}\n`;
}

/** A compose document given as a path is relative to the file that holds the row. */
function withComposePaths(row: JsonObject, map: (path: string) => string): JsonObject {
  const config = row.runtime_config;
  if (!isPlainObject(config) || !isPlainObject(config.compose)) return row;
  const { document, root } = config.compose;
  const compose = {
    ...config.compose,
    ...(typeof document === 'string' ? { document: map(document) } : {}),
    ...(typeof root === 'string' ? { root: map(root) } : {}),
  };
  return { ...row, runtime_config: { ...config, compose } };
}

function stem(path: string): string {
  return basename(path, extname(path));
}
