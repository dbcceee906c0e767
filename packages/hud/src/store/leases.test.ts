import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { leasedFolder } from '../host/destroy.ts';
import { nodeHost } from '../host/node.ts';
import type { Host } from '../host/host.ts';
import { claimJob, JOB_LEASE, Leases } from './leases.ts';
import { keepReaping, listOrphans, reap } from './reaper.ts';
import { openStore } from './sqlite.ts';
import { job, span, start } from './store.fixtures.ts';
import type { Store } from './store.ts';

const DEAD = '4194305:1@nowhere';
/** A host on which this owner has ended. */
const host: Host = { ...nodeHost, owner: nodeHost.owner, isOwnerAlive: (owner) => owner !== DEAD };

let folder: string;
let store: Store;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hud-leases-'));
  store = await openStore({ directory: folder });
});
afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true });
});

const jobLease = (owner: string): Parameters<Store['putLease']>[0] => ({
  id: `${JOB_LEASE}:${job(1).id}`,
  kind: JOB_LEASE,
  target: { jobId: job(1).id },
  owner,
  jobId: job(1).id,
  createdAt: 1,
  deadline: 2,
});

test('a lease is written before what it names exists, and forgotten once that is gone', async () => {
  const lease = await new Leases(store, host, 'j').hold({ kind: 'process', target: (id) => ({ folder: leasedFolder(id) }) });
  expect(await store.listLeases()).toMatchObject([{ id: lease.id, kind: 'process', owner: host.owner, jobId: 'j' }]);
  await mkdir(leasedFolder(lease.id));
  lease.assign('t1');
  await store.flush();
  expect(await store.listLeases()).toMatchObject([{ traceId: 't1' }]);
  await Promise.all([lease.release(), lease.release()]);
  await store.flush();
  expect(existsSync(leasedFolder(lease.id))).toBe(false);
  expect(await store.listLeases()).toEqual([]);
});

test('what a dead process left is destroyed, what a living one holds is not', async () => {
  const mine = await new Leases(store, host).hold({ kind: 'process', target: (id) => ({ folder: leasedFolder(id) }) });
  const theirs = await new Leases(store, { ...host, owner: DEAD }).hold({
    kind: 'process',
    target: (id) => ({ folder: leasedFolder(id) }),
  });
  for (const { id } of [mine, theirs]) await mkdir(leasedFolder(id));
  expect((await listOrphans(store, host)).map(({ id }) => id)).toEqual([theirs.id]);
  expect((await reap(store, host)).map(({ lease }) => lease.id)).toEqual([theirs.id]);
  expect([mine, theirs].map(({ id }) => existsSync(leasedFolder(id)))).toEqual([true, false]);
  expect((await store.listLeases()).map(({ id }) => id)).toEqual([mine.id]);
  await mine.release();
});

test('past its deadline anybody but its owner may destroy it', async () => {
  const other = '1:1@elsewhere';
  await new Leases(store, { ...host, owner: other }).hold({ kind: 'process', target: () => ({}), seconds: -1 });
  await new Leases(store, host).hold({ kind: 'process', target: () => ({}), seconds: -1 });
  expect((await listOrphans(store, host)).map(({ owner }) => owner)).toEqual([other]);
});

test('what could not be destroyed is told, kept, and tried again', async () => {
  await new Leases(store, { ...host, owner: DEAD }).hold({ kind: 'process', target: () => ({}) });
  const stubborn: Host = { ...host, destroy: async () => await Promise.reject(new Error('it clings on')) };
  expect(await reap(store, stubborn)).toMatchObject([{ problem: 'it clings on' }]);
  expect(await store.listLeases()).toHaveLength(1);
  expect(await reap(store, host)).toMatchObject([{}]);
  expect(await store.listLeases()).toEqual([]);
});

test('the reaper of a running process looks at once', async () => {
  await new Leases(store, { ...host, owner: DEAD }).hold({ kind: 'process', target: () => ({}) });
  await keepReaping(store, host)[Symbol.asyncDispose]();
  expect(await store.listLeases()).toEqual([]);
});

test('a job whose process ended is interrupted: its runs keep what they recorded', async () => {
  await store.createJob(job(1), []);
  await store.startRun(start(1));
  store.appendSpan(span(1));
  store.appendSpan(span(2));
  await store.putLease(jobLease(DEAD));
  await store.flush();
  await reap(store, host);
  expect(await store.getRun(start(1).traceId)).toMatchObject({
    class: 'cancelled',
    status: 'cancelled',
    steps: 2,
    error: { code: 'CANCELLED' },
  });
  expect(await store.getJob(job(1).id)).toMatchObject({
    status: 'cancelled',
    error: expect.stringContaining('hud resume ab000000') as string,
  });
  expect(await store.listLeases()).toEqual([]);
});

