/** Wrong usage: seen from the command line alone, so nothing has been tried yet. Exit code 2. */
import { HudError, type HudErrorOptions } from '../protocol/errors.ts';

export class UsageError extends HudError {
  constructor(message: string, options: HudErrorOptions = {}) {
    super('BAD_ARGUMENT', message, options);
  }
}
