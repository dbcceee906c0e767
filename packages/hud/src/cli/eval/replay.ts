/** A recorded job whose model replies are given again: which of its runs stands for which of the new ones. */
import { isAgentType, resolveModel } from '../../agents/catalogue.ts';
import type { RunOptions } from '../../eval/index.ts';
import { HudError } from '../../protocol/errors.ts';
import type { Context } from '../command.ts';
import { openRecord } from '../record.ts';
import { askPlatform, nowhere, orAbsent, remoteRuns, whereOf } from '../remote-record.ts';
import { UsageError } from '../usage-error.ts';
import * as api from '../../protocol/api/index.ts';
import type { EvalSettings } from './settings.ts';

type Replay = NonNullable<RunOptions['replay']>;

/** What is needed to find a run again; of several attempts the newest counts. */
interface Recorded {
  slug: string;
  repeat: number;
  attempt: number;
  traceId: string;
}

const PAGE = 1_000;
/** Their requests are their own: no two are equal. */
const OWN_REQUESTS: readonly string[] = ['claude_code', 'codex'];

/**
 * @param id of a job of this folder's record or of the platform, or its first digits
 * @returns finds the trace of a run; throws a HudError for one that the job has not
 * @throws UsageError for an agent that can't be replayed, HudError BAD_ARGUMENT for a job that is nowhere
 */
export async function readReplay(id: string, settings: Pick<EvalSettings, 'agent' | 'agentModule'>, context: Context): Promise<Replay> {
  await checkAgent(settings);
  const found = (await localRuns(id, context)) ?? (await platformRuns(id, context));
  if (found === undefined) throw nowhere(`job '${id}'`, 'either', context);
  const traces = new Map<string, Recorded>();
  for (const run of found.runs) {
    const key = `${run.repeat} ${run.slug}`;
    if ((traces.get(key)?.attempt ?? 0) < run.attempt) traces.set(key, run);
  }
  return ({ slug, repeat }) => {
    const recorded = traces.get(`${repeat} ${slug}`);
    if (recorded !== undefined) return recorded.traceId;
    throw new HudError(
      'MODEL_BAD_REQUEST',
      `Job ${found.jobId.slice(0, 8)} has no repeat ${repeat + 1} of the task '${slug}', so there is nothing to replay.`,
      {
        hint: 'Choose the tasks that it ran with --task-ids, and --group no larger than its own.',
        data: { noRetry: true },
      },
    );
  };
}

async function checkAgent({ agent, agentModule }: Pick<EvalSettings, 'agent' | 'agentModule'>): Promise<void> {
  if (agentModule !== undefined) {
    throw new UsageError("--replay does not work with --agent-module: an agent of one's own may call models in any way.", {
      hint: 'Name an agent or a model: those send every request through the gateway.',
    });
  }
  if (agent === undefined) return;
  const type = isAgentType(agent) ? agent : (await resolveModel(agent)).type;
  if (OWN_REQUESTS.includes(type))
    throw new UsageError(`--replay does not work with ${type}: it makes its own requests, and no two of them are equal.`);
}

interface Found {
  jobId: string;
  runs: Recorded[];
}

async function localRuns(id: string, context: Context): Promise<Found | undefined> {
  await using store = await openRecord(context);
  const job = await store?.getJob(id);
  if (store === undefined || job === undefined) return undefined;
  const runs: Recorded[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.listRuns(job.id, { limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
    runs.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return { jobId: job.id, runs };
}

async function platformRuns(id: string, context: Context): Promise<Found | undefined> {
  return await askPlatform(whereOf({ local: undefined, remote: undefined }), context, async (client, { signal }) => {
    const job = await orAbsent(client.call(api.jobs.get, { params: { id } }, { signal }));
    if (job === undefined) return undefined;
    const runs = await remoteRuns(client, job.id, { signal });
    return { jobId: job.id, runs: runs.map(({ slug, repeat, attempt, id: traceId }) => ({ slug, repeat, attempt, traceId })) };
  });
}
