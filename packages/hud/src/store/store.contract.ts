/** One suite for every implementation of the store. */
import { describe, expect, test } from 'vitest';
import type { JobRecord, RunFinish, RunStart } from '../protocol/record.ts';
import type { Span } from '../protocol/trace.ts';
import type { Store } from './store.ts';

export interface StoreUnderTest extends AsyncDisposable {
  store: Store;
  /** The same data through another connection. */
  reopen(): Promise<Store>;
}

const hex = (n: number, digits = 32): string => n.toString(16).padStart(digits, '0');
export const job = (n: number, more: Partial<JobRecord> = {}): JobRecord => ({
  id: `ab${hex(n, 30)}`,
  name: `job ${n}`,
  group: 2,
  status: 'running',
  createdAt: 1_000 + n,
  config: { nested: { snake_case: 1, camelCase: null } },
  ...more,
});
export const start = (n: number, more: Partial<RunStart> = {}): RunStart => ({
  traceId: `cd${hex(n, 30)}`,
  jobId: job(1).id,
  slug: 'a',
  taskId: 'a',
  repeat: n,
  attempt: 1,
  startedAt: 5,
  ...more,
});
export const graded = (reward: number): RunFinish => ({
  class: 'graded',
  status: 'completed',
  reward,
  grade: { score: reward, info: { someKey: [1, null] } },
  answer: 'yes',
  steps: 3,
  costUsd: 0.25,
  endedAt: 9,
});
export const span = (n: number, traceId = start(1).traceId): Span => ({
  name: 'step.agent',
  traceId,
  spanId: hex(n, 16),
  parentSpanId: null,
  kind: 'INTERNAL',
  startTime: '2026-01-01T00:00:00.000000Z',
  endTime: '2026-01-01T00:00:01.000000Z',
  statusCode: 'OK',
  statusMessage: null,
  attributes: { 'hud.payload': { step_id: n, someKey: { 'odd.key': [1] } }, unknown: true },
  events: [],
});

