/** Files and folders as a model reads them: in pages, never more than fits a conversation. */
import { shellQuote } from '../../capabilities/ssh.ts';
import { HudError, isHudError } from '../../protocol/errors.ts';
import { refusal, type FileContext } from './file-tool.ts';

/** Larger files are for the shell: they would have to cross the wire whole. */
export const MAX_FILE_BYTES = 8 * 1024 * 1024;
const SNIFFED_BYTES = 8_000;
const MAX_LINE_CHARS = 2_000;

export type Seen = { kind: 'text'; text: string } | { kind: 'directory'; entries: string[] };

/** @throws HudError RPC_ERROR with what the other side says, or for a file that is too large or no text */
export async function seePath(path: string, context: FileContext): Promise<Seen> {
  try {
    return { kind: 'text', text: new TextDecoder().decode(await textBytes(path, context)) };
  } catch (error) {
    const entries = await entriesOf(path, error, context);
    if (entries === undefined) throw error;
    return { kind: 'directory', entries };
  }
}

/** Names in a folder, sorted; those of folders end in `/` where the other side can tell. */
export async function listFolder(path: string, { ssh, signal }: FileContext): Promise<string[]> {
  if (ssh.shell !== 'bash') return await ssh.list(path, { signal });
  const result = await ssh.exec(`ls -1Ap -- ${shellQuote(path)}`, { signal });
  if (result.exitCode !== 0) throw refusal(result);
  return result.stdout
    .split('\n')
    .filter((name) => name !== '')
    .sort();
}

export interface Page {
  /** Cut to 2,000 characters each. */
  lines: string[];
  /** 1-based; `last` is `first - 1` when there is nothing to show. */
  first: number;
  last: number;
  total: number;
}

/**
 * Lines `first` to `last`, 1-based and inclusive, or fewer where they exceed `limitBytes`; one line at least.
 * @throws HudError BAD_ARGUMENT when `first` is past the end
 */
export function pageOf(lines: readonly string[], { first, last, limitBytes }: { first: number; last: number; limitBytes: number }): Page {
  const total = lines.length;
  if (first > Math.max(total, 1)) throw new HudError('BAD_ARGUMENT', `Line ${first} is past the end: there are ${total} lines.`);
  const shown: string[] = [];
  let bytes = 0;
  for (const line of lines.slice(first - 1, last)) {
    const cut = line.length > MAX_LINE_CHARS ? `${line.slice(0, MAX_LINE_CHARS)}… (${line.length} characters)` : line;
    bytes += Buffer.byteLength(cut) + 1;
    if (bytes > limitBytes && shown.length > 0) break;
    shown.push(cut);
  }
  return { lines: shown, first, last: first + shown.length - 1, total };
}

/** The lines of a text; a line break at its end ends the last one, and a carriage return belongs to the break. */
export function linesOf(text: string): string[] {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

async function textBytes(path: string, { ssh, signal }: FileContext): Promise<Uint8Array> {
  const bytes = await ssh.readBytes(path, { maxBytes: MAX_FILE_BYTES + 1, signal });
  if (bytes.length > MAX_FILE_BYTES)
    throw new HudError('RPC_ERROR', `${path} has more than ${MAX_FILE_BYTES} bytes; read a part of it with a command.`);
  if (bytes.subarray(0, SNIFFED_BYTES).includes(0)) throw new HudError('RPC_ERROR', `${path}: binary file, ${bytes.length} bytes.`);
  return bytes;
}

/** What can't be read may be a folder: only of one can `path/` be listed. */
async function entriesOf(path: string, error: unknown, context: FileContext): Promise<string[] | undefined> {
  if (!isHudError(error) || error.code !== 'RPC_ERROR') return undefined;
  try {
    return await listFolder(path.endsWith('/') ? path : `${path}/`, context);
  } catch (listError) {
    if (isHudError(listError) && listError.code === 'RPC_ERROR') return undefined; // the first error says more
    throw listError;
  }
}
