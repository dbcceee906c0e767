/** One suite for every implementation of the store. */
import { createHash, randomBytes } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Float } from '../protocol/json.ts';
import type { RunFinish } from '../protocol/record.ts';
import type { Span } from '../protocol/trace.ts';
import { readReference } from '../protocol/blob-reference.ts';
import type { Page, Paged, Store } from './store.ts';
import { graded, job, lease, rowOf, span, start } from './store.fixtures.ts';

export interface StoreUnderTest extends AsyncDisposable {
  store: Store;
  /** The same data through another connection. */
  reopen(): Promise<Store>;
}

export function describeStore(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(`the ${name} store`, () => {
    describe('keeps jobs and tasks', () => {
      jobs(make);
    });
    describe('keeps runs', () => {
      runs(make);
    });
    describe('keeps spans', () => {
      spans(make);
    });
    describe('takes rows of spans and tells what came', () => {
      rows(make);
    });
    describe('keeps images and files of spans', () => {
      spanBlobs(make);
    });
    describe('keeps blobs and leases', () => {
      others(make);
    });
    describe('as a whole', () => {
      whole(make);
    });
  });
}

/** Every page of a list, in one piece. */
async function pages<T>(list: (page: Page) => Promise<Paged<T>>, limit: number): Promise<T[][]> {
  const found: T[][] = [];
  let cursor: string | undefined;
  do {
    const page = await list({ limit, ...(cursor === undefined ? {} : { cursor }) });
    found.push(page.items);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return found;
}

function jobs(make: () => Promise<StoreUnderTest>): void {
  test('newest first, page by page, also those of the same moment, and filtered', async () => {
    await using under = await make();
    const { store } = under;
    for (let n = 1; n <= 5; n++) await store.createJob(job(n, n === 3 ? { createdAt: 1_004, status: 'completed' } : {}), []);
    const all = await pages((page) => store.listJobs(page), 2);
    expect(all.map((page) => page.map((item) => item.name))).toEqual([['job 5', 'job 4'], ['job 3', 'job 2'], ['job 1']]);
    expect((await store.listJobs({ status: 'completed' })).items.map((item) => item.name)).toEqual(['job 3']);
    expect((await store.listJobs({ since: 1_004 })).items).toHaveLength(3);
    expect((await store.listJobs({ limit: 5 })).nextCursor).toBeUndefined();
  });

  test('a page goes on where the one before ended, whatever came meanwhile', async () => {
    await using under = await make();
    const { store } = under;
    for (const n of [1, 2, 4]) await store.createJob(job(n), []);
    const first = await store.listJobs({ limit: 2 });
    await store.createJob(job(5), []);
    await store.createJob(job(3), []);
    expect((await store.listJobs({ limit: 2, cursor: first.nextCursor ?? '' })).items.map((item) => item.name)).toEqual(['job 1']);
  });

  test('as they were written, found by id or prefix', async () => {
    await using under = await make();
    const { store } = under;
    const written = job(1, { agent: 'say', model: 'm', tasksetName: 't', createdAt: 1_000.5 });
    await store.createJob(written, []);
    expect(await store.getJob(written.id)).toEqual(written);
    expect(await store.getJob(written.id.slice(0, 8))).toEqual(written);
    expect(await store.getJob(written.id.toUpperCase().replace(/^(.{8})(.{4})/, '$1-$2-'))).toEqual(written);
    for (const none of ['ffff', 'ab0', '', "'; --", `${written.id}0`]) expect(await store.getJob(none)).toBeUndefined();
    await store.createJob(job(2), []);
    await expect(store.getJob('ab00')).rejects.toMatchObject({
      code: 'BAD_ARGUMENT',
      message: expect.stringContaining('Several ids') as string,
    });
    expect(await store.getJob(written.id)).toEqual(written);
  });

  test('changes reach the members that they name, and no job that is not there', async () => {
    await using under = await make();
    const { store } = under;
    await store.createJob(job(1), []);
    await store.updateJob(job(1).id, { status: 'failed', endedAt: 7, error: 'why' });
    expect(await store.getJob(job(1).id)).toEqual(job(1, { status: 'failed', endedAt: 7, error: 'why' }));
    await expect(store.updateJob(job(2).id, { status: 'failed' })).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
  });

  test('where it was sent to, and when that was complete', async () => {
    await using under = await make();
    const { store } = under;
    await store.createJob(job(1, { reportedTo: 'http://127.0.0.1:1' }), []);
    expect(await store.getJob(job(1).id)).toEqual(job(1, { reportedTo: 'http://127.0.0.1:1' }));
    await store.updateJob(job(1).id, { reportedAt: 7.5 });
    expect(await store.getJob(job(1).id)).toEqual(job(1, { reportedTo: 'http://127.0.0.1:1', reportedAt: 7.5 }));
  });

  test('tasks keep their place, their first row, and which numbers were floats', async () => {
    await using under = await make();
    const { store } = under;
    await store.createJob(job(1), [
      { slug: 'b', position: 0, row: { args: { ratio: new Float(1), n: 1 } } },
      { slug: 'a', position: 1, row: {} },
    ]);
    await store.addTasks(job(1).id, [
      { slug: 'a', position: 9, row: { changed: true } },
      { slug: 'c', position: 2, row: {} },
    ]);
    const tasks = await store.listTasks(job(1).id);
    expect(tasks.map(({ slug, row }) => [slug, JSON.stringify(row)])).toEqual([
      ['b', '{"args":{"ratio":1.0,"n":1}}'],
      ['a', '{}'],
      ['c', '{}'],
    ]);
    expect(tasks[0]).toMatchObject({ jobId: job(1).id, position: 0 });
  });

  test('a job with a task that is refused is not there at all', async () => {
    await using under = await make();
    const { store } = under;
    const twice = [
      { slug: 'a', position: 0, row: {} },
      { slug: 'a', position: 1, row: {} },
    ];
    const results = await Promise.allSettled([store.createJob(job(1), twice), store.createJob(job(2), [])]);
    expect(results.map((result) => result.status)).toEqual(['rejected', 'fulfilled']);
    expect((await store.listJobs()).items.map((item) => item.name)).toEqual(['job 2']);
  });
}

function runs(make: () => Promise<StoreUnderTest>): void {
  test('the first end of a run stays', async () => {
    await using under = await make();
    const { store } = under;
    const started = start(1, { groupId: 'g', agent: 'say', model: 'm' });
    await store.createJob(job(1), []);
    await store.startRun(started);
    expect(await store.getRun(started.traceId)).toEqual(started);
    expect(await store.finishRun(started.traceId, graded(0.5))).toBe(true);
    expect(await store.finishRun(started.traceId, graded(1))).toBe(false);
    expect(await store.finishRun('f'.repeat(32), graded(1))).toBe(false);
    expect(await store.getRun(started.traceId.slice(0, 31))).toEqual({ ...started, ...graded(0.5) });
  });

  test('of two ends at once one is told that it counts', async () => {
    await using under = await make();
    const { store } = under;
    const other = await under.reopen();
    await store.createJob(job(1), []);
    for (let n = 0; n < 10; n++) await store.startRun(start(n));
    for (let n = 0; n < 10; n++) {
      const ends = await Promise.all([store.finishRun(start(n).traceId, graded(0.25)), other.finishRun(start(n).traceId, graded(0.75))]);
      expect(ends.filter(Boolean)).toHaveLength(1);
      expect(await store.getRun(start(n).traceId)).toMatchObject({ reward: ends[0] ? 0.25 : 0.75 });
    }
    await other.close();
  });

  test('a fault keeps its evidence', async () => {
    await using under = await make();
    const { store } = under;
    const fault: RunFinish = {
      class: 'provider',
      status: 'error',
      error: { code: 'MODEL_UNAVAILABLE', message: 'm', hint: 'h', data: { exitCode: 1, nested: { some_key: null } } },
      steps: 0,
      endedAt: 9,
    };
    await store.createJob(job(1), []);
    await store.startRun(start(1));
    await store.finishRun(start(1).traceId, fault);
    expect(await store.getRun(start(1).traceId)).toEqual({ ...start(1), ...fault });
  });

  test.each([{ reward: Number.NaN }, { costUsd: Number.POSITIVE_INFINITY }])('no number of an end may be %o', async (change) => {
    await using under = await make();
    const { store } = under;
    await store.createJob(job(1), []);
    await store.startRun(start(1));
    await expect(store.finishRun(start(1).traceId, { ...graded(1), ...change })).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    expect((await store.getRun(start(1).traceId))?.class).toBeUndefined();
  });

  test('in the order of tasks, repeats and attempts, page by page', async () => {
    await using under = await make();
    const { store } = under;
    await store.createJob(job(1), [
      { slug: 'z', position: 0, row: {} },
      { slug: 'a', position: 1, row: {} },
    ]);
    await store.startRun(start(6, { slug: 'no task' }));
    await store.startRun(start(5, { slug: 'a', repeat: 10, attempt: 1 }));
    await store.startRun(start(4, { slug: 'a', repeat: 2, attempt: 2 }));
    await store.startRun(start(3, { slug: 'a', repeat: 2, attempt: 1 }));
    await store.startRun(start(2, { slug: 'z', repeat: 1 }));
    await store.startRun(start(1, { slug: 'z', repeat: 0 }));
    const all = await pages((page) => store.listRuns(job(1).id, page), 2);
    expect(all.map((page) => page.map((run) => run.traceId))).toEqual(
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ].map((page) => page.map((n) => start(n).traceId)),
    );
    expect((await store.listRuns(job(2).id)).items).toEqual([]);
  });

  test('of many and few to a task, with tasks that have none and runs that have no task, each page goes on after the one before', async () => {
    await using under = await make();
    const { store } = under;
    const slugs = ['none', 'many', 'few', 'late', 'none either'];
    await store.createJob(
      job(1),
      slugs.filter((slug) => slug !== 'late').map((slug, position) => ({ slug, position, row: {} })),
    );
    const repeats = Object.entries({ many: 40, few: 2, late: 3, 'z without': 30, 'a without': 4 });
    let n = 0;
    for (const [slug, count] of repeats) for (let repeat = count; repeat-- > 0;) await store.startRun(start(++n, { slug, repeat }));
    await store.addTasks(job(1).id, [{ slug: 'late', position: 9, row: {} }]);
    const expected = ['many', 'few', 'late', 'a without', 'z without'].flatMap((slug) =>
      Array.from({ length: Object.fromEntries(repeats)[slug] ?? 0 }, (_, repeat) => `${slug} ${repeat}`),
    );
    for (const limit of [1, 7, 1_000]) {
      const found = (await pages((page) => store.listRuns(job(1).id, page), limit)).flat();
      expect(found.map(({ slug, repeat }) => `${slug} ${repeat}`)).toEqual(expected);
    }
  });

  test('the same start twice is one run', async () => {
    await using under = await make();
    const { store } = under;
    await store.createJob(job(1), []);
    await store.startRun(start(1));
    await store.finishRun(start(1).traceId, graded(1));
    await store.startRun(start(1));
    expect((await store.listRuns(job(1).id)).items).toEqual([{ ...start(1), ...graded(1) }]);
  });

  test('a row that is refused takes none of its neighbours with it', async () => {
    await using under = await make();
    const { store } = under;
    await store.createJob(job(1), []);
    const results = await Promise.allSettled([
      store.startRun(start(1)),
      store.startRun(start(1, { traceId: start(9).traceId })),
      store.startRun(start(2)),
      store.startRun(start(3, { jobId: 'nobody' })),
    ]);
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
    expect(results[1]).toMatchObject({ reason: { code: 'BAD_ARGUMENT' } });
    expect((await store.listRuns(job(1).id)).items).toHaveLength(2);
  });
}

