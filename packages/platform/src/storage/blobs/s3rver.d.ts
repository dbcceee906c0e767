/** What tests use of a package that declares no types. */
declare module 's3rver' {
  import type { IncomingMessage, ServerResponse } from 'node:http';

  export default class S3rver {
    constructor(options: { silent: boolean; directory: string; configureBuckets: { name: string; configs: string[] }[] });
    configureBuckets(): Promise<unknown>;
    getMiddleware(): (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  }
}
