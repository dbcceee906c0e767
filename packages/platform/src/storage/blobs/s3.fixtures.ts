/** A server that speaks S3, in this process, for tests. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import S3rver from 's3rver';

export interface S3Server extends AsyncDisposable {
  /** Of the server, without a bucket. */
  readonly endpoint: string;
  readonly bucket: string;
  /** Each request so far, as in "PUT /bucket/name". */
  readonly requests: string[];
  /** Answers this many of the next requests with 503, as a server does that is busy. */
  failNext(count: number): void;
}

/** It takes the key `S3RVER` with the secret `S3RVER`, which this puts into the environment of the process. */
export async function startS3(bucket = 'hud-test'): Promise<S3Server> {
  process.env.AWS_ACCESS_KEY_ID = 'S3RVER';
  process.env.AWS_SECRET_ACCESS_KEY = 'S3RVER';
  const directory = await mkdtemp(join(tmpdir(), 'hud-s3-'));
  const s3 = new S3rver({ silent: true, directory, configureBuckets: [{ name: bucket, configs: [] }] });
  await s3.configureBuckets();
  const answer = s3.getMiddleware();
  const requests: string[] = [];
  let failures = 0;
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url?.split('?')[0]}`);
    if (failures > 0) {
      failures -= 1;
      request.resume();
      response.writeHead(503).end();
    } else void answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bucket,
    requests,
    failNext: (count) => void (failures = count),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await rm(directory, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}
