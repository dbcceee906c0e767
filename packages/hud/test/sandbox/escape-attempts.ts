/** Ways out of a sandbox, tried from inside as an agent would, and with what an author does beside it. */
import type { Attempt } from './escape-attempt.ts';
import { FILES } from './escape-files.ts';
import { KERNEL } from './escape-kernel.ts';
import { OUTSIDE } from './escape-outside.ts';

export const ATTEMPTS: readonly Attempt[] = [...FILES, ...KERNEL, ...OUTSIDE];
