/** Questions to whoever sits at the terminal. Where nobody does, a question is wrong usage. */
import { isatty } from 'node:tty';
import { HudError } from '../protocol/errors.ts';
import type { Context } from './command.ts';
import { UsageError } from './usage-error.ts';

export interface Choice {
  question: string;
  choices: readonly string[];
  /** The error's message where nobody can be asked. */
  otherwise: string;
  hint?: string;
}

export async function ask(context: Context, { question, choices, otherwise, hint }: Choice): Promise<string> {
  if (!canAsk(context)) throw new UsageError(otherwise, { hint: hint ?? `Name one of them: ${choices.join(', ')}.` });
  const { isCancel, select } = await import('@clack/prompts');
  const chosen = await select({
    message: question,
    options: choices.map((value) => ({ value })),
    output: process.stderr,
    signal: context.signal,
  });
  if (isCancel(chosen)) throw new HudError('CANCELLED', 'Nothing was chosen.');
  return chosen;
}

export async function confirm(
  context: Context,
  { question, otherwise, hint, standard = true }: { question: string; otherwise: string; hint: string; standard?: boolean },
): Promise<boolean> {
  if (!canAsk(context)) throw new UsageError(otherwise, { hint });
  const clack = await import('@clack/prompts');
  const answer = await clack.confirm({ message: question, initialValue: standard, output: process.stderr, signal: context.signal });
  if (clack.isCancel(answer)) throw new HudError('CANCELLED', 'Nothing was chosen.');
  return answer;
}

function canAsk({ isJson, err }: Context): boolean {
  return !isJson && isatty(process.stdin.fd) && err.isTTY;
}
