/** What a platform does not take, told once for each reason. */
import { HudError, isHudError } from '../../protocol/errors.ts';

const MAX_REASONS = 1_000;

export class Warnings {
  readonly #url: string;
  readonly #told = new Set<string>();

  constructor(url: string) {
    this.#url = url;
  }

  /** @returns undefined for one that was told */
  next(what: string, reason: string): HudError | undefined {
    const key = `${what} ${reason}`;
    if (this.#told.has(key) || this.#told.size >= MAX_REASONS) return undefined;
    this.#told.add(key);
    return new HudError('PLATFORM_REFUSED', `The platform at ${this.#url} does not take a ${what}: ${reason}`, {
      hint: 'It stays in the record; `hud push` tries again.',
    });
  }
}

/** Whoever owned the store is done with it. */
export function isClosedStore(error: unknown): boolean {
  return isHudError(error) && error.code === 'STORE_UNWRITABLE' && error.message.endsWith('was closed.');
}