test('a job has one owner: it is claimed from nobody or from the dead, once', async () => {
  await store.createJob(job(1), []);
  const claims = await Promise.allSettled([claimJob(store, host, job(1).id), claimJob(store, host, job(1).id)]);
  expect(claims.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  await expect(claimJob(store, host, job(1).id)).rejects.toMatchObject({ code: 'JOB_RUNNING' });
  for (const claim of claims) if (claim.status === 'fulfilled') await claim.value.release();
  await store.putLease(jobLease(DEAD));
  await store.startRun(start(1));
  const claim = await claimJob(store, host, job(1).id);
  expect((await store.getRun(start(1).traceId))?.class).toBe('cancelled');
  expect(await store.listLeases()).toMatchObject([{ owner: host.owner }]);
  await claim.release();
});

test('who comes too late to a dead job changes nothing: neither its new lease nor its new runs', async () => {
  await store.createJob(job(1), []);
  await store.putLease(jobLease(DEAD));
  const claim = await claimJob(store, host, job(1).id);
  await store.startRun(start(1));
  const error = { code: 'CANCELLED', message: 'late' };
  expect(await store.interruptJob(jobLease(DEAD), error, 9)).toBe(false);
  expect((await store.getRun(start(1).traceId))?.class).toBeUndefined();
  expect(await store.listLeases()).toMatchObject([{ owner: host.owner }]);
  await claim.release();
});

test('a start that is repeated is one start, another run of the same attempt is refused', async () => {
  await store.createJob(job(1), []);
  await store.startRun(start(1));
  await store.startRun(start(1));
  await expect(store.startRun({ ...start(1), traceId: start(2).traceId })).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
  expect((await store.listRuns(job(1).id)).items).toHaveLength(1);
});

test('a job that is opened again has neither end nor error', async () => {
  await store.createJob(job(1, { status: 'failed', endedAt: 5, error: 'why' }), []);
  await store.reopenJob(job(1).id);
  expect(await store.getJob(job(1).id)).toEqual(job(1));
});

test('what this process could not destroy is left to its own reaper', async () => {
  let isStubborn = true;
  const stubborn: Host = {
    ...host,
    destroy: async () => await (isStubborn ? Promise.reject(new Error('busy')) : Promise.resolve()),
  };
  const lease = await new Leases(store, stubborn).hold({ kind: 'process', target: () => ({}) });
  await expect(lease.release()).rejects.toThrow('busy');
  expect(await reap(store, stubborn)).toMatchObject([{ problem: 'busy' }]);
  isStubborn = false;
  expect(await reap(store, stubborn)).toMatchObject([{ lease: { id: lease.id } }]);
  expect(await store.listLeases()).toEqual([]);
});

test('a job that this process let go of is free, also when its lease could not be dropped', async () => {
  await store.createJob(job(1), []);
  const failing: Store = new Proxy(store, {
    get: (target, key) =>
      key === 'dropLease' ? async () => await Promise.reject(new Error('full')) : Reflect.get(target, key, target).bind(target),
  });
  const claim = await claimJob(failing, host, job(1).id);
  await expect(claim.release()).rejects.toThrow('full');
  expect(await listOrphans(store, host)).toHaveLength(1);
  const again = await claimJob(store, host, job(1).id);
  expect(await listOrphans(store, host)).toEqual([]);
  await again.release();
  expect(await store.listLeases()).toEqual([]);
});

test('an abandoned job keeps its lease, which the reaper of this process ends together with what is open', async () => {
  await store.createJob(job(1), []);
  const claim = await claimJob(store, host, job(1).id);
  await store.startRun(start(1));
  claim.abandon();
  await reap(store, host);
  expect((await store.getRun(start(1).traceId))?.class).toBe('cancelled');
  expect(await store.getJob(job(1).id)).toMatchObject({ status: 'cancelled' });
});

test('a claim that a reaper overtakes is tried again', async () => {
  await store.createJob(job(1), []);
  await store.putLease(jobLease(DEAD));
  const overtaken: Store = new Proxy(store, {
    get: (target, key) => {
      if (key !== 'listLeases') return Reflect.get(target, key, target).bind(target);
      return async () => {
        const leases = await target.listLeases();
        await reap(target, host); // between the look and the claim
        return leases;
      };
    },
  });
  await (await claimJob(overtaken, host, job(1).id)).release();
});
