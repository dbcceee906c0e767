/** Blobs in a bucket of Amazon S3 or of what speaks like it. Credentials are found as the AWS SDK finds them. */
import { createHash } from 'node:crypto';
import { HudError, isHudError, messageOf } from 'hud/protocol';
import type { S3Client } from '@aws-sdk/client-s3';
import { isBlobName, type BlobFiles } from './blob-files.ts';

export interface BucketOptions {
  bucket: string;
  /** Of a server that is not Amazon's; buckets are then part of the path. */
  endpoint?: string;
  region: string;
  /** What object names begin with. */
  prefix: string;
}

export interface Bucket extends BlobFiles {
  /** Gives its connections back. */
  close(): void;
}

/** A client that speaks to one bucket, with the SDK's module. */
interface Connected extends BucketOptions {
  sdk: typeof import('@aws-sdk/client-s3');
  client: S3Client;
  location: string;
}

/** Tries of each request, the first one too; pauses between them are the SDK's. */
const TRIES = 5;
const CONNECT_MS = 5_000;
/** Longest silence of the server, in milliseconds. */
const SILENCE_MS = 30_000;

/** @throws HudError PACKAGE_MISSING without @aws-sdk/client-s3 */
export async function openBucket(options: BucketOptions): Promise<Bucket> {
  const sdk = await import('@aws-sdk/client-s3').catch(missing);
  const { bucket, endpoint, region, prefix } = options;
  const client = new sdk.S3Client({
    region,
    maxAttempts: TRIES,
    requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: SILENCE_MS },
    // Names are hashes already, and other servers don't know the SDK's newer checksums.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
  });
  const own: Connected = { ...options, sdk, client, location: `${endpoint ?? 's3:/'}/${bucket}/${prefix}` };
  const writing = new Map<string, Promise<void>>();
  return {
    location: own.location,
    write: async (sha256, bytes) => {
      let written = writing.get(sha256);
      if (written === undefined) {
        written = write(own, sha256, bytes).finally(() => writing.delete(sha256));
        writing.set(sha256, written);
      }
      await written;
    },
    get: async (sha256) => (isBlobName(sha256) ? await get(own, sha256) : undefined),
    list: () => list(own),
    check: async () => {
      try {
        await client.send(new sdk.HeadBucketCommand({ Bucket: bucket }));
      } catch (error) {
        throw bucketError(error, own);
      }
    },
    close: () => client.destroy(),
  };
}

async function write(bucket: Connected, sha256: string, bytes: Uint8Array): Promise<void> {
  if ((await sizeOf(bucket, sha256)) === bytes.length) return;
  const { PutObjectCommand } = bucket.sdk;
  // The server refuses bytes that arrive as others.
  const checksum = Buffer.from(sha256, 'hex').toString('base64');
  const object = { ...place(bucket, sha256), Body: bytes, ContentLength: bytes.length, ChecksumSHA256: checksum };
  try {
    await bucket.client.send(new PutObjectCommand(object));
  } catch (error) {
    throw bucketError(error, bucket);
  }
}

/** @returns undefined also where nobody may ask, which says nothing about writing */
async function sizeOf(bucket: Connected, sha256: string): Promise<number | undefined> {
  try {
    return (await bucket.client.send(new bucket.sdk.HeadObjectCommand(place(bucket, sha256)))).ContentLength;
  } catch (error) {
    if ([403, 404].includes(statusOf(error))) return undefined;
    throw bucketError(error, bucket);
  }
}

async function get(bucket: Connected, sha256: string): Promise<Uint8Array | undefined> {
  const bytes = await read(bucket, sha256);
  if (bytes === undefined || createHash('sha256').update(bytes).digest('hex') === sha256) return bytes;
  throw new HudError('STORE_DAMAGED', `${bucket.location}${sha256} holds other bytes than those that were stored.`, {
    hint: 'Another program changed it. Remove it; what refers to it stays readable without it.',
  });
}

/** A body that breaks off is asked for again: the SDK's own tries end with its head. */
async function read(bucket: Connected, sha256: string): Promise<Uint8Array | undefined> {
  for (let tries = 1; ; tries++) {
    try {
      const found = await bucket.client.send(new bucket.sdk.GetObjectCommand(place(bucket, sha256)));
      return await found.Body?.transformToByteArray();
    } catch (error) {
      if (statusOf(error) === 404 && nameOf(error) !== 'NoSuchBucket') return undefined;
      if (tries === TRIES || statusOf(error) >= 400) throw bucketError(error, bucket);
    }
  }
}

/** Not the second version of this request: servers other than Amazon's stumble over its tokens. */
async function* list(bucket: Connected): AsyncGenerator<string> {
  const { bucket: Bucket, prefix: Prefix, sdk, client } = bucket;
  let Marker: string | undefined;
  do {
    const page = await client.send(new sdk.ListObjectsCommand({ Bucket, Prefix, Marker })).catch((error: unknown) => {
      throw bucketError(error, bucket);
    });
    const keys = (page.Contents ?? []).map(({ Key = '' }) => Key);
    for (const key of keys) if (isBlobName(key.slice(Prefix.length))) yield key.slice(Prefix.length);
    Marker = page.IsTruncated === true ? keys.at(-1) : undefined;
  } while (Marker !== undefined);
}

function place({ bucket, prefix }: Connected, sha256: string): { Bucket: string; Key: string } {
  return { Bucket: bucket, Key: `${prefix}${sha256}` };
}

function bucketError(error: unknown, { location }: Connected): HudError {
  if (isHudError(error)) return error;
  const why = messageOf(error) === 'UnknownError' || messageOf(error) === '' ? `it answered ${statusOf(error)}` : messageOf(error);
  if (statusOf(error) === 507 || nameOf(error) === 'XMinioStorageFull' || nameOf(error) === 'QuotaExceeded') {
    return new HudError('STORE_FULL', `There is no space left in ${location}. What was recorded before is safe.`, {
      cause: error,
      hint: 'Free some space there, or raise its quota.',
    });
  }
  return new HudError('STORE_UNWRITABLE', `${location} can't be used: ${nameOf(error)}: ${why}.`, {
    cause: error,
    hint: 'Check HUD_PLATFORM_S3_BUCKET, HUD_PLATFORM_S3_ENDPOINT and HUD_PLATFORM_S3_REGION, and the credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or a role.',
  });
}

function statusOf(error: unknown): number {
  return (error as { $metadata?: { httpStatusCode?: number } } | null)?.$metadata?.httpStatusCode ?? 0;
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'Error';
}

function missing(cause: unknown): never {
  throw new HudError('PACKAGE_MISSING', `Blobs in a bucket need a package that is not here: ${messageOf(cause)}.`, {
    cause,
    hint: 'npm install @aws-sdk/client-s3',
  });
}
