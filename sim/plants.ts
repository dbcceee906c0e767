/** Defects on purpose, one for each invariant: a simulator that does not find these would find no others. */
import { Journal } from '../packages/hud/src/eval/journal.ts';
import { Job } from '../packages/hud/src/eval/job.ts';
import { Sessions } from '../packages/hud/src/environment/sessions.ts';
import type { Host } from '../packages/hud/src/host/host.ts';
import type { Store } from '../packages/hud/src/store/index.ts';
import type { SimProcess } from './process.ts';
import type { Invariant } from './world.ts';

export interface Plant {
  name: string;
  /** What it breaks, in words. */
  does: string;
  /** Any of these is the simulator's finding: which comes first depends on the seed. */
  breaks: readonly Invariant[];
  store?: (store: Store) => Store;
  host?: (host: Host, process: SimProcess) => Host;
  /** Changes the product's own classes. @returns how to change them back */
  patch?: () => () => void;
}

export const PLANTS: readonly Plant[] = [
  {
    name: 'lost-verdict',
    does: 'a verdict is acknowledged before it is on disk',
    breaks: ['verdict-lost', 'slot-once', 'sums'],
    store: (store) =>
      replace(store, {
        finishRun: async (traceId, finish) => {
          store.finishRun(traceId, finish).catch(() => {});
          return true;
        },
      }),
  },
  {
    name: 'unsynced-verdict',
    does: 'a verdict is acknowledged before the disk itself has it',
    breaks: ['verdict-lost', 'slot-once', 'failed-run'],
    host: (host) => ({ ...restOf(host), openForSync: async () => ({ sync: async () => {}, close: async () => {} }) }),
  },
  {
    name: 'double-grade',
    does: 'a parked task may be graded by whoever asks',
    breaks: ['graded-once'],
    patch: () => {
      const { leave } = Sessions.prototype;
      Sessions.prototype.leave = async function (this: Sessions, session) {
        session.adoptable = true;
        await leave.call(this, session);
      };
      return () => void (Sessions.prototype.leave = leave);
    },
  },
  {
    name: 'rerun-graded',
    does: 'a job that goes on runs everything again',
    breaks: ['slot-once'],
    patch: () => {
      const { isDone } = Journal.prototype;
      Journal.prototype.isDone = ((): boolean => false) as unknown as typeof isDone;
      return () => void (Journal.prototype.isDone = isDone);
    },
  },
  {
    name: 'lost-steps',
    does: 'one step in sixteen never reaches the record',
    breaks: ['spans'],
    store: (store) => replace(store, { appendSpan: (span) => (span.spanId.endsWith('0') ? undefined : store.appendSpan(span)) }),
  },
  {
    name: 'orphan',
    does: 'what a lease names is not destroyed when it is released or reaped',
    breaks: ['orphan'],
    host: (host) => ({ ...restOf(host), destroy: async () => {} }),
  },
  {
    name: 'forgotten-lease',
    does: 'leases of processes are kept in memory only',
    breaks: ['orphan'],
    store: (store) =>
      replace(store, { putLease: async (lease, options) => lease.kind === 'process' || (await store.putLease(lease, options)) }),
  },
  {
    name: 'unclaimed-job',
    does: 'whoever asks may run a job, also one that is being run',
    breaks: ['slot-once', 'sums', 'failed-run', 'verdict-lost'],
    store: (store) =>
      replace(store, { putLease: async (lease, options) => lease.kind !== 'process' || (await store.putLease(lease, options)) }),
  },
  {
    name: 'sums',
    does: 'the summary leaves out one class of fault',
    breaks: ['sums'],
    patch: () => {
      const { summary } = Job.prototype;
      Job.prototype.summary = function (this: Job) {
        const { excluded, ...rest } = summary.call(this);
        const { sandbox: _left, ...others } = excluded;
        return { ...rest, excluded: others };
      };
      return () => void (Job.prototype.summary = summary);
    },
  },
  {
    name: 'lost-wake-up',
    does: 'now and then what was put off is forgotten',
    breaks: ['hang', 'ran-dry'],
    host: (host, process) => ({ ...restOf(host), defer: (fn) => (process.random.chance(0.02) ? undefined : host.defer(fn)) }),
  },
  {
    name: 'lost-timer',
    does: 'deadlines of twenty seconds and more never come',
    breaks: ['hang'],
    host: (host) => ({ ...restOf(host), setTimer: (ms, fn, options) => host.setTimer(ms >= 20_000 ? 1e12 : ms, fn, options) }),
  },
];

/** All members as they are, the owner included, which the host computes. */
function restOf(host: Host): Host {
  return { ...host, owner: host.owner };
}

function replace(store: Store, members: Partial<Store>): Store {
  return new Proxy(store, {
    get: (target, key) => {
      if (Object.hasOwn(members, key)) return members[key as keyof Store];
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
