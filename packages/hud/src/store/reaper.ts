/** Destroys what processes left behind that ended without doing so: at the start, and then each minute. */
import type { Host, Timer } from '../host/host.ts';
import { messageOf } from '../protocol/errors.ts';
import type { Lease } from '../protocol/record.ts';
import { interruption, isLeftOver, JOB_LEASE } from './leases.ts';
import type { Store } from './store.ts';

const EVERY_MS = 60_000;

export interface Reaped {
  lease: Lease;
  /** Why it could not be destroyed; it is tried again next time. */
  problem?: string;
}

/** The leases whose owner has ended or gave up on them, or whose deadline has passed. */
export async function listOrphans(store: Store, host: Host): Promise<Lease[]> {
  const now = host.now();
  const isOrphan = (lease: Lease): boolean => {
    const { owner, deadline, kind } = lease;
    if (owner === host.owner) return isLeftOver(host, lease);
    return !host.isOwnerAlive(owner) || (kind !== JOB_LEASE && deadline < now);
  };
  return (await store.listLeases()).filter(isOrphan);
}

/** Destroys what every orphaned lease names and drops it. Several processes may do so at once. @throws HudError STORE_* */
export async function reap(store: Store, host: Host): Promise<Reaped[]> {
  return await Promise.all((await listOrphans(store, host)).map((lease) => reapOne(store, host, lease)));
}

async function reapOne(store: Store, host: Host, lease: Lease): Promise<Reaped> {
  if (lease.kind === JOB_LEASE) return await interruptJob(store, host, lease);
  try {
    await host.destroy(lease.kind, lease.target);
  } catch (error) {
    return { lease, problem: messageOf(error) };
  }
  await store.dropLease(lease.id);
  return { lease };
}

/** Its runs that never ended keep what they recorded and end as cancelled; the job can be resumed. */
async function interruptJob(store: Store, host: Host, lease: Lease): Promise<Reaped> {
  // Another reaper, or a process that resumes the job, may have been faster: it has done this then.
  await store.interruptJob(lease, interruption(lease.jobId ?? ''), host.now());
  return { lease };
}

/** Reaps now and each minute until it is disposed of; a round that fails is left to the next. */
export function keepReaping(store: Store, host: Host): AsyncDisposable {
  let isOver = false;
  let timer: Timer | undefined;
  let round: Promise<unknown> = Promise.resolve();
  const next = (): void => {
    if (isOver) return;
    // What failed here fails for the store's other users too, who say so.
    round = reap(store, host).catch(() => {});
    timer = host.setTimer(EVERY_MS, next, { unref: true });
  };
  next();
  return {
    [Symbol.asyncDispose]: async () => {
      isOver = true;
      timer?.cancel();
      await round;
    },
  };
}
