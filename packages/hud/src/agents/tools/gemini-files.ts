/** Files as Gemini knows them: `replace`, `write_file`, `read_file`, `grep_search`, `glob`, `list_directory`. */
import type { SshClient } from '../../capabilities/ssh.ts';
import { HudError } from '../../protocol/errors.ts';
import { optionalText, textArgument } from './arguments.ts';
import { replaceText, writeWhole } from './file-edit.ts';
import { linesOf, listFolder, pageOf, seePath } from './file-read.ts';
import { globFiles, grepFiles } from './file-search.ts';
import { countOf, fileTool, firstLines, pathOf, type FileContext, type FileToolInit } from './file-tool.ts';
import { readText } from './remote-text.ts';
import type { AgentTool } from './tool.ts';

const FILE = { type: 'string', description: 'Path of the file: absolute, or relative to the working directory.' };
const FOLDER = { type: 'string', description: 'The folder. Without it, the working directory.' };

export function geminiFileTools(ssh: SshClient, limitBytes?: number): AgentTool[] {
  return [REPLACE, WRITE, READ, GREP, GLOB, LIST].map((init) => fileTool(ssh, init, limitBytes));
}

const REPLACE: FileToolInit = {
  name: 'replace',
  description: 'Replaces text in a file, the first place that matches. With an empty old_string it writes new_string as the whole file.',
  properties: {
    file_path: FILE,
    instruction: { type: 'string', description: 'What the change is for.' },
    old_string: { type: 'string', description: 'Text to replace, exactly as in the file, with enough around it to be one place.' },
    new_string: { type: 'string', description: 'Text to put in its place.' },
  },
  required: ['file_path', 'old_string', 'new_string'],
  run: async (args, context) => {
    const path = pathOf(args, 'file_path');
    const [find, put] = [textArgument(args, 'old_string'), textArgument(args, 'new_string')];
    if (find === '') return await written(path, put, context);
    const { text } = replaceText(await readText(context.ssh, path, context.signal), { find, put, which: 'first' });
    await context.ssh.write(path, text, { signal: context.signal });
    return `Changed ${path}.`;
  },
};

const WRITE: FileToolInit = {
  name: 'write_file',
  description: 'Writes a whole file, in place of what was there, and makes the folders above it.',
  properties: { file_path: FILE, content: { type: 'string', description: 'The whole content.' } },
  required: ['file_path', 'content'],
  run: async (args, context) => await written(pathOf(args, 'file_path'), textArgument(args, 'content'), context),
};

async function written(path: string, content: string, context: FileContext): Promise<string> {
  await writeWhole(path, content, context);
  return `Wrote ${Buffer.byteLength(content)} bytes to ${path}.`;
}

const READ: FileToolInit = {
  name: 'read_file',
  description: 'Reads a text file, or some of its lines. Long files come in parts: go on with start_line.',
  properties: {
    file_path: FILE,
    start_line: { type: 'integer', description: 'First line, counted from 1.', minimum: 1 },
    end_line: { type: 'integer', description: 'Last line, inclusive. Only with start_line.', minimum: 1 },
  },
  required: ['file_path'],
  run: async (args, context) => {
    const path = pathOf(args, 'file_path');
    const start = countOf(args, 'start_line');
    const end = start === undefined ? undefined : countOf(args, 'end_line');
    const seen = await seePath(path, context);
    if (seen.kind === 'directory') throw new HudError('BAD_ARGUMENT', `${path} is a folder: use list_directory.`);
    if (start === undefined && Buffer.byteLength(seen.text) <= context.limitBytes) return seen.text;
    const first = Math.max(start ?? 1, 1);
    if (end !== undefined && end < first) throw new HudError('BAD_ARGUMENT', `end_line ${end} is before start_line ${first}.`);
    const page = pageOf(linesOf(seen.text), { first, last: end ?? Infinity, limitBytes: context.limitBytes });
    const isCut = page.last < Math.min(end ?? Infinity, page.total);
    const note = `(Lines ${first}-${page.last} of ${page.total}. Go on with start_line ${page.last + 1}.)`;
    return [...page.lines, ...(isCut ? [note] : [])].join('\n');
  },
};

const GREP: FileToolInit = {
  name: 'grep_search',
  description: 'Searches the contents of files for an extended regular expression. Gives path:line:text of each match.',
  properties: {
    pattern: { type: 'string', description: 'Extended regular expression, as grep -E takes it.' },
    dir_path: FOLDER,
    include_pattern: { type: 'string', description: 'Only files with such names: *.py, *.{ts,tsx}.' },
  },
  required: ['pattern'],
  run: async (args, context) => {
    const include = optionalText(args, 'include_pattern');
    return await grepFiles({ pattern: textArgument(args, 'pattern'), path: pathOf(args, 'dir_path', '.'), include }, context);
  },
};

const GLOB: FileToolInit = {
  name: 'glob',
  description: 'Finds files by name: *.py in any folder, src/**/*.ts by path.',
  properties: { pattern: { type: 'string', description: 'Pattern of names, or of paths when it has a slash.' }, dir_path: FOLDER },
  required: ['pattern'],
  run: async (args, context) => await globFiles({ pattern: pathOf(args, 'pattern'), path: pathOf(args, 'dir_path', '.') }, context),
};

const LIST: FileToolInit = {
  name: 'list_directory',
  description: 'Lists a folder, one name a line; names of folders end in a slash.',
  properties: { dir_path: FOLDER },
  required: ['dir_path'],
  run: async (args, context) => {
    const entries = await listFolder(pathOf(args, 'dir_path', '.'), context);
    return entries.length === 0 ? '(empty)' : firstLines(entries, context.limitBytes, 'entries');
  },
};
