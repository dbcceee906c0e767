import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { startPostgres, whyNoPostgres } from '../../src/storage/postgres/postgres.fixtures.ts';
import { Processes, freePort, prepare } from './process.fixtures.ts';
import { Ledger, keepSending, reckon, type Reckoning } from './sending.fixtures.ts';

/** HUD_KILLS makes a shorter or longer run of it. */
const KILLS = Number(process.env.HUD_KILLS ?? 200);
const SENDERS = 4;
/** Between a start and the kill, in milliseconds: from before the first answer to the middle of the stream. */
const MOST_ALIVE_MS = 500;
const LIMIT_MS = 600_000;

/** @returns what is there of what was acknowledged, after so many kills in the middle of it */
async function killAgainAndAgain(settings: Record<string, string>, kills: number): Promise<{ reckoning: Reckoning; ledger: Ledger }> {
  const key = await prepare(settings);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const ledger = new Ledger();
  const stop = new AbortController();
  await using processes = new Processes({ ...settings, HUD_PLATFORM_PORT: String(port) });
  const failed = new AbortController();
  const senders = Array.from({ length: SENDERS }, async () => {
    await keepSending(() => ({ url, key }), ledger, stop.signal).catch((error: unknown) => failed.abort(error));
  });
  for (let kill = 0; kill < kills; kill += 1) {
    await processes.start();
    await sleep(Math.random() * MOST_ALIVE_MS);
    failed.signal.throwIfAborted();
    await processes.kill();
  }
  await processes.start();
  await sleep(MOST_ALIVE_MS);
  stop.abort();
  await Promise.all(senders);
  failed.signal.throwIfAborted();
  await processes.kill();
  return { reckoning: await reckon(readConfig(settings), ledger), ledger };
}

const nothingLost = { lost: 0, changed: 0, duplicated: 0, lostEnds: 0 };

test(
  `of all that was acknowledged while the platform was killed ${KILLS} times, nothing is lost, changed or there twice`,
  { timeout: LIMIT_MS },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hud-kill-'));
    try {
      const { reckoning, ledger } = await killAgainAndAgain({ HUD_PLATFORM_DIR: folder, HUD_PLATFORM_LOG: 'error' }, KILLS);
      process.stdout.write(
        `${KILLS} kills, ${reckoning.sent} spans acknowledged, ${ledger.retries} requests sent again, ${JSON.stringify(reckoning)}\n`,
      );
      expect(reckoning).toMatchObject(nothingLost);
      expect(reckoning.sent).toBeGreaterThan(KILLS * SENDERS);
      expect(ledger.refusals.get('gone')).toBeGreaterThan(KILLS);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
);

test.skipIf(whyNoPostgres !== undefined)(
  `the same on PostgreSQL, 20 times${whyNoPostgres === undefined ? '' : ` (${whyNoPostgres})`}`,
  { timeout: LIMIT_MS },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hud-kill-'));
    await using cluster = await startPostgres();
    try {
      const settings = { HUD_PLATFORM_DIR: folder, DATABASE_URL: await cluster.url('kill'), HUD_PLATFORM_LOG: 'error' };
      const { reckoning } = await killAgainAndAgain(settings, 20);
      expect(reckoning).toMatchObject(nothingLost);
      expect(reckoning.sent).toBeGreaterThan(0);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
);