function spans(make: () => Promise<StoreUnderTest>): void {
  test('once, in the order of their coming, and there before the verdict', async () => {
    await using under = await make();
    const { store } = under;
    const other = await under.reopen();
    await store.createJob(job(1), []);
    await store.startRun(start(1));
    for (const n of [3, 1, 2, 1]) store.appendSpan(span(n));
    store.appendSpan(span(1, start(2).traceId));
    await store.finishRun(start(1).traceId, graded(1));
    expect(await pages((page) => other.listSpans(start(1).traceId, page), 2)).toEqual([[span(3), span(1)], [span(2)]]);
    expect((await other.listSpans(start(2).traceId)).items).toHaveLength(1);
    store.appendSpan(span(3, start(1).traceId, { name: 'step.tool' }));
    await store.flush();
    expect((await other.listSpans(start(1).traceId)).items[0]).toEqual(span(3));
    await other.close();
  });

  test('on disk after a flush, and by themselves soon', async () => {
    await using under = await make();
    const other = await under.reopen();
    under.store.appendSpan(span(1));
    await under.store.flush();
    expect((await other.listSpans(start(1).traceId)).items).toHaveLength(1);
    under.store.appendSpan(span(2));
    await expect.poll(async () => (await other.listSpans(start(1).traceId)).items.length).toBe(2);
    await other.close();
  });

  test('more than the queue holds, none lost and none out of order', async () => {
    await using under = await make();
    const { store } = under;
    for (let n = 1; n <= 25_000; n++) store.appendSpan(span(n));
    await store.flush();
    const ids = (await pages((page) => store.listSpans(start(1).traceId, page), 10_000)).flat().map((item) => item.spanId);
    expect(ids).toEqual(Array.from({ length: 25_000 }, (_, i) => span(i + 1).spanId));
  });

  test('large ones, and texts of any kind', async () => {
    await using under = await make();
    const { store } = under;
    const large = span(1, start(1).traceId, { attributes: { data: 'x'.repeat(12_000_000) } });
    const odd = span(2, start(1).traceId, {
      statusCode: 'ERROR',
      statusMessage: 'é\u2028\u0000\ud83d\ude00 \ud800',
      attributes: { 'a.b': [[], {}, null, 1e300], '': 0 },
      events: [{ name: 'e', timestamp: 't', attributes: { k: 1 } }],
    });
    store.appendSpan(large);
    store.appendSpan(odd);
    await store.flush();
    expect((await store.listSpans(start(1).traceId)).items).toEqual([large, odd]);
  });

  test('a span that can not be written as JSON is refused at once, and nothing else', async () => {
    await using under = await make();
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    expect(() => under.store.appendSpan(span(1, start(1).traceId, { attributes: circular }))).toThrow('JSON');
    under.store.appendSpan(span(2));
    await under.store.flush();
    expect((await under.store.listSpans(start(1).traceId)).items).toEqual([span(2)]);
  });
}

