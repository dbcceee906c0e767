/** Which file holds the tasks when nobody says, and where they run. */
import { readdir, stat } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import { isSourceFile } from '../../environment/index.ts';
import { Taskset } from '../../eval/index.ts';
import { platformSettings } from '../../host/settings.ts';
import { HudError, isHudError } from '../../protocol/errors.ts';
import { LocalRuntime, type ProviderObject } from '../../runtime/index.ts';
import { controlAddress } from '../attach.ts';
import type { Context } from '../command.ts';
import { ask } from '../ask.ts';
import { listed } from '../terminal/wording.ts';
import { UsageError } from '../usage-error.ts';

const NOT_TASKS = /^(package|package-lock|tsconfig|jsconfig|deno|biome)\b.*\.json$/;

/** `tasks.ts` and rows in JSON come before an `env.ts`, which may hold tasks too. */
export async function findSource(context: Context): Promise<string> {
  const names = (await readdir(context.cwd)).toSorted();
  const rows = names.filter((name) => /^tasks\.[mc]?[jt]s$/.test(name) || (/^[^.].*\.jsonl?$/.test(name) && !NOT_TASKS.test(name)));
  const candidates = rows.length > 0 ? rows : names.filter((name) => /^env\.[mc]?[jt]s$/.test(name));
  const [only, ...others] = candidates;
  if (only !== undefined && others.length === 0) return only;
  if (only === undefined)
    throw new UsageError('hud eval needs a source: nothing in this folder looks like one.', {
      hint: 'For example: hud eval tasks.ts oracle. `hud init` makes a folder to start from.',
    });
  return await ask(context, {
    question: 'Which tasks?',
    choices: candidates,
    otherwise: `hud eval needs a source: ${listed(candidates)} are all here.`,
  });
}

export interface Source {
  /** Absolute path, or the taskset's name or id. */
  name: string;
  /** The platform has the tasks. */
  isRemote: boolean;
  load(): Promise<Taskset>;
}

/** What is on the disk comes first; else a word that is no file's name is a taskset of the platform, when there is one. */
export async function openSource(given: string, { cwd }: Pick<Context, 'cwd'>): Promise<Source> {
  const path = resolve(cwd, given);
  const isHere = (await stat(path).catch(() => undefined)) !== undefined;
  const isFile = isHere || isSourceFile(path) || ['.json', '.jsonl', '.csv'].includes(extname(path));
  const { apiUrl, apiKey } = platformSettings();
  if (isFile || apiUrl === undefined || apiKey === undefined)
    return { name: path, isRemote: false, load: async () => await Taskset.fromFile(path) };
  return { name: given, isRemote: true, load: async () => await fromPlatform(given) };
}

async function fromPlatform(name: string): Promise<Taskset> {
  try {
    return await Taskset.fromApi(name);
  } catch (error) {
    if (!isHudError(error) || error.code !== 'PLATFORM_NOT_FOUND') throw error;
    throw new HudError('BAD_SOURCE', `There is no file or directory ${name}, and the platform has no taskset of that name.`, {
      hint: 'Paths are relative to the current directory; tasksets are named as `hud sync tasks` named them.',
      cause: error,
    });
  }
}

export interface Placement {
  runtime: ProviderObject;
  /** Undefined: what the provider carries. */
  maxConcurrent?: number;
}

/** Rollouts at once on an environment that is served elsewhere. */
const DEFAULT_ELSEWHERE = 30;

/** @throws HudError PLACEMENT_UNKNOWN: a taskset of the platform brings no environment along */
export function checkPlace({ name, isRemote }: Source, { runtime = 'local' }: { runtime?: string | undefined }): void {
  if (!isRemote || runtime !== 'local') return;
  throw new HudError('PLACEMENT_UNKNOWN', `The tasks of '${name}' are on the platform, and nothing says where their environment is.`, {
    hint: `Serve it with \`hud serve\` in its folder and add --runtime tcp://127.0.0.1:8765,\nor take the tasks there: hud sync tasks ${name} --export tasks.json`,
  });
}

/**
 * @param source absolute; rows in a data file run in its folder
 * @throws UsageError for a place that there is not
 */
export function placementOf(
  source: string,
  settings: { runtime?: string | undefined; maxConcurrent?: number | undefined; token?: string | undefined },
  context: Context,
): Placement {
  const { runtime = 'local', maxConcurrent } = settings;
  if (runtime === 'local') {
    const isRows = /\.(jsonl?|csv)$/.test(source);
    return { runtime: new LocalRuntime(isRows ? dirname(source) : source), ...(maxConcurrent === undefined ? {} : { maxConcurrent }) };
  }
  try {
    return { runtime: controlAddress(runtime, settings.token, context), maxConcurrent: maxConcurrent ?? DEFAULT_ELSEWHERE };
  } catch (error) {
    if (!isHudError(error)) throw error;
    throw new UsageError(`There is no runtime '${runtime}'.`, {
      hint: 'Use local, or tcp://host:port of an environment that is served already.',
      cause: error,
    });
  }
}
