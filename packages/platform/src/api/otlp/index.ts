/**
 * OpenTelemetry: takes spans from any exporter, and gives ours to any collector.
 * Knows the GenAI conventions; stores through `ingest/` as everything else.
 * Start with `wire.ts`, then `read.ts` (in) and `write.ts` (out).
 * @module
 */
import { api, stringifyJson } from 'hud/protocol';
import type { Context } from '../../context.ts';
import { absent } from '../../fault.ts';
import { findRun } from '../../storage/runs/read-runs.ts';
import type { Router } from '../bind.ts';
import type { Intake } from '../ingest/intake.ts';
import { SpanSink } from '../ingest/span-sink.ts';
import { readSpanText } from '../ingest/span.ts';
import { endOf } from './end.ts';
import { exportedRun, exportedSpans } from './export.ts';
import { pushTraces } from './push.ts';
import { toSpan } from './read.ts';
import { encodingOf, readRequest, writeResponse, type OtlpSpan } from './wire.ts';
import { toOtlp } from './write.ts';

export function addOtlpRoutes(router: Router, context: Context, intake: Intake): void {
  router.on(api.otlp.receive, async ({ caller, request }) => {
    const encoding = encodingOf(request.headers.get('content-type'));
    const refused: string[] = [];
    const sink = new SpanSink(intake, {
      route: 'otlp',
      caller,
      form: 'plain',
      onForeign: (traceId) => void refused.push(`trace ${traceId} belongs to others`),
    });
    const chunks: Uint8Array[] = [];
    return await intake.receive('otlp', request, {
      take: async (chunk) => void chunks.push(Buffer.from(chunk)),
      finish: async (held) => {
        const spans = readRequest(Buffer.concat(chunks), encoding);
        for (const [index, span] of spans.entries()) {
          const text = stringifyJson(toSpan(span));
          const read = readSpanText(text);
          if (typeof read === 'string') refused.push(read);
          else if (sink.add(read, index, text.length)) await sink.flush(held);
        }
        await sink.drain(held);
        await endRuns(context, caller.teamId, spans);
        intake.counted('otlp', { rejected: refused.length });
        return writeResponse(encoding, refused.length, refused[0] ?? '');
      },
      settle: async () => await sink.settle(),
    });
  });
  router.on(api.otlp.trace, async ({ params, caller }) => {
    const run = await findRun(context.db, caller.teamId, params.id);
    if (run === undefined) throw absent(`trace ${params.id}`);
    return toOtlp(exportedRun(run), await exportedSpans(context, run.trace_id));
  });
  void pushTraces(context);
}

/** Nobody reports the end of such a run: its outermost span is the end. */
async function endRuns({ db, store, hub, now }: Context, teamId: string, spans: readonly OtlpSpan[]): Promise<void> {
  for (const root of spans.filter(({ parentSpanId }) => parentSpanId === undefined)) {
    const run = await findRun(db, teamId, root.traceId);
    if (run === undefined || run.class !== null || run.trace_id !== run.job_id) continue; // driven by somebody who tells its end
    await store.finishRun(run.trace_id, endOf(root, now()));
    hub.publish({ teamId, traceId: run.trace_id, jobId: run.job_id });
  }
}
