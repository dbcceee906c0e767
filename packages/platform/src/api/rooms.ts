/** Every group of routes, in the order of the reference. */
import type { Context } from '../context.ts';
import { addAccountRoutes } from './accounts.ts';
import { addJobRoutes } from './jobs.ts';
import { addLiveRoutes } from './live.ts';
import { addReportingRoutes } from './reporting.ts';
import { addRolloutRoutes } from './rollouts.ts';
import { addTraceRoutes } from './traces.ts';
import { keepSweeping } from './sweep.ts';
import { addRecordPages } from './pages/record.ts';
import { addProjectRoutes } from './projects.ts';
import type { Router } from './bind.ts';
import { addBlobRoutes } from './blobs.ts';
import { addIngestRoutes } from './ingest/index.ts';
import { addTasksetRoutes } from './tasksets.ts';
import { addRegistryRoutes } from './registry.ts';
import { addModelRoutes } from './models.ts';
import { addQaRoutes } from './qa.ts';
import { addUsageRoutes } from './usage.ts';
import { addUsageEventRoutes } from './usage-events.ts';

export type AddRoutes = (router: Router, context: Context) => void | Promise<void>;

export const ROOMS: readonly AddRoutes[] = [
  addAccountRoutes,
  addProjectRoutes,
  addRecordPages,
  addTasksetRoutes,
  addRegistryRoutes,
  addModelRoutes,
  addQaRoutes,
  addUsageRoutes,
  addUsageEventRoutes,
  addJobRoutes,
  addLiveRoutes,
  addReportingRoutes,
  addRolloutRoutes,
  addTraceRoutes,
  (_router, context) => keepSweeping(context),
  addIngestRoutes,
  addBlobRoutes,
];
