/** Things that exist outside this process: written down before they are made, forgotten when they are gone. */
import type { Host } from '../host/host.ts';
import { HudError } from '../protocol/errors.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { Lease, RunError } from '../protocol/record.ts';
import type { Store } from './store.ts';

/** A lease in force. */
export interface HeldLease {
  readonly id: string;
  readonly target: JsonObject;
  /** Notes which run it serves now, for whoever lists leases. */
  assign(traceId: string): void;
  /** Destroys what is left of it, then forgets it. May be called twice. */
  release(): Promise<void>;
}

export interface LeaseInit {
  kind: string;
  /** How to destroy it, made from the lease's id. */
  target: (id: string) => JsonObject;
  jobId?: string;
  traceId?: string;
  /** Seconds after which anyone may destroy it, its owner running or not. @default 86_400 */
  seconds?: number;
}

const DEFAULT_SECONDS = 86_400;

/** Without a store nothing is written, and only this process knows. */
export class Leases {
  readonly #store: Store | undefined;
  readonly #host: Host;
  readonly #jobId: string | undefined;

  constructor(store: Store | undefined, host: Host, jobId?: string) {
    this.#store = store;
    this.#host = host;
    this.#jobId = jobId;
  }

  /** On disk when this settles: what it names may be made from then on. @throws HudError STORE_* */
  async hold(init: LeaseInit): Promise<HeldLease> {
    const id = this.#host.randomHex(8);
    const now = this.#host.now();
    const target = init.target(id);
    const jobId = init.jobId ?? this.#jobId;
    let lease: Lease = {
      id,
      kind: init.kind,
      target,
      owner: this.#host.owner,
      ...(jobId === undefined ? {} : { jobId }),
      ...(init.traceId === undefined ? {} : { traceId: init.traceId }),
      createdAt: now,
      deadline: now + (init.seconds ?? DEFAULT_SECONDS) * 1000,
    };
    await this.#store?.putLease(lease);
    let released: Promise<void> | undefined;
    return {
      id,
      target,
      assign: (traceId) => {
        lease = { ...lease, traceId };
        // Nothing is lost with this note, and a store that can't be written says so elsewhere.
        if (released === undefined) this.#store?.putLease(lease).catch(() => {});
      },
      release: () => (released ??= this.#release(lease)),
    };
  }

  async #release({ id, kind, target }: Lease): Promise<void> {
    await this.#host.destroy(kind, target);
    // Left in a store that fails or is closed, the lease names nothing any more, and a reaper drops it.
    void this.#store?.dropLease(id).catch(() => {});
  }
}

/** Leases of jobs: whoever holds one runs the job. */
export const JOB_LEASE = 'job';

const FOREVER = 8_640_000_000_000_000; // the last moment that a date can name

/**
 * Makes this process the one that runs the job, also in place of one that has ended: what that left open
 * ends as cancelled.
 * @returns how to let go of it
 * @throws HudError JOB_RUNNING while another process runs it
 */
export async function claimJob(store: Store, host: Host, jobId: string): Promise<() => Promise<void>> {
  const id = `${JOB_LEASE}:${jobId}`;
  const held = (await store.listLeases()).find((lease) => lease.id === id);
  const lease: Lease = { id, kind: JOB_LEASE, target: { jobId }, owner: host.owner, jobId, createdAt: host.now(), deadline: FOREVER };
  // A claim replaces no other, not even one of this process: hence from nobody.
  const isClaimed =
    held === undefined
      ? await store.putLease(lease, { from: '' })
      : !host.isOwnerAlive(held.owner) && (await store.interruptJob(held, interruption(jobId), host.now(), host.owner));
  if (!isClaimed) {
    throw new HudError('JOB_RUNNING', `Job ${jobId} is being run by process ${held?.owner.split(':')[0] ?? '?'}.`, {
      hint: 'Wait until it is done, or interrupt that process; what it has finished stays.',
    });
  }
  return async () => await store.dropLease(id);
}

/** Why runs and a job ended whose process is gone. */
export function interruption(jobId: string): RunError {
  return {
    code: 'CANCELLED',
    message: 'The process that ran it ended before it did.',
    hint: `\`hud resume ${jobId.slice(0, 8)}\` goes on with the job.`,
  };
}
