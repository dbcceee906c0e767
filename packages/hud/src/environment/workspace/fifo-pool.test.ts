import { mkdtempSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FifoPool } from './fifo-pool.ts';

const reason = process.platform === 'win32' ? 'there are no named pipes on Windows' : undefined;

test.skipIf(reason)('gives each command pipes of its own, however many come at once', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hud-fifo-'));
  const pool = new FifoPool(folder);
  const names = await Promise.all(Array.from({ length: 300 }, () => pool.take()));
  await pool.close();
  expect(new Set(names).size).toBe(300);
  const files = new Set(readdirSync(folder));
  expect(names.filter((name) => !['in', 'out', 'err'].every((end) => files.has(`${name}.${end}`)))).toEqual([]);
  rmSync(folder, { recursive: true });
});

test.skipIf(reason)('makes nothing once it is closed, whatever was under way', async () => {
  for (let turn = 0; turn < 10; turn++) {
    const folder = mkdtempSync(join(tmpdir(), 'hud-fifo-'));
    const pool = new FifoPool(folder);
    await pool.take(); // the next batch is in the making now
    const waiting = Promise.allSettled(Array.from({ length: 50 }, () => pool.take()));
    await Promise.all([pool.close(), pool.close()]);
    for (const name of readdirSync(folder)) rmSync(join(folder, name));
    expect((await waiting).at(-1)).toMatchObject({ status: 'rejected' });
    await expect(pool.fill()).rejects.toThrow('closed');
    rmdirSync(folder); // fails unless it is empty still
  }
});
