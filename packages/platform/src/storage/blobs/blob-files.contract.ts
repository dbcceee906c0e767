/** One suite for every place of blobs. */
import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { BlobFiles } from './blob-files.ts';

export interface BlobFilesUnderTest extends AsyncDisposable {
  blobs: BlobFiles;
  /** The same blobs through another connection. */
  reopen(): Promise<BlobFiles>;
  /** Puts other bytes in the place of these, as a broken disk does. */
  damage(sha256: string): Promise<void>;
  /** From now on nothing can be written. */
  breakDown(): Promise<void>;
}

export const nameOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export function describeBlobFiles(name: string, make: () => Promise<BlobFilesUnderTest>): void {
  describe(`blobs in ${name}`, () => {
    test.each([0, 1, 70_000, 6_000_000])('%d bytes come back as they were written, also elsewhere', async (size) => {
      await using under = await make();
      const bytes = randomBytes(size);
      await under.blobs.write(nameOf(bytes), bytes);
      const other = await under.reopen();
      expect(bytes.equals((await other.get(nameOf(bytes))) ?? Buffer.from('nothing'))).toBe(true);
    });

    test('what was never written is not there, whatever its name', async () => {
      await using under = await make();
      for (const none of ['0'.repeat(64), '', '../../etc/passwd', 'A'.repeat(64)]) expect(await under.blobs.get(none)).toBeUndefined();
    });

    test('the same bytes, many times at once, are one blob', async () => {
      await using under = await make();
      const bytes = randomBytes(20_000);
      const other = await under.reopen();
      await Promise.all(Array.from({ length: 8 }, async (_, n) => await (n % 2 === 0 ? under.blobs : other).write(nameOf(bytes), bytes)));
      expect(await Array.fromAsync(under.blobs.list())).toEqual([nameOf(bytes)]);
    });

    test('all are listed, by their names', async () => {
      await using under = await make();
      expect(await Array.fromAsync(under.blobs.list())).toEqual([]);
      const all = Array.from({ length: 30 }, (_, n) => Buffer.from(`blob ${n}`));
      await Promise.all(all.map(async (bytes) => await under.blobs.write(nameOf(bytes), bytes)));
      expect((await Array.fromAsync(under.blobs.list())).toSorted()).toEqual(all.map(nameOf).toSorted());
    });

    test('bytes that changed are reported, not given', async () => {
      await using under = await make();
      const bytes = randomBytes(5_000);
      await under.blobs.write(nameOf(bytes), bytes);
      await under.damage(nameOf(bytes));
      await expect(under.blobs.get(nameOf(bytes))).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    });

    test('a check tells whether it can be used', async () => {
      await using under = await make();
      await under.blobs.check();
      await under.breakDown();
      await expect(under.blobs.check()).rejects.toMatchObject({ code: 'STORE_UNWRITABLE' });
      const bytes = Buffer.from('too late');
      await expect(under.blobs.write(nameOf(bytes), bytes)).rejects.toMatchObject({ code: 'STORE_UNWRITABLE' });
    });
  });
}
