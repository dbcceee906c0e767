/** Runs and jobs while they go on: what is recorded, as it is recorded, until they have ended. */
import { api, encode, Span } from 'hud/protocol';
import type { Context } from '../../context.ts';
import type { Call, Router } from '../bind.ts';
import { eventOf } from '../runs/events.ts';
import { followJob } from './live-job.ts';
import { followRun, type Describe } from './live-run.ts';
import { eventStream } from './live-stream.ts';
import { requireJob } from '../runs/jobs.ts';
import { readSpan, requireRun } from '../runs/traces.ts';

type Live = typeof api.traces.live | typeof api.traces.liveJob;

export function addLiveRoutes(router: Router, context: Context): void {
  router.on(api.traces.live, async ({ params, caller, signal, ...call }) => {
    const { trace_id: traceId } = await requireRun(context, caller.teamId, params.id);
    const after = startOf(call);
    return eventStream(
      followRun(context, { traceId, teamId: caller.teamId, signal, describe: describer(context, call), after: after ?? 0 }),
    );
  });

  router.on(api.traces.liveJob, async ({ params, caller, signal, ...call }) => {
    const { id: jobId } = await requireJob(context, caller.teamId, params.id);
    const after = startOf(call) ?? (await context.store.spanCursor());
    return eventStream(followJob(context, { jobId, teamId: caller.teamId, signal, describe: describer(context, call), after }));
  });
}

function describer({ url }: Context, { query }: Pick<Call<Live>, 'query'>): Describe {
  return (body) => {
    const span = readSpan(body);
    const event = eventOf(span, { url, isAll: query.kinds === 'all' });
    if (event === undefined) return undefined;
    const raw = query.spans === 'raw' ? { span: encode(Span, span) } : {};
    return { event: 'span', data: { trace_id: span.traceId, event: encode(api.traces.TraceEvent, event), ...raw } };
  };
}

/** The place of the last message that a reader saw counts before the one it was opened with. */
function startOf({ query, request }: Pick<Call<Live>, 'query' | 'request'>): number | undefined {
  const last = request.headers.get('last-event-id') ?? '';
  return /^\d{1,15}$/.test(last) ? Number(last) : query.after;
}
