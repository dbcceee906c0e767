/** The right to send a job to a platform: one process at a time. */
import type { Host } from '../../host/host.ts';
import type { Lease } from '../../protocol/record.ts';
import type { Store } from '../../store/store.ts';

export const REPORT_LEASE = 'report';

const FOREVER = 8_640_000_000_000_000; // the last moment that a date can name

/** Of this process. Several hosts may share it when it is simulated. */
const held = new Set<string>();

/**
 * Takes the right from nobody, or from a process that has ended.
 * @returns how to give it back, may be called twice; undefined while somebody else has it
 * @throws HudError STORE_*
 */
export async function claimReport(store: Store, host: Host, jobId: string): Promise<(() => Promise<void>) | undefined> {
  const id = `${REPORT_LEASE}:${jobId}`;
  const key = `${host.owner} ${id} ${store.location}`;
  if (held.has(key)) return undefined;
  held.add(key);
  try {
    if (await isWritten(store, host, { id, jobId })) {
      return async () => {
        if (held.delete(key)) await store.dropLease(id);
      };
    }
  } catch (error) {
    held.delete(key);
    throw error;
  }
  held.delete(key);
  return undefined;
}

async function isWritten(store: Store, host: Host, { id, jobId }: { id: string; jobId: string }): Promise<boolean> {
  const lease: Lease = { id, kind: REPORT_LEASE, target: { jobId }, owner: host.owner, jobId, createdAt: host.now(), deadline: FOREVER };
  if (await store.putLease(lease, { from: '' })) return true;
  const other = (await store.listLeases()).find((one) => one.id === id);
  if (other !== undefined && other.owner !== host.owner && host.isOwnerAlive(other.owner)) return false;
  return await store.putLease(lease, { from: other?.owner ?? '' });
}
