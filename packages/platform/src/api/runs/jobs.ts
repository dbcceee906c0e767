/** Jobs as they are read. */
import { api, parseJson, type JsonObject } from 'hud/protocol';
import type { Context } from '../../context.ts';
import { countJobs, countRuns, findJob, jobSums, listJobs, listRuns, modelUse, type JobRow } from '../../storage/runs/index.ts';
import type { Router } from '../bind.ts';
import { absent, Fault } from '../../fault.ts';
import { jobItem, runItem } from './traces-view.ts';

export function addJobRoutes(router: Router, context: Context): void {
  const { db } = context;

  router.on(api.jobs.list, async ({ query: { since, ...query }, caller: { teamId } }) => {
    const page = { ...query, ...(since === undefined ? {} : { since: timeOf(since) }) };
    const [{ items, ...rest }, total] = await Promise.all([listJobs(db, teamId, page), countJobs(db, teamId, page)]);
    const sums = await jobSums(
      db,
      items.map(({ id }) => id),
    );
    return { items: items.map((row) => jobItem(row, sums.get(row.id))), ...rest, total };
  });

  router.on(api.jobs.get, async ({ params, caller: { teamId } }) => {
    const job = await requireJob(context, teamId, params.id);
    const sums = await jobSums(db, [job.id]);
    return { ...jobItem(job, sums.get(job.id)), config: parseJson(job.config) as JsonObject, url: `${context.url}/jobs/${job.id}` };
  });

  router.on(api.jobs.traces, async ({ params, query, caller: { teamId } }) => {
    const job = await requireJob(context, teamId, params.id);
    const page = { ...query, jobId: job.id };
    const [{ items, ...rest }, total] = await Promise.all([listRuns(db, teamId, page), countRuns(db, teamId, page)]);
    const use = await modelUse(
      db,
      teamId,
      items.map((row) => row.trace_id),
    );
    return { items: items.map((row) => runItem(row, use.get(row.trace_id))), ...rest, total };
  });
}

/** @throws Fault 404 */
export async function requireJob({ db }: Context, teamId: string, id: string): Promise<JobRow> {
  const job = await findJob(db, teamId, id);
  if (job === undefined) throw absent(`job ${id}`);
  return job;
}

/** @throws Fault 400 */
function timeOf(text: string): number {
  const time = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Date.parse(text);
  if (Number.isFinite(time)) return time;
  throw new Fault(400, `since is no date: ${text.slice(0, 50)}. Write it as 2026-01-31T12:00:00Z.`);
}