function rows(make: () => Promise<StoreUnderTest>): void {
  const other = start(2).traceId;

  test('rows are there for everybody when the call settles, once, in their order', async () => {
    await using under = await make();
    const { store } = under;
    const reader = await under.reopen();
    await store.appendRows([3, 1, 2, 1].map((n) => rowOf(span(n))));
    expect((await reader.listSpans(start(1).traceId)).items).toEqual([3, 1, 2].map((n) => span(n)));
    await reader.appendRows([rowOf(span(1, start(1).traceId, { name: 'step.tool' })), rowOf(span(4))]);
    expect((await store.listSpans(start(1).traceId)).items).toEqual([3, 1, 2, 4].map((n) => span(n)));
    await store.appendRows([]);
    await reader.close();
  });

  test('more rows than one transaction takes keep their order', async () => {
    await using under = await make();
    const { store } = under;
    const written = Array.from({ length: 10_000 }, (_, n) => rowOf(span(n)));
    await store.appendRows(written);
    expect((await store.spansSince(0, { limit: 20_000 })).rows).toEqual(written);
  });

  test('of several calls at once each is whole, and none is lost', async () => {
    await using under = await make();
    const { store } = under;
    const calls = Array.from({ length: 20 }, (_, call) => Array.from({ length: 50 }, (__, n) => rowOf(span(n, start(call).traceId))));
    await Promise.all(calls.map(async (call) => await store.appendRows(call)));
    for (const [call, rows] of calls.entries()) expect((await store.spansSince(0, { traceId: start(call).traceId })).rows).toEqual(rows);
  });

  test('a cursor gives what was committed after it, of all traces or of one', async () => {
    await using under = await make();
    const { store } = under;
    expect(await store.spanCursor()).toBe(0);
    expect(await store.spansSince(0)).toEqual({ rows: [], cursor: 0 });
    store.appendSpan(span(1));
    await store.flush();
    const before = await store.spanCursor();
    await store.appendRows([rowOf(span(2)), rowOf(span(1, other)), rowOf(span(3))]);
    const first = await store.spansSince(before, { limit: 2 });
    expect(first.rows).toEqual([rowOf(span(2)), rowOf(span(1, other))]);
    const second = await store.spansSince(first.cursor, { limit: 2 });
    expect(second.rows).toEqual([rowOf(span(3))]);
    expect(await store.spansSince(second.cursor)).toEqual({ rows: [], cursor: second.cursor });
    expect(await store.spanCursor()).toBe(second.cursor);
    expect((await store.spansSince(0, { traceId: other })).rows).toEqual([rowOf(span(1, other))]);
    await expect(store.spansSince(0, { limit: 0 })).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
  });

  test('nothing is ever committed behind a cursor, however many write at once', async () => {
    await using under = await make();
    const others = await Promise.all([under.reopen(), under.reopen()]);
    const writers = [under.store, ...others];
    let writing = true;
    const written = Promise.all(
      writers.map(async (writer, which) => {
        for (let n = 0; n < 60; n++) {
          const traceId = start(which).traceId;
          if (n % 3 === 0) writer.appendSpan(span(n, traceId));
          else await writer.appendRows([rowOf(span(n, traceId))]);
          if (n % 3 === 0) await writer.flush();
        }
      }),
    ).finally(() => (writing = false));
    const seen: string[] = [];
    let cursor = 0;
    for (let isLast = false; !isLast;) {
      isLast = !writing;
      const feed = await under.store.spansSince(cursor, { limit: 7 });
      seen.push(...feed.rows.map(({ traceId, spanId }) => traceId + spanId));
      isLast &&= feed.rows.length === 0;
      cursor = feed.cursor;
      await turn(); // reads of a file take none
    }
    await written;
    expect(seen).toHaveLength(180);
    expect(new Set(seen).size).toBe(180);
    for (const writer of others) await writer.close();
  });

  test('a text that looks like a reference in a row is what its writer meant by it', async () => {
    await using under = await make();
    const { store } = under;
    const data = randomBytes(5_000).toString('base64');
    const shown = span(1, start(1).traceId, { attributes: { 'hud.payload': { data, mimeType: 'image/png' } } });
    store.appendSpan(shown);
    await store.flush();
    const [kept] = (await store.spansSince(0)).rows;
    expect(kept?.body).not.toContain(data);
    await store.appendRows([{ ...rowOf(shown), traceId: other, body: String(kept?.body).replaceAll(start(1).traceId, other) }]);
    expect((await store.listSpans(other)).items).toEqual([{ ...shown, traceId: other }]);
  });
}

