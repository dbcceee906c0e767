import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { tempDir } from 'hud/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { sumCalls, totalOfCalls, writeCalls } from '../../storage/ledger/calls.ts';
import type { BudgetName } from '../../storage/ledger/budgets.ts';
import { startPostgres, whyNoPostgres } from '../../storage/postgres/postgres.fixtures.ts';
import { openLog } from '../../log.ts';
import { PAID, TEAM, ledgerOn, makeCall, modelCall, storageIn } from './ledger.fixtures.ts';
import { LedgerWriter } from './ledger-writer.ts';
import type { Reservation } from '../seams.ts';

const team: BudgetName = { teamId: TEAM, scope: 'team', scopeId: '', period: 'total' };
const DAY = 86_400_000;

const cluster = whyNoPostgres === undefined ? await startPostgres() : undefined;
afterAll(async () => await cluster?.[Symbol.asyncDispose]());
let databases = 0;

type Kind = 'sqlite' | 'postgres';

async function begin(kind: Kind) {
  const folder = await tempDir();
  const url = kind === 'sqlite' ? undefined : await cluster?.url(`ledger${(databases += 1)}`);
  const storage = await storageIn(folder.path, url);
  return {
    ...storage,
    folder,
    [Symbol.asyncDispose]: async () => {
      await storage.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

const KINDS: { kind: Kind; lacks: string | undefined }[] = [
  { kind: 'sqlite', lacks: undefined },
  { kind: 'postgres', lacks: whyNoPostgres },
];

describe.each(KINDS)('on $kind', ({ kind, lacks }) => {
  describe.skipIf(lacks !== undefined)(`lacks ${lacks ?? 'nothing'}`, () => {
    test('calls are on disk within 50 ms, and a normal close loses none', async () => {
      await using storage = await begin(kind);
      const ledger = ledgerOn(storage);
      await ledger.load();
      await makeCall(ledger);
      const settledAt = performance.now();
      await expect.poll(async () => (await totalOfCalls(storage.db, TEAM)).calls, { interval: 1, timeout: 5_000 }).toBe(1);
      expect(performance.now() - settledAt).toBeLessThan(500); // some 20 on a machine that does nothing else
      for (let n = 0; n < 1_234; n++) await makeCall(ledger);
      await ledger.close();
      await ledger.close();
      expect(await totalOfCalls(storage.db, TEAM)).toMatchObject({ calls: 1_235, completionTokens: 1_235_000, unknownCost: 0 });
    });

    test('a new process counts on from what the old one wrote', async () => {
      await using storage = await begin(kind);
      const first = ledgerOn(storage);
      await first.setBudget(team, { limitUsd: 0.05, allowUnknownPrice: false });
      for (let n = 0; n < 3; n++) await makeCall(first);
      await first.close();
      const second = ledgerOn(storage);
      expect(await second.budgets(TEAM)).toMatchObject([{ limitUsd: 0.05, spentUsd: expect.closeTo(0.03, 10) as number }]);
      await makeCall(second);
      await expect(makeCall(second)).rejects.toMatchObject({ status: 402 });
      await second.close();
    });

    test('the same try written twice counts once, another try of the call adds to it', async () => {
      await using storage = await begin(kind);
      const ledger = ledgerOn(storage);
      await makeCall(ledger, { idempotencyKey: 'k' });
      await ledger.flush();
      const [row] = await storage.db.selectFrom('model_calls').selectAll().execute();
      if (row === undefined) throw new Error('nothing was written');
      await writeCalls(storage.db, [row]);
      expect(await totalOfCalls(storage.db, TEAM)).toMatchObject({ calls: 1, completionTokens: 1_000 });
      await makeCall(ledger, { idempotencyKey: 'k' }, { status: 500, isAborted: false });
      await makeCall(ledger, { idempotencyKey: 'k' });
      await ledger.close();
      expect(await totalOfCalls(storage.db, TEAM)).toMatchObject({ calls: 1, completionTokens: 2_000 });
      expect((await storage.db.selectFrom('model_calls').select('tries').execute())[0]).toEqual({ tries: 3 });
    });

    test('a constant idempotency key does not get around a budget', async () => {
      await using storage = await begin(kind);
      const ledger = ledgerOn(storage);
      await ledger.setBudget(team, { limitUsd: 0.03, allowUnknownPrice: false });
      await makeCall(ledger, { idempotencyKey: 'same' });
      await makeCall(ledger, { idempotencyKey: 'same' });
      await expect(makeCall(ledger, { idempotencyKey: 'same' })).rejects.toMatchObject({ status: 402 });
      await ledger.close();
    });

    test('a day begins with nothing spent, and a call counts in the day in which it began', async () => {
      await using storage = await begin(kind);
      let now = Date.UTC(2026, 5, 1, 23, 59);
      const ledger = ledgerOn(storage, () => now);
      const day: BudgetName = { ...team, period: 'day' };
      await ledger.setBudget(day, { limitUsd: 0.025, allowUnknownPrice: false });
      await makeCall(ledger, { startedAt: now });
      const overnight = await ledger.reserve(modelCall({ startedAt: now }));
      await expect(makeCall(ledger, { startedAt: now })).rejects.toThrow('The budget of the team for today (UTC)');
      now += DAY / 2;
      overnight.settle(PAID);
      expect(await ledger.budgets(TEAM)).toMatchObject([{ spentUsd: 0, reservedUsd: 0 }]);
      await makeCall(ledger, { startedAt: now });
      expect(await ledger.budgets(TEAM)).toMatchObject([{ spentUsd: expect.closeTo(0.01, 10) as number }]);
      await ledger.close();
    });

    test('of a reply that broke off without its usage the budget keeps what was held back', async () => {
      await using storage = await begin(kind);
      const ledger = ledgerOn(storage);
      await ledger.setBudget(team, { limitUsd: 1, allowUnknownPrice: false });
      await makeCall(ledger, {}, { status: 200, isAborted: false, error: 'cut' });
      await makeCall(ledger, {}, { status: 429, isAborted: false });
      expect(await ledger.budgets(TEAM)).toMatchObject([{ spentUsd: expect.closeTo(0.010_001, 5) as number, reservedUsd: 0 }]);
      await ledger.flush();
      expect(await totalOfCalls(storage.db, TEAM)).toMatchObject({ calls: 2, failed: 2, costUsd: 0, unknownCost: 1 });
      await ledger.close();
    });

    test("replays, counting tokens and a caller's own key are paid by no budget", async () => {
      await using storage = await begin(kind);
      const ledger = ledgerOn(storage);
      await ledger.setBudget(team, { limitUsd: 0, allowUnknownPrice: false });
      await makeCall(ledger, { replayOf: 'a'.repeat(32) }, { ...PAID, isReplayed: true });
      await makeCall(ledger, { operation: 'count' });
      await makeCall(ledger, { upstream: { name: 'own', dialects: [], baseUrls: {}, headers: {}, isCallersOwn: true } });
      expect(await ledger.budgets(TEAM)).toMatchObject([{ spentUsd: 0 }]);
      await ledger.flush();
      const byModel = await sumCalls(storage.db, TEAM, { groupBy: 'model', limit: 10 });
      expect(byModel).toMatchObject([{ calls: 3, replayed: 1, costUsd: expect.closeTo(0.01, 10) as number }]);
      await ledger.close();
    });

    test('settling is heard once, and teams do not see or pay for each other', async () => {
      await using storage = await begin(kind);
      const ledger = ledgerOn(storage);
      await ledger.setBudget({ ...team, teamId: 'other' }, { limitUsd: 0, allowUnknownPrice: false });
      await ledger.setBudget(
        { ...team, scope: 'run', scopeId: 'a'.repeat(32), teamId: 'other' },
        { limitUsd: 0, allowUnknownPrice: false },
      );
      await ledger.setBudget({ ...team, scope: 'job', scopeId: 'b'.repeat(32) }, { limitUsd: 0, allowUnknownPrice: false });
      await ledger.setBudget({ ...team, scope: 'key', scopeId: 'another' }, { limitUsd: 0, allowUnknownPrice: false });
      const reservation: Reservation = await ledger.reserve(modelCall({ traceId: 'a'.repeat(32) }));
      reservation.settle(PAID);
      reservation.settle(PAID);
      await ledger.close();
      expect(await totalOfCalls(storage.db, TEAM)).toMatchObject({ calls: 1 });
      expect(await totalOfCalls(storage.db, 'other')).toMatchObject({ calls: 0, costUsd: null });
    });
  });
});

test('after kill -9 every call that was told to be on disk is there once', async () => {
  await using folder = await tempDir();
  const program = join(import.meta.dirname, 'ledger-killed.fixtures.ts');
  let told = 0;
  for (let round = 0; round < 3; round++) {
    const before = told;
    const child = spawn(process.execPath, [program, folder.path], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    for await (const line of createInterface({ input: child.stdout })) {
      told = before + Number(line);
      if (Number(line) > 60) child.kill('SIGKILL');
    }
    await ended;
    const storage = await storageIn(folder.path);
    const ledger = ledgerOn(storage);
    const { calls, costUsd } = await totalOfCalls(storage.db, TEAM);
    const { spentUsd } = await ledger.setBudget(team, { limitUsd: 1_000, allowUnknownPrice: false });
    await ledger.close();
    await storage.close();
    expect(calls).toBeGreaterThanOrEqual(told);
    expect(costUsd).toBeCloseTo(0.01 * calls, 8);
    expect(spentUsd).toBeCloseTo(0.01 * calls, 8);
    told = calls;
  }
}, 60_000);

test('rows wait for a database that is away, in their order, and none is written twice', async () => {
  const written: number[] = [];
  let isAway = true;
  const writer = new LedgerWriter({
    log: openLog('silent'),
    write: async (rows) => {
      if (isAway) throw new Error('away');
      written.push(...rows.map(({ started_at: at }) => at));
    },
  });
  const row = (id: number) => ({ id: String(id), started_at: id }) as Parameters<LedgerWriter['add']>[0];
  for (let n = 0; n < 1_200; n++) writer.add(row(n));
  await expect(writer.flush()).rejects.toThrow('away');
  isAway = false;
  await writer.close();
  expect(written.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 1_200 }, (_, n) => n));
});

test('a ledger that can not be written lets no more calls through than it can remember', async () => {
  await using storage = await begin('sqlite');
  const ledger = ledgerOn(storage);
  await ledger.load();
  await storage.db.destroy();
  for (let n = 0; n < 20_000; n++) (ledger.reserve(modelCall()) as Reservation).settle(PAID);
  expect(() => ledger.reserve(modelCall())).toThrow(expect.objectContaining({ status: 503 }));
});
