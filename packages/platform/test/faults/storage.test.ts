import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { startPostgres, whyNoPostgres } from '../../src/storage/postgres/postgres.fixtures.ts';
import { startSetup, type Setup } from '../ingest.fixtures.ts';
import { Ledger, keepSending, reckon } from './sending.fixtures.ts';

const SENDERS = 3;
const nothingLost = { lost: 0, changed: 0, duplicated: 0, lostEnds: 0 };
const waiting = { timeout: 60_000, interval: 50 };

/** Sends while `disturb` does something to what is below, and then until what was refused is taken. */
async function sendThrough({ platform, a }: Setup, disturb: (ledger: Ledger) => Promise<void>): Promise<Ledger> {
  const ledger = new Ledger();
  const stop = new AbortController();
  const target = { url: platform.url, key: a.key };
  const senders = Promise.all(Array.from({ length: SENDERS }, async () => await keepSending(() => target, ledger, stop.signal)));
  try {
    await vi.waitFor(() => expect(ledger.spans).toBeGreaterThan(500), waiting);
    await Promise.race([senders, disturb(ledger)]);
    const before = ledger.spans;
    await vi.waitFor(() => expect(ledger.spans).toBeGreaterThan(before + 500), waiting);
  } finally {
    stop.abort();
    await senders;
  }
  return ledger;
}

const whyNoMount = tryMount();

test.skipIf(whyNoMount !== undefined)(
  `a full disk is told as such, costs nothing that was acknowledged, and is over when there is space${whyNoMount === undefined ? '' : ` (${whyNoMount})`}`,
  { timeout: 180_000 },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hud-full-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=96m', 'tmpfs', folder]);
    try {
      let ledger: Ledger | undefined;
      {
        await using setup = await startSetup({ HUD_PLATFORM_DIR: folder });
        ledger = await sendThrough(setup, async (ledger) => {
          const filler = join(folder, 'filler');
          await fill(filler);
          await vi.waitFor(() => expect([...ledger.refusals.keys()].join()).toMatch(/503.*disk is full/), waiting);
          expect((await fetch(`${setup.platform.url}/healthz`)).status).toBe(200);
          const acknowledged = ledger.spans;
          expect(acknowledged).toBeGreaterThan(0);
          await rm(filler);
        });
      }
      expect(await reckon(readConfig({ HUD_PLATFORM_DIR: folder }), ledger)).toMatchObject({ ...nothingLost, sent: ledger.spans });
    } finally {
      execFileSync('umount', [folder]);
      rmSync(folder, { recursive: true, force: true });
    }
  },
);

test.skipIf(whyNoPostgres !== undefined)(
  `a database that is restarted, and one that crashes, cost nothing that was acknowledged${whyNoPostgres === undefined ? '' : ` (${whyNoPostgres})`}`,
  { timeout: 180_000 },
  async () => {
    await using cluster = await startPostgres();
    const folder = mkdtempSync(join(tmpdir(), 'hud-restart-'));
    const settings = { DATABASE_URL: await cluster.url('restart'), HUD_PLATFORM_DIR: folder };
    try {
      let ledger: Ledger | undefined;
      {
        await using setup = await startSetup(settings);
        ledger = await sendThrough(setup, async () => {
          for (const how of ['orderly', 'crash', 'crash'] as const) await cluster.restart(how);
        });
      }
      expect(ledger.retries).toBeGreaterThan(0);
      expect(await reckon(readConfig(settings), ledger)).toMatchObject(nothingLost);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);

/** Takes all there is. */
async function fill(path: string): Promise<void> {
  const file = await open(path, 'w');
  const block = Buffer.alloc(65_536, 1);
  try {
    for (;;) await file.write(block);
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOSPC') throw error;
  } finally {
    await file.close();
  }
}

/** @returns why nothing can be mounted here */
function tryMount(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'hud-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'pipe' });
    execFileSync('umount', [folder], { stdio: 'pipe' });
    return undefined;
  } catch {
    return 'no right to mount a small disk: needs root';
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
