/** Recorded calls on their way to the thread that writes them: gathered for a moment, sent as one piece of memory. */
import type { RecordedCallBytes } from '../ledger/call-writer-thread.ts';

/** How long they are gathered, in milliseconds: as long as the ledger's rows, so that one transaction takes both. */
const GATHER_MS = 15;
const MAX_CALLS = 500;
const MAX_BYTES = 8 * 1_048_576;

type Written = (error?: unknown) => void;

interface Entry {
  recording: RecordedCallBytes;
  pieces: readonly Buffer[];
  written: Written;
}

export class RecordingBatches {
  readonly #write: (recordings: readonly RecordedCallBytes[], bytes: Uint8Array<ArrayBuffer>) => Promise<void>;
  #entries: Entry[] = [];
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Being written, and the traces of each. */
  readonly #writing = new Map<Promise<void>, ReadonlySet<string>>();

  constructor(write: (recordings: readonly RecordedCallBytes[], bytes: Uint8Array<ArrayBuffer>) => Promise<void>) {
    this.#write = write;
  }

  /** @param pieces its bytes, not to be changed any more @param written told when it is on disk, or why it will never be */
  add(recording: RecordedCallBytes, pieces: readonly Buffer[], written: Written): void {
    this.#entries.push({ recording, pieces, written });
    for (const { length } of pieces) this.#bytes += length;
    if (this.#entries.length >= MAX_CALLS || this.#bytes >= MAX_BYTES) this.#send();
    else this.#timer ??= setTimeout(() => this.#send(), GATHER_MS);
  }

  /** What was added is on disk when it resolves, or never will be. @param traceId of this trace alone */
  async settled(traceId?: string): Promise<void> {
    if (this.#entries.some(({ recording }) => traceId === undefined || recording.traceId === traceId)) this.#send();
    const meant = [...this.#writing].filter(([, traces]) => traceId === undefined || traces.has(traceId));
    await Promise.all(meant.map(([done]) => done));
  }

  #send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const entries = this.#entries;
    const bytes = joined(entries, this.#bytes);
    [this.#entries, this.#bytes] = [[], 0];
    const tell = (error?: unknown): void => {
      this.#writing.delete(done);
      for (const { written } of entries) written(error);
    };
    const recordings = entries.map(({ recording }) => recording);
    const done: Promise<void> = this.#write(recordings, bytes).then(() => tell(), tell);
    this.#writing.set(done, new Set(recordings.map(({ traceId }) => traceId)));
  }
}

function joined(entries: readonly Entry[], size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const { pieces } of entries) {
    for (const piece of pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
  }
  return bytes;
}
