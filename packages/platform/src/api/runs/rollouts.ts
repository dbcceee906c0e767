/** The end of runs that others drive. No rollout runs here. */
import { api } from 'hud/protocol';
import type { Context } from '../../context.ts';
import { requestCancel, type CancelledRun, type CancelScope } from '../../storage/runs/index.ts';
import type { Router } from '../bind.ts';
import { Fault } from '../../fault.ts';

export function addRolloutRoutes(router: Router, context: Context): void {
  const cancel = async (teamId: string, scope: Omit<CancelScope, 'now'>): Promise<CancelledRun[]> => {
    if (teamId === '') {
      throw new Fault(400, 'This record belongs to processes on this machine. Interrupt the one that runs the job with Ctrl-C.');
    }
    const runs = await requestCancel(context.db, teamId, { ...scope, now: context.now() });
    for (const run of runs) context.hub.publish({ teamId, ...run });
    return runs;
  };

  router.on(api.rollouts.submit, async () => {
    throw new Fault(
      400,
      'This platform has no workers that run rollouts. Run them where you are, with `hud eval`: they are recorded here all the same.',
    );
  });

  router.on(api.rollouts.cancel, async ({ body, caller: { teamId } }) => {
    const runs = await cancel(teamId, { traceId: body.traceId, ...(body.jobId == null ? {} : { jobId: body.jobId }) });
    return { status: runs.length > 0 ? ('accepted' as const) : ('noop' as const) };
  });

  router.on(api.rollouts.cancelJob, async ({ body, caller: { teamId } }) => {
    const runs = await cancel(teamId, { jobId: body.jobId });
    return { cancelled: runs.length, totalFound: runs.length };
  });

  router.on(api.rollouts.cancelUserJobs, async ({ caller: { teamId } }) => {
    const runs = await cancel(teamId, {});
    const jobs = Map.groupBy(runs, ({ jobId }) => jobId);
    return {
      jobsCancelled: jobs.size,
      totalTasksCancelled: runs.length,
      jobDetails: [...jobs].map(([jobId, { length }]) => ({ jobId, cancelled: length })),
    };
  });
}