const payloadOf = (spanId: number, payload: unknown, traceId?: string): Span =>
  span(spanId, traceId, { attributes: { 'hud.payload': payload } });

/** Every string of a value, deeply. */
function stringsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsOf) : [];
}

function spanBlobs(make: () => Promise<StoreUnderTest>): void {
  const bytes = randomBytes(5_000);
  const data = bytes.toString('base64');
  const sha256 = createHash('sha256').update(bytes).digest('hex');

  test.each<[string, unknown, string]>([
    ['an image of a tool', { result: { content: [{ type: 'image', data, mimeType: 'image/png' }] } }, 'image/png'],
    ['a resource', { messages: [{ content: { type: 'resource', resource: { uri: 'a', mimeType: 'text/csv', blob: data } } }] }, 'text/csv'],
    ['a source of Anthropic', { raw: { source: { type: 'base64', media_type: 'image/webp', data } } }, 'image/webp'],
    ['a part of Gemini', { raw: { inlineData: { mimeType: 'audio/wav', data } } }, 'audio/wav'],
    ['a data URL', { raw: { output: { type: 'computer_screenshot', image_url: `data:image/png;base64,${data}` } } }, 'image/png'],
    ['a data URL in a list', { raw: [[`data:text/plain;charset=utf-8;base64,${data}`]] }, 'text/plain;charset=utf-8'],
    ['a captured file', { files: [{ path: 'a.pdf', file: { type: 'file', data, media_type: 'application/pdf' } }] }, 'application/pdf'],
  ])('%s is a blob, and read as it was appended', async (_name, payload, mediaType) => {
    await using under = await make();
    const { store } = under;
    store.appendSpan(payloadOf(1, payload));
    await store.flush();
    expect((await store.listSpans(start(1).traceId)).items).toEqual([payloadOf(1, payload)]);
    const [kept] = (await store.listSpans(start(1).traceId, { blobs: 'reference' })).items;
    const references = stringsOf(kept?.attributes).flatMap((text) => readReference(text) ?? []);
    expect(references).toMatchObject([{ sha256, bytes: 5_000, mediaType }]);
    expect(JSON.stringify(kept)).not.toContain(data);
    const blob = await store.getBlob(sha256);
    expect(blob?.mediaType).toBe(mediaType);
    expect(Buffer.from(blob?.bytes ?? []).equals(bytes)).toBe(true);
  });

  test.each<[string, unknown]>([
    ['small', { type: 'image', data: bytes.subarray(0, 4_095).toString('base64'), mimeType: 'image/png' }],
    ['of no declared type', { data, type: 'image' }],
    ['of a type that is none', { data, mimeType: 'picture' }],
    ['text of a resource', { uri: 'a', mimeType: 'text/plain', text: data }],
    ['base64 in another spelling', { data: data.replace(/.{76}/g, '$&\n'), mimeType: 'image/png' }],
    ['base64 that ends in bits that count for nothing', { data: `${data.slice(0, -4)}AB==`, mimeType: 'image/png' }],
    ['in the middle of a text', { text: `see data:image/png;base64,${data}` }],
  ])('what is %s stays where it is', async (_name, payload) => {
    await using under = await make();
    under.store.appendSpan(payloadOf(1, payload));
    await under.store.flush();
    expect((await under.store.listSpans(start(1).traceId, { blobs: 'reference' })).items).toEqual([payloadOf(1, payload)]);
    expect(await under.store.getBlob(sha256)).toBeUndefined();
  });

  test('a text that looks like a reference is a text, whoever wrote it', async () => {
    await using under = await make();
    const { store } = under;
    store.appendSpan(payloadOf(1, { type: 'image', data, mimeType: 'image/png' }));
    await store.flush();
    const [kept] = (await store.listSpans(start(1).traceId, { blobs: 'reference' })).items;
    const reference = stringsOf(kept?.attributes).find((text) => readReference(text) !== undefined) ?? '';
    const forged = { text: reference, list: [`hud-blob:text=${reference}`, 'hud-blob:', `x ${reference}`] };
    store.appendSpan(payloadOf(2, forged));
    store.appendSpan(payloadOf(3, { ...forged, image: { data, mimeType: 'image/png' } }));
    await store.flush();
    expect((await store.listSpans(start(1).traceId)).items.slice(1)).toEqual([
      payloadOf(2, forged),
      payloadOf(3, { ...forged, image: { data, mimeType: 'image/png' } }),
    ]);
    const forgedAsKept = (await store.listSpans(start(1).traceId, { blobs: 'reference' })).items[1];
    expect(stringsOf(forgedAsKept?.attributes).flatMap((text) => readReference(text) ?? [])).toEqual([]);
  });

  test('many, with other spans between, are in order and there before the verdict', async () => {
    await using under = await make();
    const { store } = under;
    const other = await under.reopen();
    await store.createJob(job(1), []);
    const written: Span[] = [];
    for (let n = 0; n < 8; n++) await store.startRun(start(n));
    for (let n = 0; n < 160; n++) {
      const image = { data: n % 4 === 0 ? data : randomBytes(20_000).toString('base64'), mimeType: 'image/png' };
      const next = n % 3 === 2 ? span(n, start(n % 8).traceId) : payloadOf(n, { image }, start(n % 8).traceId);
      written.push(next);
      store.appendSpan(next);
      if (n % 10 === 0) await store.startRun(start(100 + n));
    }
    await Promise.all(
      Array.from({ length: 8 }, async (_, n) => {
        await store.finishRun(start(n).traceId, graded(1));
        const { traceId } = start(n);
        expect((await other.listSpans(traceId)).items).toEqual(written.filter((item) => item.traceId === traceId));
      }),
    );
    await other.close();
  });

  test('those that are still on their way when it is closed are kept', async () => {
    await using under = await make();
    const { store } = under;
    const image = payloadOf(1, { data, mimeType: 'image/png' });
    store.appendSpan(image);
    const closing = store.close();
    await closing;
    const again = await under.reopen();
    expect((await again.listSpans(start(1).traceId)).items).toEqual([image]);
    await again.close();
  });
}

