/** From what a user names (a file, a directory, `file:export`) to an environment. */
import { readdirSync, statSync, type Stats } from 'node:fs';
import { dirname, extname, join, resolve } from 'node:path';
import { HudError, messageOf } from '../protocol/errors.ts';
import { isTask, type Task } from '../protocol/task.ts';
import { environmentOf, isEnvironment, type Environment } from './environment.ts';
import { isSourceFile, loadSource, loadSources } from './source.ts';

export interface LoadOptions {
  /** The export or the environment's own name; needed where a source holds several. */
  name?: string;
  /** Passed to an export that is a function. */
  args?: Record<string, string>;
}

/**
 * The one environment that a source exports, or whose tasks it exports. A file with neither is
 * followed by the `env` file beside it, then by its directory.
 * @throws HudError ENVIRONMENT_NOT_FOUND naming what was found, BAD_SOURCE
 */
export async function loadEnvironment(target: string, options: LoadOptions = {}): Promise<Environment> {
  const { path, name: suffix } = splitTarget(target);
  const name = options.name ?? suffix;
  const tried: string[] = [];
  for (const candidate of candidates(path)) {
    tried.push(candidate.label);
    const exports = await candidate.load();
    const chosen = await choose(exports, name, options.args);
    if (chosen !== undefined) return chosen;
  }
  const what = name === undefined ? 'no environment' : `no environment '${name}'`;
  throw new HudError('ENVIRONMENT_NOT_FOUND', `There is ${what} in ${tried.join(', ') || path}.`, {
    hint: 'Export one: export const env = new Environment("name").',
  });
}

/** `env.ts:count` → path and export name. A colon inside the path (a drive, a directory) does not split. */
export function splitTarget(target: string): { path: string; name?: string } {
  const at = target.lastIndexOf(':');
  const name = target.slice(at + 1);
  if (at <= 1 || name === '' || /[\\/]/.test(name)) return { path: target };
  return { path: target.slice(0, at), name };
}

interface Candidate {
  label: string;
  load(): Promise<Record<string, unknown>[]>;
}

/** Asks the disk directly: the first use of the pool of threads costs a starting process a third of its time. */
function candidates(path: string): Candidate[] {
  const found = stateOf(path);
  if (found?.isDirectory()) return [directoryCandidate(path)];
  if (found === undefined && extname(path) === '') {
    for (const suffix of ['.ts', '.mts', '.js', '.mjs']) {
      if (stateOf(path + suffix)) return [fileCandidate(path + suffix)];
    }
  }
  if (found === undefined)
    throw new HudError('BAD_SOURCE', `There is no file or directory ${path}.`, {
      hint: 'Check the path; it is relative to the current directory.',
    });
  const directory = dirname(resolve(path));
  const beside: Candidate[] = [];
  for (const name of ['env.ts', 'env.mts', 'env.js', 'env.mjs']) {
    const file = join(directory, name);
    if (file !== resolve(path) && stateOf(file)) beside.push(fileCandidate(file));
  }
  return [...(isSourceFile(path) ? [fileCandidate(path)] : []), ...beside, directoryCandidate(directory)];
}

function stateOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined; // below a file, or behind a folder that may not be looked into
  }
}

function fileCandidate(file: string): Candidate {
  return { label: file, load: async () => [await loadSource(file)] };
}

/** Files of a directory that don't load are passed over; a file that is asked for by name is not. */
function directoryCandidate(directory: string): Candidate {
  return {
    label: `${directory}/`,
    load: async () => (await loadSources(sourceFiles(directory))).map(({ exports }) => exports),
  };
}

/** Sources of a directory that may declare something, sorted. */
export function sourceFiles(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => isSourceFile(name) && !/\.(test|spec|config)\.[^.]+$/.test(name) && !name.startsWith('.'))
    .toSorted()
    .map((name) => join(directory, name));
}

async function choose(
  modules: Record<string, unknown>[],
  name: string | undefined,
  args: Record<string, string> | undefined,
): Promise<Environment | undefined> {
  const found = new Map<Environment, string[]>();
  const note = (environment: Environment, label: string): void => {
    found.set(environment, [...(found.get(environment) ?? []), label]);
  };
  for (const exports of modules) {
    for (const [key, value] of Object.entries(exports)) {
      if (isEnvironment(value)) note(value, key);
      else if (name === key && typeof value === 'function') return await callFactory(key, value, args);
      else for (const task of tasksIn(value)) noteTask(task, note);
    }
  }
  const matches =
    name === undefined
      ? [...found.keys()]
      : [...found].filter(([env, keys]) => env.name === name || keys.includes(name)).map(([env]) => env);
  if (matches.length <= 1) return matches[0];
  const names = matches
    .map((environment) => environment.name)
    .toSorted()
    .join(', ');
  throw new HudError('ENVIRONMENT_NOT_FOUND', `Several environments are here: ${names}.`, { hint: 'Name one: env.ts:name.' });
}

function noteTask(task: Task, note: (environment: Environment, label: string) => void): void {
  const environment = environmentOf(task);
  if (environment !== undefined) note(environment, environment.name);
}

/** Tasks in an export: itself, or the items of a list or anything else that can be walked. */
function tasksIn(value: unknown): Task[] {
  if (isTask(value)) return [value];
  if (typeof value !== 'object' || value === null || !(Symbol.iterator in value)) return [];
  return [...(value as Iterable<unknown>)].filter(isTask);
}

async function callFactory(key: string, factory: object, args: Record<string, string> = {}): Promise<Environment> {
  let made: unknown;
  try {
    made = await (factory as (args: Record<string, string>) => unknown)(args);
  } catch (cause) {
    throw new HudError('BAD_SOURCE', `The factory '${key}' failed: ${messageOf(cause)}`, { cause });
  }
  if (isEnvironment(made)) return made;
  throw new HudError('ENVIRONMENT_NOT_FOUND', `The export '${key}' is a function that did not return an environment.`);
}
