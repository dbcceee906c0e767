/** Searches in a folder over a shell: by name with `find`, by content with `grep`. */
import { shellQuote } from '../../capabilities/ssh.ts';
import type { ToolResult } from '../../protocol/trace.ts';
import { alternatives, globMatcher } from './file-glob.ts';
import { firstLines, refusal, type FileContext } from './file-tool.ts';
import { textResult } from './tool.ts';

const MAX_MATCH_CHARS = 500;

export interface NameSearch {
  /** `*.ts` in any folder below; `src/**` and `**` reach through folders, `{a,b}` are alternatives. */
  pattern: string;
  path: string;
}

/** One path a line, sorted; `.git` is left out unless the pattern names it. */
export async function globFiles({ pattern, path }: NameSearch, { ssh, signal, limitBytes }: FileContext): Promise<ToolResult> {
  const result = await ssh.exec(`find -H ${operand(path)} ${withoutGit(pattern)}${namesOf(pattern)} -print`, { signal });
  const fits = matcher(pattern, path);
  const found = result.stdout.split('\n').filter((line) => line !== '' && fits(line));
  if (found.length === 0 && result.exitCode !== 0) throw refusal(result);
  const text = found.length === 0 ? `No files match ${pattern} below ${path}.` : firstLines(found.sort(), limitBytes, 'files');
  return textResult(withComplaints(text, result.stderr));
}

export interface ContentSearch {
  /** An extended regular expression. */
  pattern: string;
  path: string;
  /** Only files with such names. */
  include?: string | undefined;
}

/**
 * `path:line:text` of every match, binary files left out; no match is an error, as with grep itself.
 * The files are `find`'s: not every grep can leave folders out.
 */
export async function grepFiles({ pattern, path, include }: ContentSearch, { ssh, signal, limitBytes }: FileContext): Promise<ToolResult> {
  const only = include === undefined || include === '' ? '' : `${namesOf(include)} `;
  const grep = `-exec grep -nHIE -e ${shellQuote(pattern)} -- {} +`;
  const result = await ssh.exec(`find -H ${operand(path)} ${withoutGit(path)}-type f ${only}${grep}`, { signal });
  const matches = result.stdout.split('\n').filter((line) => line !== '');
  // The exit code of `find` does not tell a failure from no match.
  if (matches.length === 0 && result.stderr.trim() !== '') throw refusal(result);
  if (matches.length === 0) return textResult(`No match for ${pattern} below ${path}. (exit 1)`, true);
  const lines = matches.map((line) => (line.length > MAX_MATCH_CHARS ? `${line.slice(0, MAX_MATCH_CHARS)}…` : line));
  return textResult(withComplaints(firstLines(lines, limitBytes, 'matches'), result.stderr));
}

/** What git keeps there answers every search with noise; whoever names it gets it. */
function withoutGit(asked: string): string {
  return asked.includes('.git') ? '' : '-name .git -prune -o ';
}

/** What could not be searched does not hide what was found. */
function withComplaints(text: string, stderr: string): string {
  return stderr.trim() === '' ? text : `${text}\nstderr:\n${stderr.trim()}`;
}

/** A path that no command takes for an option. */
function operand(path: string): string {
  return shellQuote(path.startsWith('-') ? `./${path}` : path);
}

/** The tests for `find`: names that can match, so that fewer lines cross the wire. */
function namesOf(pattern: string): string {
  const last = alternatives(pattern).map((one) => one.split('/').at(-1) ?? '');
  if (last.some((name) => name === '' || name.includes('**'))) return '-type f';
  return String.raw`\( ${last.map((name) => `-name ${shellQuote(name)}`).join(' -o ')} \)`;
}

/** A pattern without a folder matches names, as `find -name` does; another one matches paths below `path`, or absolute ones. */
function matcher(pattern: string, path: string): (line: string) => boolean {
  if (!pattern.includes('/')) {
    const fitsName = globMatcher(pattern);
    return (line) => line !== path && fitsName(line.slice(line.lastIndexOf('/') + 1));
  }
  const fitsPath = globMatcher(pattern.replace(/^(\.\/)+/, ''));
  const base = path.endsWith('/') ? path : `${path}/`;
  return (line) => fitsPath(pattern.startsWith('/') || !line.startsWith(base) ? line : line.slice(base.length));
}
