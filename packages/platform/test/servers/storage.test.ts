import { expect, test } from 'vitest';
import { whyNoPostgres } from '../../src/storage/postgres/postgres.fixtures.ts';
import { ownPlatform } from '../platform.fixtures.ts';

test.skipIf(whyNoPostgres)(
  `every other test of this suite has a platform on PostgreSQL and S3${whyNoPostgres === undefined ? '' : `: none of them ran (${whyNoPostgres})`}`,
  async () => {
    await using one = await ownPlatform();
    await using two = await ownPlatform();
    const { context } = one.platform;
    expect(context.config.DATABASE_URL).toMatch(/^postgres:/);
    expect(context.blobs.location).toMatch(/^http:.*\/test_\w+\/$/);
    const sha256 = await context.store.putBlob(Buffer.alloc(5_000, 'x'), 'text/plain');
    expect(await context.blobs.get(sha256)).toHaveLength(5_000);
    expect(await two.platform.context.blobs.get(sha256)).toBeUndefined();
    expect(await two.platform.context.db.selectFrom('blobs').selectAll().execute()).toEqual([]);
  },
);
