/** Enter and exit: what drivers tell of their jobs and runs. Every order is fine, and every call may come again. */
import { api, isPlainObject, parseJson, stringifyJson, type JsonObject } from 'hud/protocol';
import type { Context } from '../../context.ts';
import { endRun, enterJob, getRun, touchRun, type KnownRun } from '../../storage/runs/index.ts';
import type { Router } from '../bind.ts';
import { absent } from '../../fault.ts';
import { endOf } from './reporting-end.ts';

export function addReportingRoutes(router: Router, context: Context): void {
  const { db, hub, now } = context;

  router.on(api.reporting.enterJob, async ({ params, body, caller: { teamId } }) => {
    const { name, group, tasksetId } = body;
    const tasksetName = tasksetId == null ? undefined : await tasksetNameOf(context, teamId, tasksetId);
    const jobId = await enterJob(db, teamId, {
      jobId: params.id,
      ...(name == null ? {} : { name }),
      ...(group == null ? {} : { group }),
      ...(tasksetId == null ? {} : { tasksetId: api.hexId(tasksetId) ?? tasksetId }),
      ...(tasksetName === undefined ? {} : { tasksetName }),
      now: now(),
    });
    if (jobId === undefined) throw absent(`job ${params.id}`);
    hub.publish({ teamId, jobId });
    return { ok: true as const, jobId };
  });

  router.on(api.reporting.enterTrace, async ({ params, body, caller: { teamId } }) => {
    const run = await touchRun(db, teamId, {
      traceId: params.id,
      ...(body.jobId == null ? {} : { jobId: body.jobId }),
      ...(body.groupId == null ? {} : { groupId: body.groupId }),
      ...(body.taskSlug == null ? {} : { slug: body.taskSlug }),
      ...(body.agent == null ? {} : { agent: body.agent }),
      ...(body.model == null ? {} : { model: body.model }),
      now: now(),
    });
    if (run === undefined) throw absent(`run ${params.id}`);
    if (body.parentTraceId != null) await keepParent(context, teamId, run.traceId, body.parentTraceId);
    hub.publish({ teamId, traceId: run.traceId, jobId: run.jobId });
    return told(run);
  });

  router.on(api.reporting.exitTrace, async ({ params, body, caller: { teamId } }) => {
    const run = await touchRun(db, teamId, { traceId: params.id, now: now() });
    if (run === undefined) throw absent(`run ${params.id}`);
    const metadata = body.metadata == null ? undefined : await mergedMetadata(context, teamId, run.traceId, body.metadata);
    const isNew = await endRun(db, teamId, {
      ...endOf(body),
      traceId: run.traceId,
      ...(metadata === undefined ? {} : { metadata }),
      now: now(),
    });
    if (isNew) hub.publish({ teamId, traceId: run.traceId, jobId: run.jobId });
    return told(run);
  });
}

function told({ traceId, jobId, isCancelled }: KnownRun) {
  return { ok: true as const, traceId, jobId, cancelled: isCancelled };
}

/** A run that another one started. */
async function keepParent(context: Context, teamId: string, traceId: string, parent: string): Promise<void> {
  const metadata = await mergedMetadata(context, teamId, traceId, { parent_trace_id: parent });
  await context.db.updateTable('runs').set({ metadata }).where('trace_id', '=', traceId).where('team_id', '=', teamId).execute();
}

async function mergedMetadata({ db }: Context, teamId: string, traceId: string, news: JsonObject): Promise<string> {
  const known = (await getRun(db, teamId, traceId))?.metadata;
  const before: unknown = known == null ? {} : parseJson(known, { lossless: true });
  return stringifyJson({ ...(isPlainObject(before) ? before : {}), ...news });
}

/** Undefined for one that the registry does not have. */
async function tasksetNameOf({ db }: Context, teamId: string, id: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('tasksets')
    .select('name')
    .where('id', 'in', [id, api.hexId(id) ?? id])
    .where('team_id', '=', teamId)
    .executeTakeFirst();
  return row?.name;
}
