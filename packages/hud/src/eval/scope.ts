/** Resources of one rollout, closed last first, also when one arrives after the end. */
import { messageOf } from '../protocol/errors.ts';

export class Scope {
  readonly #resources: AsyncDisposable[] = [];
  #closing: Promise<string[]> | undefined;

  /** Takes over the resource. One that comes after `close` is closed at once, and the wait for it ends. */
  async use<T extends AsyncDisposable>(opening: Promise<T>): Promise<T> {
    const resource = await opening;
    if (this.#closing !== undefined) await resource[Symbol.asyncDispose]();
    else this.#resources.push(resource);
    return resource;
  }

  /** Closes one early. */
  async drop(resource: AsyncDisposable): Promise<void> {
    const at = this.#resources.indexOf(resource);
    if (at >= 0) this.#resources.splice(at, 1);
    await resource[Symbol.asyncDispose]();
  }

  /** @returns what went wrong; every resource is closed all the same */
  close(): Promise<string[]> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<string[]> {
    const problems: string[] = [];
    for (const resource of this.#resources.toReversed()) {
      try {
        await resource[Symbol.asyncDispose]();
      } catch (error) {
        problems.push(messageOf(error));
      }
    }
    return problems;
  }
}
