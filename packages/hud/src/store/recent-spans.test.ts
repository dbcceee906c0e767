import { expect, test } from 'vitest';
import { tempDir } from '../testing/temp-dir.ts';
import { RecentSpans } from './recent-spans.ts';
import type { Cell } from './rows.ts';
import { openStore } from './sqlite.ts';
import { span, start } from './store.fixtures.ts';

const cells = (n: number, body = `{"n":${n}}`): Cell[] => [start(1).traceId, String(n), 'x', 'from', 'to', 'OK', body];
const idsOf = (feed: { rows: { spanId: string }[] } | undefined): string[] | undefined => feed?.rows.map(({ spanId }) => spanId);

test('what follows without a gap is answered, all else is a question for the file', () => {
  const recent = new RecentSpans();
  recent.add([cells(1)], 1);
  expect(recent.since(0, 10)).toBeUndefined(); // nobody followed when it came
  recent.add([cells(2), cells(3)], 3);
  expect(idsOf(recent.since(0, 10))).toBeUndefined();
  expect(idsOf(recent.since(1, 1))).toEqual(['2']);
  expect(recent.since(1, 1)?.cursor).toBe(2);
  expect(recent.since(3, 10)).toBeUndefined();
  recent.add([cells(5)], 5); // another process has the fourth
  expect(recent.since(3, 10)).toBeUndefined();
  expect(idsOf(recent.since(4, 10))).toEqual(['5']);
  recent.add([cells(6), cells(5)], undefined); // one of them was there: nobody knows which place is whose
  expect(recent.since(4, 10)).toBeUndefined();
});

test('it keeps no more than it may', () => {
  const recent = new RecentSpans();
  recent.since(0, 1);
  for (let n = 1; n <= 20; n += 1) recent.add([cells(n, 'x'.repeat(1_000_000))], n);
  expect(recent.since(11, 100)).toBeUndefined();
  expect(idsOf(recent.since(12, 100))).toHaveLength(8);
});

test('the feed is the same from memory and from the file, whoever wrote and whatever came twice', async () => {
  await using folder = await tempDir('hud-recent-');
  await using mine = await openStore({ directory: folder.path });
  await using other = await openStore({ directory: folder.path });
  const seen: string[] = [];
  let cursor = 0;
  for (let n = 1; n <= 200; n += 1) {
    const writer = n % 7 === 0 ? other : mine;
    writer.appendSpan(span(n));
    if (n % 11 === 0) writer.appendSpan(span(n - 5));
    if (n % 3 === 0) await writer.flush();
    const feed = await mine.spansSince(cursor, { limit: 2 });
    cursor = feed.cursor;
    seen.push(...feed.rows.map(({ body }) => body));
  }
  await Promise.all([mine.flush(), other.flush()]);
  for (;;) {
    const feed = await mine.spansSince(cursor, { limit: 3 });
    if (feed.rows.length === 0) break;
    cursor = feed.cursor;
    seen.push(...feed.rows.map(({ body }) => body));
  }
  const { rows, cursor: end } = await other.spansSince(0, { limit: 1_000 });
  expect(rows).toHaveLength(200);
  expect(seen).toEqual(rows.map(({ body }) => body));
  expect(cursor).toBe(end);
});
