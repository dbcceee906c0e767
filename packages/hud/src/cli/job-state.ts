/** Whether a recorded job runs, or only looks so because its process was killed. */
import { nodeHost } from '../host/node.ts';
import type { JobRecord, Lease } from '../protocol/record.ts';
import { JOB_LEASE, type Store } from '../store/index.ts';

/** `interrupted`: recorded as running, but its process has ended; resuming or reaping it makes that `cancelled`. */
export type JobState = JobRecord['status'] | 'interrupted';

export interface JobWithState extends JobRecord {
  state: JobState;
}

/** Jobs in these states may be gone on with. */
const STOPPED: readonly JobState[] = ['interrupted', 'cancelled', 'failed'];

export function isStopped({ state }: JobWithState): boolean {
  return STOPPED.includes(state);
}

/** @param jobs read just now: a job lets go of its lease only after its end is on disk */
export async function withStates(store: Store, jobs: readonly JobRecord[]): Promise<JobWithState[]> {
  const leases = jobs.some(({ status }) => status === 'running') ? await store.listLeases() : [];
  return await Promise.all(jobs.map(async (job) => await withState(store, job, leases)));
}

async function withState(store: Store, job: JobRecord, leases: readonly Lease[]): Promise<JobWithState> {
  if (job.status !== 'running') return { ...job, state: job.status };
  const lease = leases.find(({ kind, jobId }) => kind === JOB_LEASE && jobId === job.id);
  if (lease !== undefined) return { ...job, state: nodeHost.isOwnerAlive(lease.owner) ? 'running' : 'interrupted' };
  // It may have ended between the two looks.
  const now = (await store.getJob(job.id)) ?? job;
  return { ...now, state: now.status === 'running' ? 'interrupted' : now.status };
}
