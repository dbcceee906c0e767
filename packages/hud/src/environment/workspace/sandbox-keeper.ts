/** The sandbox that all sessions of a workspace share: made ahead or on demand, replaced when it is discarded or lost. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lchown, readdir, stat } from 'node:fs/promises';
import { messageOf } from '../../protocol/errors.ts';
import type { Sandbox } from './sandbox.ts';

export interface Made {
  sandbox: Sandbox;
  /** Ends it with what belongs to it. */
  close(): Promise<void>;
}

export interface SandboxKeeperOptions {
  make(): Promise<Made>;
  /** Before the first command of each sandbox. */
  beforeUse(): Promise<void>;
  /** Make the next one before it is asked for. */
  isEager: boolean;
  onWarning(message: string): void;
}

interface Kept {
  made: Promise<Made>;
  ready: Promise<Sandbox> | undefined;
}

export class SandboxKeeper {
  readonly #options: SandboxKeeperOptions;
  readonly #closing = new Set<Promise<void>>();
  #kept: Kept | undefined;
  /** Settles when whoever wants the folder to himself is done with it. */
  #held: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: SandboxKeeperOptions) {
    this.#options = options;
  }

  /** @throws whatever making it failed of; the next call tries again */
  async prepare(): Promise<Sandbox> {
    return (await (await this.#admitted()).made).sandbox;
  }

  /** The present one, ready for commands. */
  async get(): Promise<Sandbox> {
    const kept = await this.#admitted();
    kept.ready ??= kept.made.then(async ({ sandbox }) => {
      await this.#options.beforeUse();
      return sandbox;
    });
    return await kept.ready;
  }

  /** Ends every process of the present one; settles when it is gone. */
  async discard(): Promise<void> {
    await this.#endPresent();
    this.#makeAhead();
  }

  /** Does the work while no process is inside and none can get in; who wants a sandbox meanwhile waits for it. */
  async emptied<T>(work: () => Promise<T>): Promise<T> {
    while (this.#held !== undefined) await this.#held;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held = promise;
    try {
      await this.#endPresent();
      await Promise.all(this.#closing); // those discarded before may still be ending
      return await work();
    } finally {
      this.#held = undefined;
      resolve();
      this.#makeAhead();
    }
  }

  async #admitted(): Promise<Kept> {
    while (this.#held !== undefined) await this.#held;
    return this.#keep();
  }

  async #endPresent(): Promise<void> {
    const kept = this.#kept;
    this.#kept = undefined;
    if (kept !== undefined) await this.#end(kept);
  }

  #makeAhead(): void {
    if (this.#options.isEager && !this.#isClosed) {
      this.prepare().catch((error: unknown) => this.#options.onWarning(`the next sandbox could not be prepared: ${messageOf(error)}`));
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.discard();
    await Promise.all(this.#closing);
  }

  #keep(): Kept {
    if (this.#isClosed) throw new Error('the workspace was stopped');
    if (this.#kept !== undefined) return this.#kept;
    const kept: Kept = { made: this.#options.make(), ready: undefined };
    this.#kept = kept;
    kept.made.then(
      ({ sandbox }) => void sandbox.lost.then((reason) => this.#lose(kept, reason)),
      () => this.#forget(kept), // told to whoever asked for it
    );
    return kept;
  }

  #lose(kept: Kept, reason: string): void {
    if (this.#kept !== kept) return; // discarded
    this.#forget(kept);
    this.#options.onWarning(`the sandbox was lost: ${reason}. The next command gets a new one.`);
    void this.#end(kept);
  }

  #forget(kept: Kept): void {
    if (this.#kept === kept) this.#kept = undefined;
  }

  async #end(kept: Kept): Promise<void> {
    const ending = (async () => {
      try {
        await (await kept.made).close();
      } catch (error) {
        this.#options.onWarning(`a sandbox could not be ended: ${messageOf(error)}`);
      }
    })();
    this.#closing.add(ending);
    await ending;
    this.#closing.delete(ending);
  }
}

/**
 * Gives all that `from` owns below the folder to another user. Symbolic links are changed themselves and never followed,
 * whoever moves things meanwhile.
 * @throws Error with what `chown` said
 */
export async function handOver(root: string, from: number, { uid, gid }: { uid: number; gid: number }): Promise<void> {
  if ((await readdir(root)).length === 0) {
    if ((await stat(root)).uid === from) await lchown(root, uid, gid);
    return;
  }
  const child = spawn('chown', ['-R', '-P', '-h', `--from=${from}`, `${uid}:${gid}`, '--', root], { stdio: ['ignore', 'ignore', 'pipe'] });
  const errors: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => errors.length < 16 && errors.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`chown: ${Buffer.concat(errors).toString().trim() || `exit ${code}`}`);
}
