import { openPlatform } from '../../api-client/index.ts';
import * as api from '../../protocol/api/index.ts';
import { confirm } from '../ask.ts';
import { defineCommand, type Context, type Result } from '../command.ts';
import { flag, text } from '../options.ts';
import { orAbsent } from '../remote-record.ts';
import { plural } from '../terminal/wording.ts';
import { UsageError } from '../usage-error.ts';

export const cancel = defineCommand({
  arguments: { '[job]': 'a job of the platform, by id or by the first digits of one' },
  options: {
    traceId: text('-t, --trace-id <id>', 'only this run'),
    all: flag('-a, --all', 'every job of the team'),
    yes: flag('-y, --yes', 'do not ask'),
  },
  notes: `Asks for the end of runs that are reported to the platform: whoever drives them is told, and stops. A driver
that does not answer within 30 seconds loses its run. A job that runs in this terminal ends with Ctrl-C.`,
  run: async ({ args: [job], options: { traceId, all = false, yes = false } }, context) => {
    if (all === (job !== undefined || traceId !== undefined)) {
      throw new UsageError(all ? '--all takes no job and no run.' : 'What should be cancelled?', {
        hint: 'Name a job (`hud jobs` lists them), a run with --trace-id, or pass --all.',
      });
    }
    const what = all ? 'every job of the team' : traceId === undefined ? `job ${job}` : `run ${traceId}`;
    const isMeant =
      yes ||
      (await confirm(context, {
        question: `Cancel ${what}?`,
        standard: !all,
        otherwise: `${what} would be cancelled.`,
        hint: 'Pass --yes.',
      }));
    if (!isMeant) return { json: { requested: 0, cancelled: 0, jobs: [] }, text: () => ['Nothing was cancelled.'] };
    return told(all ? await cancelAll(context) : await cancelSome(job, traceId, context), what, context);
  },
});

interface Cancelled {
  /** Runs that had not ended. */
  requested: number;
  cancelled: number;
  jobs: { id: string; cancelled: number }[];
}

async function cancelAll({ signal }: Context): Promise<Cancelled> {
  const { totalTasksCancelled: count, jobDetails } = await openPlatform().call(api.rollouts.cancelUserJobs, { body: {} }, { signal });
  return { requested: count, cancelled: count, jobs: jobDetails.map(({ jobId, cancelled }) => ({ id: jobId, cancelled })) };
}

/** Ids may be given by their first digits, which only the routes that read understand. */
async function cancelSome(job: string | undefined, trace: string | undefined, { signal }: Context): Promise<Cancelled> {
  const client = openPlatform();
  if (trace === undefined) {
    const found = await orAbsent(client.call(api.jobs.get, { params: { id: job ?? '' } }, { signal }));
    const id = found?.id ?? job ?? '';
    const { cancelled, totalFound } = await client.call(api.rollouts.cancelJob, { body: { jobId: id } }, { signal });
    return { requested: totalFound, cancelled, jobs: totalFound === 0 ? [] : [{ id, cancelled }] };
  }
  const run = await orAbsent(client.call(api.traces.get, { params: { id: trace } }, { signal }));
  const jobId =
    job === undefined ? undefined : ((await orAbsent(client.call(api.jobs.get, { params: { id: job } }, { signal })))?.id ?? job);
  const body = { traceId: run?.id ?? trace, ...(jobId === undefined ? {} : { jobId }) };
  const { status } = await client.call(api.rollouts.cancel, { body }, { signal });
  const count = status === 'accepted' ? 1 : 0;
  return { requested: 1, cancelled: count, jobs: count === 0 || run === undefined ? [] : [{ id: run.jobId, cancelled: count }] };
}

function told(result: Cancelled, what: string, context: Context): Result {
  if (result.cancelled === 0) context.note(`Nothing was cancelled: of ${what} nothing runs.`);
  return {
    json: result,
    text: () => (result.cancelled === 0 ? [] : [`Asked ${plural(result.cancelled, 'run')} to end. \`hud jobs\` shows when they have.`]),
  };
}
