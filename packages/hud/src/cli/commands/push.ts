import { openPlatform } from '../../api-client/index.ts';
import { nodeHost } from '../../host/node.ts';
import { platformSettings } from '../../host/settings.ts';
import type { HudError } from '../../protocol/errors.ts';
import type { JobRecord } from '../../protocol/record.ts';
import { reap, type Store } from '../../store/index.ts';
import { Exporter } from '../../telemetry/index.ts';
import { defineCommand, type Context } from '../command.ts';
import { EXIT } from '../error-report.ts';
import { withStates } from '../job-state.ts';
import { flag } from '../options.ts';
import { notRecorded, openRecord, recordDirectory } from '../record.ts';
import { shortId } from '../record-rows.ts';
import { literalLine } from '../terminal/literal.ts';
import { plural } from '../terminal/wording.ts';

/** How long a platform may be silent before the command gives up, in milliseconds. */
const AWAY_MS = 10_000;
const PAGE = 500;

interface Pushed {
  job: JobRecord;
  url: string;
  /** The platform has all of it. */
  isWhole: boolean;
  warnings: HudError[];
}

export const push = defineCommand({
  arguments: { '[jobs...]': 'jobs, by id or by the first digits of one' },
  options: { all: flag('--all', 'every job of the record that the platform does not have, also of before there was one') },
  notes: `Sends jobs of the record in .hud of the current directory, or in HUD_DIR, to the platform: without
arguments those that were to be reported there and could not be, wholly or in part. What the platform
has is asked first, and only the rest is sent. Exit code 1 when the platform does not take all.`,
  run: async ({ args: ids, options }, context) => {
    const client = openPlatform();
    await using store = await openRecord(context);
    if (store === undefined && ids.length > 0) throw notRecorded(`job '${ids[0]}'`, context);
    const jobs = store === undefined ? [] : await chosen(store, ids, { url: client.baseUrl, isAll: options.all === true }, context);
    if (jobs.length === 0) context.note(`Nothing in ${recordDirectory(context)} is owed to ${client.baseUrl}.`);
    const pushed: Pushed[] = [];
    if (store !== undefined && jobs.length > 0) {
      await using exporter = new Exporter({
        store,
        client,
        host: nodeHost,
        counters: { queued: 0, sent: 0, acknowledged: 0, rejected: 0 },
      });
      for (const job of jobs) pushed.push(await pushOne(job, store, exporter, context));
    }
    return {
      json: pushed.map(({ job, url, isWhole, warnings }) => ({
        id: job.id,
        url,
        complete: isWhole,
        problems: warnings.map(({ message }) => message),
      })),
      text: () => pushed.flatMap((one) => [...linesOf(one, context)]),
      exitCode: pushed.every(({ isWhole }) => isWhole) ? EXIT.ok : EXIT.failed,
    };
  },
});

async function chosen(
  store: Store,
  ids: readonly string[],
  { url, isAll }: { url: string; isAll: boolean },
  context: Context,
): Promise<JobRecord[]> {
  await reap(store, nodeHost); // jobs of processes that were killed have an end from then on
  const found = ids.length > 0 ? await named(store, ids, context) : await unreported(store, url, isAll);
  const states = await withStates(store, found);
  const running = states.filter(({ state }) => state === 'running');
  if (running.length > 0) context.note(`${plural(running.length, 'job')} still running: what runs a job reports it.`);
  return states.filter(({ state }) => state !== 'running');
}

async function named(store: Store, ids: readonly string[], context: Context): Promise<JobRecord[]> {
  const jobs: JobRecord[] = [];
  for (const id of ids) {
    const job = await store.getJob(id);
    if (job === undefined) throw notRecorded(`job '${id}'`, context);
    if (!jobs.some((other) => other.id === job.id)) jobs.push(job);
  }
  return jobs;
}

/** Oldest first. */
async function unreported(store: Store, url: string, isAll: boolean): Promise<JobRecord[]> {
  const jobs: JobRecord[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.listJobs({ limit: PAGE, ...(isAll ? {} : { owedTo: url }), ...(cursor === undefined ? {} : { cursor }) });
    jobs.push(...page.items.filter(({ reportedTo, reportedAt }) => reportedTo !== url || reportedAt === undefined));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return jobs.toReversed();
}

/** @throws HudError PLATFORM_* when it can't be reached, or does not know the key */
async function pushOne(job: JobRecord, store: Store, exporter: Exporter, context: Context): Promise<Pushed> {
  context.signal.throwIfAborted();
  const warnings: HudError[] = [];
  if (job.reportedTo !== exporter.url) await store.updateJob(job.id, { reportedTo: exporter.url });
  const isWhole = await exporter.ship(job.id, {
    listener: { onWarning: (error) => warnings.push(error) },
    patience: { ms: Infinity, awayMs: AWAY_MS },
    signal: context.signal,
  });
  context.signal.throwIfAborted();
  if (!isWhole && exporter.problem !== undefined) throw exporter.problem;
  const { webUrl = exporter.url } = platformSettings();
  return { job, url: `${webUrl}/jobs/${job.id}`, isWhole, warnings };
}

function* linesOf({ job, url, isWhole, warnings }: Pushed, context: Context): Generator<string> {
  const { out } = context;
  yield `${isWhole ? out.green('there') : out.red('in part')}  ${shortId(job.id, context)}  ${literalLine(job.name)}  ${out.dim(url)}`;
  for (const { message } of warnings) yield `       ${literalLine(message)}`;
}
