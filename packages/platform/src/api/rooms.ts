/** Every group of routes, in the order of the reference. */
import type { Context } from '../context.ts';
import { addAccountRoutes } from './accounts/accounts.ts';
import { addJobRoutes } from './runs/jobs.ts';
import { addLiveRoutes } from './live/live.ts';
import { addReportingRoutes } from './runs/reporting.ts';
import { addRolloutRoutes } from './runs/rollouts.ts';
import { addTraceRoutes } from './runs/traces.ts';
import { keepSweeping } from './runs/sweep.ts';
import { addRecordPages } from './pages/record.ts';
import { addProjectRoutes } from './accounts/projects.ts';
import type { Router } from './bind.ts';
import { addBlobRoutes } from './blobs.ts';
import { addIngestRoutes } from './ingest/index.ts';
import { addTasksetRoutes } from './registry/tasksets.ts';
import { addRegistryRoutes } from './registry/registry.ts';
import { addModelRoutes } from './registry/models.ts';
import { addQaRoutes } from './qa/routes.ts';
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
