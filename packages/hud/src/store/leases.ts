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

  /** What is held is written down: when this process is killed, another one destroys it. */
  get isRecorded(): boolean {
    return this.#store !== undefined;
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
    try {
      await this.#host.destroy(kind, target);
    } catch (error) {
      leftOver.add(keyOf(this.#host, id)); // the reaper of this process tries again
      throw error;
    }
    // Left in a store that fails or is closed, the lease names nothing any more, and a reaper drops it.
    void this.#store?.dropLease(id).catch(() => {});
  }
}

/** Leases of this process whose things could not be destroyed, and jobs that it runs: by {@link keyOf}. */
const leftOver = new Set<string>();
const running = new Set<string>();

/** Several hosts may share a process when it is simulated. */
function keyOf(host: Host, id: string): string {
  return `${host.owner} ${id}`;
}

/** A lease of this process that it does not use: what it names could not be destroyed, or it runs that job no longer. */
export function isLeftOver(host: Host, { id, kind, owner }: Lease): boolean {
  if (owner !== host.owner) return false;
  return kind === JOB_LEASE ? !running.has(keyOf(host, id)) : leftOver.has(keyOf(host, id));
}

/** Leases of jobs: whoever holds one runs the job. */
export const JOB_LEASE = 'job';

const FOREVER = 8_640_000_000_000_000; // the last moment that a date can name

/** The right to run a job. */
export interface JobClaim {
  /** The job has ended, in the record too: its lease goes. @throws HudError STORE_* */
  release(): Promise<void>;
  /** It has not, or could not be written: a reaper, or whoever runs it next, ends what is open. */
  abandon(): void;
}

/** Whoever is faster has made progress, so this many tries are plenty. */
const CLAIM_TRIES = 5;

/**
 * Makes this process the one that runs the job, also in place of one that has ended: what that left open
 * ends as cancelled.
 * @throws HudError JOB_RUNNING while another process runs it, or this one
 */
export async function claimJob(store: Store, host: Host, jobId: string): Promise<JobClaim> {
  const key = keyOf(host, `${JOB_LEASE}:${jobId}`);
  if (running.has(key)) throw isRunBy(jobId, host.owner);
  running.add(key);
  try {
    await claim(store, host, jobId);
  } catch (error) {
    running.delete(key);
    throw error;
  }
  return {
    release: async () => {
      running.delete(key); // first: a lease that can't be dropped now is free all the same
      await store.dropLease(`${JOB_LEASE}:${jobId}`);
    },
    abandon: () => void running.delete(key),
  };
}

async function claim(store: Store, host: Host, jobId: string): Promise<void> {
  const id = `${JOB_LEASE}:${jobId}`;
  let owner: string | undefined;
  for (let tries = 0; tries < CLAIM_TRIES; tries++) {
    const held = (await store.listLeases()).find((lease) => lease.id === id);
    const lease: Lease = { id, kind: JOB_LEASE, target: { jobId }, owner: host.owner, jobId, createdAt: host.now(), deadline: FOREVER };
    if (held === undefined ? await store.putLease(lease, { from: '' }) : await takeOver(store, host, held)) return;
    owner = held?.owner;
    if (owner !== undefined && owner !== host.owner && host.isOwnerAlive(owner)) break;
  }
  throw isRunBy(jobId, owner);
}

/** From a process that has ended, or from an earlier run in this one. */
async function takeOver(store: Store, host: Host, held: Lease): Promise<boolean> {
  if (held.owner !== host.owner && host.isOwnerAlive(held.owner)) return false;
  return await store.interruptJob(held, interruption(held.jobId ?? ''), host.now(), host.owner);
}

function isRunBy(jobId: string, owner: string | undefined): HudError {
  return new HudError('JOB_RUNNING', `Job ${jobId} is being run by process ${owner?.split(':')[0] ?? '?'}.`, {
    hint: 'Wait until it is done, or interrupt that process; what it has finished stays.',
  });
}

/** Why runs and a job ended whose process is gone. */
export function interruption(jobId: string): RunError {
  return {
    code: 'CANCELLED',
    message: 'The process that ran it ended before it did.',
    hint: `\`hud resume ${jobId.slice(0, 8)}\` goes on with the job.`,
  };
}
