/** Reads the usage of a reply on its way to the caller. */
import type { CallUsage, ReplyObserver, UsageReader } from '../seams.ts';

/** Feeds the reader of the dialect, once the head has told what the reply is. */
export class UsageObserver implements ReplyObserver {
  readonly #open: (contentType: string) => UsageReader | undefined;
  #reader: UsageReader | undefined;
  found: CallUsage | undefined;

  constructor(open: (contentType: string) => UsageReader | undefined) {
    this.#open = open;
  }

  head(status: number, headers: Readonly<Record<string, string | string[]>>): void {
    const { 'content-type': type, 'content-encoding': encoding } = headers;
    if (status === 200 && (encoding === undefined || encoding === 'gzip')) this.#reader = this.#open(String(type ?? ''));
  }

  data(chunk: Buffer): void {
    this.#reader?.push(chunk);
  }

  end(): void {
    this.found = this.#reader?.end();
  }
}
