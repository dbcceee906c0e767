/** Which file holds the tasks when nobody says, and where they run. */
import { readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isHudError } from '../../protocol/errors.ts';
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

export interface Placement {
  runtime: ProviderObject;
  /** Undefined: what the provider carries. */
  maxConcurrent?: number;
}

/** Rollouts at once on an environment that is served elsewhere. */
const DEFAULT_ELSEWHERE = 30;

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
