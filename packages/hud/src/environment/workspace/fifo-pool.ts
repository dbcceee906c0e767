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

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @throws what `mkfifo` said */
  async take(): Promise<string> {
    while (this.#ready.length === 0) await this.fill();
    const name = this.#ready.pop() as string;
    // In the background; who comes when none is left sees the failure.
    if (this.#ready.length < this.#batch / 2) this.fill().catch(() => {});
    return name;
  }

  /** Makes a batch, twice as large as the one before. */
  fill(): Promise<void> {
    this.#making ??= this.#make(this.#batch).finally(() => (this.#making = undefined));
    return this.#making;
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
