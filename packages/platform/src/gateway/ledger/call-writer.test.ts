import { afterAll, describe, expect, test } from 'vitest';
import { tempDir } from 'hud/testing';
import { recordedCalls } from '../../storage/ledger/recorded.ts';
import { portions } from '../../storage/ledger/portions.ts';
import { startPostgres, whyNoPostgres } from '../../storage/postgres/postgres.fixtures.ts';
import type { RecordedCallBytes } from './call-writer-thread.ts';
import { openCallWriter } from './call-writer.ts';
import { storageIn } from './ledger.fixtures.ts';

const cluster = whyNoPostgres === undefined ? await startPostgres() : undefined;
afterAll(async () => await cluster?.[Symbol.asyncDispose]());
let databases = 0;

const TRACE = 'a'.repeat(32);
const BODY = Buffer.from('{"messages":[]}');
const REPLY = Buffer.from([0, 255, 10, 13]);

function recording(id: string): RecordedCallBytes {
  return {
    id,
    teamId: 'team',
    traceId: TRACE,
    dialect: 'openai-chat',
    path: '/chat/completions',
    modelName: 'm',
    startedAt: Number(id),
    bodyBytes: BODY.length,
    replyBytes: REPLY.length,
    replyBlob: null,
    sizeBytes: REPLY.length,
  };
}

function bytesOf(count: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(Array.from({ length: count }, () => [BODY, REPLY]).flat()));
}

async function begin(kind: 'sqlite' | 'postgres') {
  const folder = await tempDir();
  const url = kind === 'sqlite' ? undefined : await cluster?.url(`writer${(databases += 1)}`);
  const storage = await storageIn(folder.path, url);
  const writer = openCallWriter({ HUD_PLATFORM_DIR: folder.path, DATABASE_URL: url });
  return {
    ...storage,
    writer,
    [Symbol.asyncDispose]: async () => {
      await writer.close();
      await storage.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

const KINDS = [
  { kind: 'sqlite', lacks: undefined },
  { kind: 'postgres', lacks: whyNoPostgres },
] as const;

describe.each(KINDS)('on $kind', ({ kind, lacks }) => {
  describe.skipIf(lacks !== undefined)(`lacks ${lacks ?? 'nothing'}`, () => {
    test('what was written is there when it says so, byte for byte', async () => {
      await using it = await begin(kind);
      await it.writer.writeRecordings([recording('1'), recording('2')], bytesOf(2));
      const rows = await it.db.selectFrom('recorded_calls').selectAll().orderBy('id').execute();
      expect(rows.map(({ reply }) => Buffer.from(reply ?? '', 'base64'))).toEqual([REPLY, REPLY]);
      expect(rows[0]?.request_hash).toBe(rows[1]?.request_hash);
      await it.writer.writeTouches([{ teamId: 'team', alias: 'my run', model: 'm', at: 5 }]);
      expect(await it.db.selectFrom('runs').select(['alias', 'model', 'team_id']).execute()).toEqual([
        { alias: 'my run', model: 'm', team_id: 'team' },
      ]);
    });

    test('what can not be written fails alone, however it was sent', async () => {
      await using it = await begin(kind);
      const broken = { ...recording('2'), startedAt: null as unknown as number };
      const outcomes = await Promise.allSettled([
        it.writer.writeRecordings([recording('1')], bytesOf(1)),
        it.writer.writeRecordings([broken], bytesOf(1)),
        it.writer.writeRecordings([recording('3')], bytesOf(1)),
      ]);
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect((await recordedCalls(it.db, 'team', TRACE)).map(({ id }) => id)).toEqual(['1', '3']);
    });

    test('after its close nothing is written, and closing twice is closing once', async () => {
      await using it = await begin(kind);
      await it.writer.writeRecordings([recording('1')], bytesOf(1));
      await Promise.all([it.writer.close(), it.writer.close()]);
      await expect(it.writer.writeRecordings([recording('2')], bytesOf(1))).rejects.toThrow('closed');
      expect(await recordedCalls(it.db, 'team', TRACE)).toHaveLength(1);
    });
  });
});

test('portions hold every row once, in few different sizes', () => {
  for (let count = 0; count < 700; count += 1) {
    const rows = Array.from({ length: count }, (_, i) => i);
    const parts = [...portions(rows)];
    expect(parts.flat()).toEqual(rows);
    for (const { length } of parts) expect([1, 2, 4, 8, 16, 32, 64, 128]).toContain(length);
  }
});
