/** Changes to files over a shell: new ones with their folders, and exact replacements. */
import { posix } from 'node:path';
import { shellQuote } from '../../capabilities/ssh.ts';
import { HudError } from '../../protocol/errors.ts';
import { refusal, type FileContext } from './file-tool.ts';

/** Writes the whole file, making the folders above it. @throws HudError RPC_ERROR with what the other side says */
export async function writeWhole(path: string, content: string, context: FileContext): Promise<void> {
  await makeParents(path, context);
  await context.ssh.write(path, content, { signal: context.signal });
}

export async function pathExists(path: string, { ssh, signal }: FileContext): Promise<boolean> {
  const quoted = shellQuote(path.startsWith('-') ? `./${path}` : path);
  const result = await ssh.exec(`test -e ${quoted} || test -L ${quoted}`, { signal });
  if (result.exitCode > 1) throw refusal(result);
  return result.exitCode === 0;
}

export interface Replacement {
  find: string;
  put: string;
  /** How many places may match. */
  which: 'only' | 'first' | 'all';
}

/**
 * Replaces text exactly. Where the file ends its lines with CR LF and the model wrote bare LF, both texts are taken as CR LF.
 * @throws HudError BAD_ARGUMENT when nothing matches, or several places do and one was meant
 */
export function replaceText(text: string, { find, put, which }: Replacement): { text: string; count: number } {
  const count = countOfMatches(text, find);
  if (count === 0 && text.includes('\r\n') && /(^|[^\r])\n/.test(find)) {
    return replaceText(text, { find: withCrLf(find), put: withCrLf(put), which });
  }
  if (count === 0)
    throw new HudError('BAD_ARGUMENT', 'The text to replace was not found. It must match the file exactly, white space included.');
  if (count > 1 && which === 'only')
    throw new HudError(
      'BAD_ARGUMENT',
      `The text to replace was found ${count} times. Give more of its surroundings, so that it is one place.`,
    );
  if (which === 'all') return { text: text.split(find).join(put), count };
  const at = text.indexOf(find);
  return { text: `${text.slice(0, at)}${put}${text.slice(at + find.length)}`, count: 1 };
}

async function makeParents(path: string, { ssh, signal }: FileContext): Promise<void> {
  const folder = posix.dirname(path);
  if (ssh.shell !== 'bash' || folder === '.' || folder === '/') return;
  const result = await ssh.exec(`mkdir -p -- ${shellQuote(folder)}`, { signal });
  if (result.exitCode !== 0) throw refusal(result);
}

function countOfMatches(text: string, find: string): number {
  return text.split(find).length - 1;
}

function withCrLf(text: string): string {
  return text.replace(/\r?\n/g, '\r\n');
}
