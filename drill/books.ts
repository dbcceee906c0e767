/** The drill's own books: what drivers were told and what environments graded, a line each, only ever appended. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

/** What a driver was told, in the order in which drivers were told. */
export type Told =
  | { type: 'job'; load: string; jobId: string; driver: number; at: number }
  | { type: 'started' | 'retried'; load: string; slug: string; repeat: number; attempt: number; traceId: string; driver: number }
  | {
      type: 'ended';
      load: string;
      slug: string;
      repeat: number;
      attempt: number;
      traceId: string;
      driver: number;
      class: string;
      reward: number;
    };

/** One grade that an environment gave. */
export interface Graded {
  slug: string;
  repeat: number;
  traceId: string;
  sessionId: string;
  reward: number;
}

/** Whole lines only: a process that is killed while it appends leaves half of one. */
export function readBook<T>(path: string): T[] {
  return parseLines<T>(readFileSync(path, 'utf8'));
}

/** Gives each line once, as the file grows. */
export class BookReader<T> {
  readonly #fd: number;
  #at = 0;
  #rest = '';

  constructor(path: string) {
    this.#fd = openSync(path, 'r');
  }

  read(): T[] {
    const chunk = Buffer.alloc(1 << 20);
    let text = this.#rest;
    for (;;) {
      const size = readSync(this.#fd, chunk, 0, chunk.length, this.#at);
      if (size === 0) break;
      this.#at += size;
      text += chunk.toString('utf8', 0, size);
    }
    const end = text.lastIndexOf('\n') + 1;
    this.#rest = text.slice(end);
    return parseLines<T>(text.slice(0, end));
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function parseLines<T>(text: string): T[] {
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as T);
}
