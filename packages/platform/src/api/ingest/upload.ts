/** Spans as the Python package sends them: a list, all of one run. */
import { api, normalizeTraceId } from 'hud/protocol';
import { absent } from '../../fault.ts';
import type { Router } from '../bind.ts';
import type { Intake } from './intake.ts';
import { Rejections } from './rejections.ts';
import { SpanSink } from './span-sink.ts';
import { readSpan } from './span.ts';
import { TelemetryBody } from './telemetry-body.ts';

export function addUploadRoute(router: Router, intake: Intake): void {
  router.on(api.ingest.upload, async ({ params: { id }, caller, request }) => {
    const run = normalizeTraceId(id);
    if (await intake.runs.isForeign(caller.teamId, run)) throw absent(`trace ${run}`);
    const rejected = new Rejections();
    const body = new TelemetryBody();
    const onForeign = (): never => {
      throw absent(`trace ${run}`);
    };
    const sink = new SpanSink(intake, { route: 'telemetry-upload', caller, form: 'plain', given: id, onForeign });
    let index = 0;
    return await intake.receive('telemetry-upload', request, {
      take: async (chunk, held) => {
        for (const element of body.push(chunk)) {
          const span = readSpan(element, run);
          if (typeof span === 'string') rejected.add(index, span);
          else if (sink.add(span, index, element.length)) await sink.flush(held);
          index += 1;
        }
      },
      finish: async (held) => {
        body.end();
        await sink.drain(held);
        intake.counted('telemetry-upload', { rejected: rejected.count });
        return { accepted: sink.accepted, rejected: rejected.list() };
      },
      settle: async () => await sink.settle(),
    });
  });
}
