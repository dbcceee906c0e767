/** Named pipes of a sandbox's control folder, made in batches because each making costs a process. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

const FIRST_BATCH = 2;
const LARGEST_BATCH = 128;
const MAKING_MS = 10_000;

/** The pipes of one command: this name with `.in`, `.out` and `.err`. Used once, unguessable. */
export class FifoPool {
  #folder: string;
  #ready: string[] = [];
  #making: Promise<void> | undefined;
  #batch = FIRST_BATCH;
  #isClosed = false;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @throws what `mkfifo` said, and after the end */
  async take(): Promise<string> {
    while (this.#ready.length === 0) await this.fill();
    const name = this.#ready.pop() as string;
    // In the background; who comes when none is left sees the failure.
    if (this.#ready.length < this.#batch / 2) this.fill().catch(() => {});
    return name;
  }

  /** Makes a batch, twice as large as the one before. */
  fill(): Promise<void> {
    if (this.#isClosed) return Promise.reject(new Error('the sandbox was closed'));
    this.#making ??= this.#make(this.#batch).finally(() => (this.#making = undefined));
    return this.#making;
  }

  /** Nothing is in the making when it settles, and nothing is made from then on. May be called twice. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#ready = [];
    await this.#making?.catch(() => {}); // told to who waited for it
  }

  async #make(count: number): Promise<void> {
    const names = Array.from({ length: count }, () => randomBytes(12).toString('hex'));
    const paths = names.flatMap((name) => ['in', 'out', 'err'].map((end) => join(this.#folder, `${name}.${end}`)));
    await new Promise<void>((resolve, reject) => {
      const options = { timeout: MAKING_MS, env: { PATH: process.env.PATH ?? '/usr/bin:/bin' } };
      // For everybody: the folder lets nobody list it, and from inside it can't be changed.
      execFile('mkfifo', ['-m', '666', ...paths], options, (error) => (error === null ? resolve() : reject(error)));
    });
    this.#ready.push(...names);
    this.#batch = Math.min(this.#batch * 2, LARGEST_BATCH);
  }
}
