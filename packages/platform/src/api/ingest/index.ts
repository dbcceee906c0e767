/**
 * Takes in what is recorded elsewhere, and answers when it is safe.
 * Makes no events of spans and shows none: that is for those who read.
 * Start with `upload.ts` and `record.ts`, then `span-sink.ts`.
 * @module
 */
import { api } from 'hud/protocol';
import type { Context } from '../../context.ts';
import { absent } from '../../fault.ts';
import { holdingsOf } from '../../storage/holdings.ts';
import type { Router } from '../bind.ts';
import { addOtlpRoutes } from '../otlp/index.ts';
import { Intake } from './intake.ts';
import { addRecordRoute } from './record.ts';
import { addUploadRoute } from './upload.ts';

export function addIngestRoutes(router: Router, context: Context): void {
  const intake = new Intake(context);
  addUploadRoute(router, intake);
  addRecordRoute(router, intake);
  addOtlpRoutes(router, context, intake);
  router.on(api.ingest.holdings, async ({ params, caller }) => {
    const jobId = api.hexId(params.id);
    const holdings = jobId === undefined ? undefined : await holdingsOf(context.db, caller.teamId, jobId);
    if (holdings === undefined) throw absent(`job ${params.id}`);
    return holdings;
  });
}