function others(make: () => Promise<StoreUnderTest>): void {
  test('the same bytes are one blob, under the name of their hash', async () => {
    await using under = await make();
    const { store } = under;
    const bytes = crypto.getRandomValues(new Uint8Array(50_000));
    const names = await Promise.all([
      store.putBlob(bytes, 'image/png'),
      store.putBlob(bytes, 'image/png'),
      store.putBlob(new Uint8Array(), 'text/plain'),
    ]);
    expect(names[0]).toBe(names[1]);
    expect(names[2]).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    const found = await store.getBlob(names[0]);
    expect(found?.mediaType).toBe('image/png');
    expect(Buffer.from(found?.bytes ?? []).equals(bytes)).toBe(true);
    expect((await store.getBlob(names[2]))?.bytes).toHaveLength(0);
    for (const none of ['0'.repeat(64), '../../etc/passwd', '']) expect(await store.getBlob(none)).toBeUndefined();
  });

  test('leases are put, replaced as a whole, listed oldest first, and dropped', async () => {
    await using under = await make();
    const { store } = under;
    await store.putLease(lease('l2', { createdAt: 3 }));
    await store.putLease(lease('l1', { jobId: 'j', traceId: 't' }));
    expect(await store.listLeases()).toEqual([lease('l1', { jobId: 'j', traceId: 't' }), lease('l2', { createdAt: 3 })]);
    await store.putLease(lease('l1', { target: { container: 'c' }, deadline: 99 }));
    expect((await store.listLeases())[0]).toEqual(lease('l1', { target: { container: 'c' }, deadline: 99 }));
    await store.dropLease('l1');
    await store.dropLease('l1');
    expect(await store.listLeases()).toEqual([lease('l2', { createdAt: 3 })]);
  });
}

