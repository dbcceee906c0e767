/** The record of the platform that is set, in the form of the local one: for commands that show either. */
import { openPlatform, type PlatformClient } from '../api-client/index.ts';
import { platformSettings } from '../host/settings.ts';
import * as api from '../protocol/api/index.ts';
import { HudError, isHudError, toHudError } from '../protocol/errors.ts';
import { RunRecord, type JobRecord } from '../protocol/record.ts';
import { TRACE_STATUS } from '../protocol/trace.ts';
import type { Context } from './command.ts';
import { flag } from './options.ts';
import { recordDirectory } from './record.ts';
import { UsageError } from './usage-error.ts';

export const whereOptions = {
  local: flag('--local', 'the record of this folder, whatever platform is set'),
  remote: flag('--remote', 'the platform, or fail'),
};

export type Where = 'local' | 'remote' | 'either';

/** @throws UsageError when both are given */
export function whereOf({ local = false, remote = false }: { local: boolean | undefined; remote: boolean | undefined }): Where {
  if (local && remote) throw new UsageError('--local and --remote exclude each other.');
  if (remote) return 'remote';
  const { apiUrl, apiKey } = platformSettings();
  return local || apiUrl === undefined || apiKey === undefined ? 'local' : 'either';
}

/** Short: somebody waits, and there is another record to look at. */
const TRIAL = { retries: 1, timeoutMs: 10_000 };

/**
 * Asks the platform. Where the local record may answer as well, one that can't be reached is noted and undefined.
 * @throws HudError PLATFORM_*
 */
export async function askPlatform<T>(
  where: Where,
  context: Context,
  question: (client: PlatformClient, options: { signal: AbortSignal }) => Promise<T>,
): Promise<T | undefined> {
  if (where === 'local') return undefined;
  try {
    return await question(openPlatform(), { signal: context.signal, ...(where === 'either' ? TRIAL : {}) });
  } catch (error) {
    context.signal.throwIfAborted();
    if (where === 'remote' || !isHudError(error) || error.code !== 'PLATFORM_UNREACHABLE') throw error;
    context.note(`${toHudError(error).message} What follows is the record of this folder.`);
    return undefined;
  }
}

/** Undefined for a platform that has no such thing; anything else is thrown on. */
export async function orAbsent<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** For what neither record has. */
export function nowhere(what: string, where: Where, context: Context): HudError {
  const here = where === 'remote' ? '' : ` in ${recordDirectory(context)}, nor`;
  return new HudError('BAD_ARGUMENT', `There is no ${what}${here} on the platform at ${platformSettings().apiUrl ?? '?'}.`, {
    hint: '`hud jobs` lists the jobs of the platform, `hud jobs --local` those of this folder.',
  });
}

export function isAbsent(error: unknown): error is HudError {
  return isHudError(error) && error.code === 'PLATFORM_NOT_FOUND';
}

/** A job as the local record has it. */
export function jobRecordOf(item: api.jobs.JobItem | api.jobs.JobView): JobRecord {
  const { id, name, group, status, tasksetName, tasksetId, agent, model, error, createdAt, endedAt } = item;
  return {
    id,
    name,
    group: Math.max(group, 1),
    status,
    createdAt: Date.parse(createdAt),
    config: 'config' in item ? item.config : {},
    ...(tasksetName === null ? {} : { tasksetName }),
    ...(tasksetId === undefined ? {} : { tasksetId }),
    ...(agent === undefined ? {} : { agent }),
    ...(model === undefined ? {} : { model }),
    ...(error === undefined ? {} : { error }),
    ...(endedAt === undefined ? {} : { endedAt: Date.parse(endedAt) }),
  };
}

/** A run as the local record has it. */
export function runRecordOf(item: api.traces.RunItem | api.traces.RunView): RunRecord {
  const { id, class: kind, reward, error, startTime, endedAt, status, ...same } = item;
  const { errorInfo } = item as Partial<api.traces.RunView>;
  const fault = errorInfo ?? (error === null ? undefined : { code: 'UNKNOWN', message: error });
  const ended = TRACE_STATUS.find((one) => one === status);
  return RunRecord.parse({
    ...same, // what a record has no member for is left out
    traceId: id,
    startedAt: Date.parse(startTime),
    ...(kind === null ? {} : { class: kind }),
    ...(ended === undefined ? {} : { status: ended }),
    ...(reward === null ? {} : { reward }),
    ...(fault === undefined ? {} : { error: fault }),
    ...(endedAt === null ? {} : { endedAt: Date.parse(endedAt) }),
  });
}

const PAGE = 1_000;

/** Newest first. @param most @default all */
export async function remoteRuns(
  client: PlatformClient,
  jobId: string,
  { most = Number.POSITIVE_INFINITY, signal }: { most?: number; signal: AbortSignal },
): Promise<api.traces.RunItem[]> {
  const runs: api.traces.RunItem[] = [];
  let cursor: string | undefined;
  do {
    const query = { limit: Math.min(most - runs.length, PAGE), ...(cursor === undefined ? {} : { cursor }) };
    const page = await client.call(api.jobs.traces, { params: { id: jobId }, query }, { signal });
    runs.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== undefined && runs.length < most);
  return runs;
}
