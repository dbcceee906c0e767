/** What is printed when a command fails, and the exit code that says how. */
import { inspect } from 'node:util';
import { isHudError, messageOf } from '../protocol/errors.ts';
import { literal } from './terminal/literal.ts';
import type { Terminal } from './terminal/terminal.ts';
import { UsageError } from './usage-error.ts';

export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  /** The environment answered, but its grading reported an error. */
  gradeError: 3,
  interrupted: 130,
} as const;

export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  if (!isHudError(error)) return EXIT.failed;
  if (error.code === 'CANCELLED') return EXIT.interrupted;
  return error.code === 'AGENT_UNKNOWN' ? EXIT.usage : EXIT.failed;
}

/** The message, then its hints, each on a line of its own; with HUD_DEBUG=1 the stack too. */
export function errorLines(error: unknown, terminal: Terminal, debug: boolean): string[] {
  const lines = [`${terminal.red('error:')} ${literal(messageOf(error))}`, ...hintsOf(error).map((hint) => terminal.dim(literal(hint)))];
  return debug ? [...lines, '', literal(inspect(error, { depth: 4 }))] : lines;
}

/** `{ error: { code, message, hints, stack? } }` */
export function errorDocument(error: unknown, debug: boolean): { error: Record<string, unknown> } {
  return {
    error: {
      code: isHudError(error) ? error.code : 'UNKNOWN',
      message: messageOf(error),
      hints: hintsOf(error),
      ...(debug && error instanceof Error ? { stack: error.stack } : {}),
    },
  };
}

function hintsOf(error: unknown): string[] {
  if (!isHudError(error)) return ['This is a fault of hud itself. HUD_DEBUG=1 shows where it happened.'];
  return error.hint === undefined ? [] : error.hint.split('\n');
}