function whole(make: () => Promise<StoreUnderTest>): void {
  test('what one connection wrote another reads, also after both were closed', async () => {
    await using under = await make();
    await under.store.createJob(job(1), []);
    under.store.appendSpan(span(1));
    const other = await under.reopen();
    expect(await other.getJob(job(1).id)).toEqual(job(1));
    await other.close();
    await under.store.close();
    const again = await under.reopen();
    expect(await again.getJob(job(1).id)).toEqual(job(1));
    expect((await again.listSpans(start(1).traceId)).items).toEqual([span(1)]);
    await again.close();
  });

  test.each([0, -1, 1.5, Number.NaN])('a page of %d rows is refused', async (limit) => {
    await using under = await make();
    await expect(under.store.listJobs({ limit })).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
  });

  test.each(['', 'x', '[]', '["a","b","c"]', '{"a":1}'])('the cursor %j is refused', async (cursor) => {
    await using under = await make();
    await expect(under.store.listJobs({ cursor })).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    await expect(under.store.listRuns(job(1).id, { cursor })).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    await expect(under.store.listSpans(start(1).traceId, { cursor })).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
  });

  test('closing twice is fine, using it afterwards is an error', async () => {
    await using under = await make();
    const { store } = under;
    const last = store.createJob(job(1), []);
    await Promise.all([store.close(), store.close()]);
    await last;
    await store.close();
    await expect(store.createJob(job(2), [])).rejects.toMatchObject({ code: 'STORE_UNWRITABLE' });
    await expect(store.getJob(job(1).id)).rejects.toMatchObject({ code: 'STORE_UNWRITABLE' });
    await expect(store.flush()).rejects.toMatchObject({ code: 'STORE_UNWRITABLE' });
    expect(() => store.appendSpan(span(1))).toThrow('was closed');
  });
}
