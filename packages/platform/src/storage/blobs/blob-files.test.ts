import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeleteBucketCommand, DeleteObjectsCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { expect, test } from 'vitest';
import { tempDir } from '../../../../hud/src/testing/temp-dir.ts';
import { describeBlobFiles, nameOf } from './blob-files.contract.ts';
import { openFolder } from './folder-blobs.ts';
import { openBucket, type BucketOptions } from './s3-blobs.ts';
import { startS3, type S3Server } from './s3.fixtures.ts';

describeBlobFiles('a folder', async () => {
  const own = await tempDir('hud-blobs-');
  return {
    blobs: openFolder(own.path),
    reopen: async () => openFolder(own.path),
    damage: async (sha256) => await writeFile(join(own.path, 'blobs', sha256.slice(0, 2), sha256), 'other'),
    breakDown: async () => {
      await rm(join(own.path, 'blobs'), { recursive: true });
      await writeFile(join(own.path, 'blobs'), ''); // root may write into any folder, but not into a file
    },
    [Symbol.asyncDispose]: own[Symbol.asyncDispose],
  };
});

const optionsOf = (server: S3Server): BucketOptions => ({
  bucket: server.bucket,
  endpoint: server.endpoint,
  region: 'us-east-1',
  prefix: 'team/blobs/',
});

describeBlobFiles('a bucket', async () => {
  const server = await startS3();
  const options = optionsOf(server);
  const client = new S3Client({ endpoint: server.endpoint, region: 'us-east-1', forcePathStyle: true });
  const opened = [await openBucket(options)];
  return {
    blobs: opened[0] as (typeof opened)[0],
    reopen: async () => opened[opened.push(await openBucket(options)) - 1] as (typeof opened)[0],
    damage: async (sha256) =>
      void (await client.send(new PutObjectCommand({ Bucket: server.bucket, Key: `${options.prefix}${sha256}`, Body: 'other' }))),
    breakDown: async () => {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: server.bucket }));
      const Objects = Contents.map(({ Key }) => ({ Key }));
      if (Objects.length > 0) await client.send(new DeleteObjectsCommand({ Bucket: server.bucket, Delete: { Objects } }));
      await client.send(new DeleteBucketCommand({ Bucket: server.bucket }));
    },
    async [Symbol.asyncDispose]() {
      for (const bucket of opened) bucket.close();
      client.destroy();
      await server[Symbol.asyncDispose]();
    },
  };
});

test('bytes that the bucket has are not sent again', async () => {
  await using server = await startS3();
  const bucket = await openBucket(optionsOf(server));
  const bytes = randomBytes(10_000);
  await bucket.write(nameOf(bytes), bytes);
  await bucket.write(nameOf(bytes), bytes);
  expect(server.requests.filter((request) => request.startsWith('PUT'))).toEqual([`PUT /hud-test/team/blobs/${nameOf(bytes)}`]);
  bucket.close();
});

test('a server that is busy for a moment is asked again, one that stays so is an error soon', async () => {
  await using server = await startS3();
  const bucket = await openBucket(optionsOf(server));
  const bytes = randomBytes(10_000);
  server.failNext(2);
  await bucket.write(nameOf(bytes), bytes);
  server.failNext(2);
  expect(bytes.equals((await bucket.get(nameOf(bytes))) ?? Buffer.alloc(0))).toBe(true);
  server.failNext(1_000);
  await expect(bucket.get(nameOf(bytes))).rejects.toMatchObject({
    code: 'STORE_UNWRITABLE',
    hint: expect.stringContaining('AWS_') as string,
  });
  expect(server.requests.length).toBeLessThan(20);
  bucket.close();
});

test('more blobs than one page of a list are all found', async () => {
  await using server = await startS3();
  const bucket = await openBucket(optionsOf(server));
  const all = Array.from({ length: 1_050 }, (_, n) => Buffer.from(`blob ${n}`));
  const left = all.values();
  const lane = async (): Promise<void> => {
    for (const bytes of left) await bucket.write(nameOf(bytes), bytes);
  };
  await Promise.all(Array.from({ length: 16 }, lane));
  expect((await Array.fromAsync(bucket.list())).toSorted()).toEqual(all.map(nameOf).toSorted());
  bucket.close();
});

test('a server that is not there is an error that names the bucket', async () => {
  const bucket = await openBucket({ bucket: 'nowhere', endpoint: 'http://127.0.0.1:1', region: 'us-east-1', prefix: '' });
  await expect(bucket.check()).rejects.toMatchObject({
    code: 'STORE_UNWRITABLE',
    message: expect.stringContaining('http://127.0.0.1:1/nowhere') as string,
  });
  bucket.close();
});
