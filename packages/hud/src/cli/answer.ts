/** `--answer` and `--answer-file`: where an answer to be graded comes from. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { HudError, messageOf } from '../protocol/errors.ts';
import { text } from './options.ts';
import { UsageError } from './usage-error.ts';

export const answerOptions = {
  answer: text('--answer <text>', 'the answer (default: an empty text)'),
  answerFile: text('--answer-file <file>', 'the answer, from a file; - reads standard input'),
};

export async function readAnswer(options: { answer?: string; answerFile?: string }, cwd: string): Promise<string> {
  const { answer, answerFile } = options;
  if (answer !== undefined && answerFile !== undefined) throw new UsageError('--answer and --answer-file exclude each other.');
  if (answerFile === undefined) return answer ?? '';
  if (answerFile === '-') return await readAll(process.stdin);
  try {
    return await readFile(resolve(cwd, answerFile), 'utf8');
  } catch (cause) {
    throw new HudError('BAD_ARGUMENT', `The answer can't be read from ${answerFile}: ${messageOf(cause)}.`, { cause });
  }
}