export function describeStore(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(`the ${name} store`, () => {
    test('jobs come newest first, page by page, and can be filtered', async () => {
      await using under = await make();
      const { store } = under;
      for (let n = 1; n <= 5; n++) await store.createJob(job(n, n === 3 ? { createdAt: 1_004, status: 'completed' } : {}), []);
      const first = await store.listJobs({ limit: 2 });
      const second = await store.listJobs({ limit: 2, cursor: first.nextCursor ?? '' });
      const third = await store.listJobs({ limit: 2, cursor: second.nextCursor ?? '' });
      expect([first, second, third].flatMap((page) => page.items.map((item) => item.name))).toEqual([
        'job 5',
        'job 4',
        'job 3',
        'job 2',
        'job 1',
      ]);
      expect(third.nextCursor).toBeUndefined();
      expect((await store.listJobs({ status: 'completed' })).items.map((item) => item.name)).toEqual(['job 3']);
      expect((await store.listJobs({ since: 1_004 })).items).toHaveLength(3);
    });

    test('a job is read back as it was written, by id or prefix', async () => {
      await using under = await make();
      const { store } = under;
      const written = job(1, { agent: 'say', model: 'm', tasksetName: 't' });
      await store.createJob(written, []);
      expect(await store.getJob(written.id)).toEqual(written);
      expect(await store.getJob(written.id.slice(0, 8))).toEqual(written);
      expect(await store.getJob('ffff')).toBeUndefined();
      expect(await store.getJob("'; --")).toBeUndefined();
      await store.createJob(job(2), []);
      await expect(store.getJob('ab00')).rejects.toThrow('Several ids');
      await store.updateJob(written.id, { status: 'failed', endedAt: 7, error: 'why' });
      expect(await store.getJob(written.id)).toEqual({ ...written, status: 'failed', endedAt: 7, error: 'why' });
    });

    test('tasks keep their place and their first row', async () => {
      await using under = await make();
      const { store } = under;
      await store.createJob(job(1), [
        { slug: 'b', position: 0, row: { args: { f: 1 } } },
        { slug: 'a', position: 1, row: {} },
      ]);
      await store.addTasks(job(1).id, [
        { slug: 'a', position: 9, row: { changed: true } },
        { slug: 'c', position: 2, row: {} },
      ]);
      expect((await store.listTasks(job(1).id)).map(({ slug, row }) => [slug, row])).toEqual([
        ['b', { args: { f: 1 } }],
        ['a', {}],
        ['c', {}],
      ]);
    });

    test('the first end of a run stays', async () => {
      await using under = await make();
      const { store } = under;
      await store.createJob(job(1), []);
      await store.startRun(start(1, { groupId: 'g', agent: 'say', model: 'm' }));
      expect(await store.getRun(start(1).traceId)).toEqual(start(1, { groupId: 'g', agent: 'say', model: 'm' }));
      expect(await store.finishRun(start(1).traceId, graded(0.5))).toBe(true);
      expect(await store.finishRun(start(1).traceId, graded(1))).toBe(false);
      expect(await store.finishRun('f'.repeat(32), graded(1))).toBe(false);
      expect(await store.getRun(start(1).traceId.slice(0, 31))).toEqual({
        ...start(1, { groupId: 'g', agent: 'say', model: 'm' }),
        ...graded(0.5),
      });
    });

    test('runs come in the order of tasks, repeats and attempts, page by page', async () => {
      await using under = await make();
      const { store } = under;
      await store.createJob(job(1), [
        { slug: 'z', position: 0, row: {} },
        { slug: 'a', position: 1, row: {} },
      ]);
      await store.startRun(start(4, { slug: 'a', repeat: 0, attempt: 2 }));
      await store.startRun(start(3, { slug: 'a', repeat: 0, attempt: 1 }));
      await store.startRun(start(2, { slug: 'z', repeat: 1 }));
      await store.startRun(start(1, { slug: 'z', repeat: 0 }));
      const first = await store.listRuns(job(1).id, { limit: 3 });
      const second = await store.listRuns(job(1).id, { limit: 3, cursor: first.nextCursor ?? '' });
      expect([...first.items, ...second.items].map((run) => run.traceId)).toEqual([1, 2, 3, 4].map((n) => start(n).traceId));
      expect(second.nextCursor).toBeUndefined();
    });

    test('a row that is refused takes none of its neighbours with it', async () => {
      await using under = await make();
      const { store } = under;
      await store.createJob(job(1), []);
      const results = await Promise.allSettled([
        store.startRun(start(1)),
        store.startRun(start(1)),
        store.startRun(start(2)),
        store.startRun(start(3, { jobId: 'nobody' })),
      ]);
      expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
      expect((await store.listRuns(job(1).id)).items).toHaveLength(2);
    });

    test('spans are kept once, in order, and are there before the verdict', async () => {
      await using under = await make();
      const { store } = under;
      await store.createJob(job(1), []);
      await store.startRun(start(1));
      for (const n of [3, 1, 2, 1]) store.appendSpan(span(n));
      store.appendSpan(span(1, start(2).traceId));
      await store.finishRun(start(1).traceId, graded(1));
      const other = await under.reopen();
      const first = await other.listSpans(start(1).traceId, { limit: 2 });
      const second = await other.listSpans(start(1).traceId, { limit: 2, cursor: first.nextCursor ?? '' });
      expect([...first.items, ...second.items]).toEqual([span(3), span(1), span(2)]);
      expect((await other.listSpans(start(2).traceId)).items).toHaveLength(1);
      await other.close();
    });

    test('spans of a run that never ends are on disk after a flush, and by themselves soon', async () => {
      await using under = await make();
      const other = await under.reopen();
      under.store.appendSpan(span(1));
      await under.store.flush();
      expect((await other.listSpans(start(1).traceId)).items).toHaveLength(1);
      under.store.appendSpan(span(2));
      await expect.poll(async () => (await other.listSpans(start(1).traceId)).items.length).toBe(2);
      for (let n = 10; n < 12_000; n++) under.store.appendSpan(span(n));
      await under.store.flush();
      expect((await other.listSpans(start(1).traceId, { limit: 20_000 })).items).toHaveLength(2 + 11_990);
      await other.close();
    });

    test('the same bytes are one blob', async () => {
      await using under = await make();
      const { store } = under;
      const bytes = crypto.getRandomValues(new Uint8Array(50_000));
      const [a, b] = await Promise.all([store.putBlob(bytes, 'image/png'), store.putBlob(bytes, 'image/png')]);
      expect(a).toBe(b);
      expect(await store.getBlob(a)).toEqual({ bytes: Buffer.from(bytes), mediaType: 'image/png' });
      expect(await store.getBlob('0'.repeat(64))).toBeUndefined();
    });

    test('leases are put, listed and dropped', async () => {
      await using under = await make();
      const lease = { id: 'l1', kind: 'process', target: { pid: 5 }, owner: '1:2', createdAt: 1, deadline: 2 };
      await under.store.putLease(lease);
      expect(await under.store.listLeases()).toEqual([lease]);
      await under.store.dropLease('l1');
      await under.store.dropLease('l1');
      expect(await under.store.listLeases()).toEqual([]);
    });

    test('closing twice is fine, writing afterwards is an error', async () => {
      await using under = await make();
      await under.store.close();
      await under.store.close();
      await expect(under.store.createJob(job(1), [])).rejects.toMatchObject({ code: 'STORE_UNWRITABLE' });
    });
  });
}
