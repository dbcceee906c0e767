/** What an exporter takes and counts; `exporter.ts` is the one. */
import type { PlatformClient } from '../../api-client/client.ts';
import type { Host } from '../../host/host.ts';
import type { Store } from '../../store/store.ts';
import type { ReportListener } from './job-report.ts';

export interface ExporterOptions {
  store: Store;
  client: PlatformClient;
  host: Host;
  counters: ReportCounters;
}

/** Lines since the process began; each row of a job, task or run, and each span, is one. */
export interface ReportCounters {
  /** Taken up to be sent. */
  queued: number;
  /** Put on the wire; one that is tried again counts again. */
  sent: number;
  /** The platform has them for good. */
  acknowledged: number;
  /** It will not have them. */
  rejected: number;
}

export interface FollowOptions {
  /** The platform has heard nothing of it: what happens from now on is all there is. */
  isNew: boolean;
  listener?: ReportListener;
}

export interface ShipOptions {
  listener?: ReportListener;
  /** In milliseconds; `awayMs` of it without an answer. @default no limit */
  patience?: { ms: number; awayMs: number };
  /** Stops waiting. */
  signal?: AbortSignal;
}
