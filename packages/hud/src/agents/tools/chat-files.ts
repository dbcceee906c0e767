/** Files for models behind chat completions: `read`, `glob`, `grep`, `edit`, `write`, `list`. */
import type { SshClient } from '../../capabilities/ssh.ts';
import { HudError } from '../../protocol/errors.ts';
import type { JsonObject } from '../../protocol/json.ts';
import { optionalText, textArgument } from './arguments.ts';
import { pathExists, replaceText, writeWhole } from './file-edit.ts';
import { linesOf, listFolder, pageOf, seePath, type Page, type Seen } from './file-read.ts';
import { globFiles, grepFiles } from './file-search.ts';
import { countOf, fileTool, firstLines, pathOf, type FileContext, type FileToolInit } from './file-tool.ts';
import { readText } from './remote-text.ts';
import type { AgentTool } from './tool.ts';

const DEFAULT_LINES = 2_000;
const PATH = { type: 'string', description: 'Path of the file: absolute, or relative to the working directory.' };
const FOLDER = { type: 'string', description: 'Folder to search, with what is below it.', default: '.' };

export function chatFileTools(ssh: SshClient, limitBytes?: number): AgentTool[] {
  return [READ, GLOB, GREP, EDIT, WRITE, LIST].map((init) => fileTool(ssh, init, limitBytes));
}

const READ: FileToolInit = {
  name: 'read',
  description: 'Reads a text file with its line numbers, or lists a folder. Long ones come in pages: go on with offset.',
  properties: {
    filePath: PATH,
    offset: { type: 'integer', description: 'First line, counted from 1.', minimum: 0 },
    limit: { type: 'integer', description: 'Most lines.', minimum: 1, default: DEFAULT_LINES },
  },
  required: ['filePath'],
  run: async (args, context) => {
    const path = pathOf(args, 'filePath');
    const first = Math.max(countOf(args, 'offset') ?? 1, 1);
    const limit = countOf(args, 'limit') ?? DEFAULT_LINES;
    if (limit === 0) throw new HudError('BAD_ARGUMENT', 'limit must be 1 or more.');
    const seen = await seePath(path, context);
    const all = seen.kind === 'text' ? linesOf(seen.text) : seen.entries;
    return shownPage(path, seen.kind, pageOf(all, { first, last: first + limit - 1, limitBytes: context.limitBytes }));
  },
};

function shownPage(path: string, kind: Seen['kind'], { lines, first, last, total }: Page): string {
  const isFile = kind === 'text';
  const what = isFile ? 'lines' : 'entries';
  const end = isFile ? `End of file - total ${total} lines` : `${total} entries`;
  return [
    `<path>${path}</path>`,
    `<type>${isFile ? 'file' : 'directory'}</type>`,
    '<content>',
    ...lines.map((line, i) => (isFile ? `${first + i}: ${line}` : line)),
    '',
    last < total ? `(Showing ${what} ${first}-${last} of ${total}. Use offset=${last + 1} to continue.)` : `(${end})`,
    '</content>',
  ].join('\n');
}

const GLOB: FileToolInit = {
  name: 'glob',
  description: 'Finds files by name: *.py in any folder, src/**/*.ts by path.',
  properties: { pattern: { type: 'string', description: 'Pattern of names, or of paths when it has a slash.' }, path: FOLDER },
  required: ['pattern'],
  run: async (args, context) => await globFiles({ pattern: pathOf(args, 'pattern'), path: pathOf(args, 'path', '.') }, context),
};

const GREP: FileToolInit = {
  name: 'grep',
  description: 'Searches the contents of files for an extended regular expression. Gives path:line:text of each match.',
  properties: {
    pattern: { type: 'string', description: 'Extended regular expression, as grep -E takes it.' },
    path: FOLDER,
    include: { type: 'string', description: 'Only files with such names: *.py, *.{ts,tsx}.' },
  },
  required: ['pattern'],
  run: async (args, context) =>
    await grepFiles(
      { pattern: textArgument(args, 'pattern'), path: pathOf(args, 'path', '.'), include: optionalText(args, 'include') },
      context,
    ),
};

const EDIT: FileToolInit = {
  name: 'edit',
  description: 'Replaces text in a file exactly. With an empty oldString it makes a new file of newString.',
  properties: {
    filePath: PATH,
    oldString: { type: 'string', description: 'Text to replace, exactly as in the file, without line numbers.' },
    newString: { type: 'string', description: 'Text to put in its place.' },
    replaceAll: { type: 'boolean', description: 'Replace every place that matches.', default: false },
  },
  required: ['filePath', 'oldString', 'newString'],
  run: async (args, context) => {
    const path = pathOf(args, 'filePath');
    const [find, put] = [textArgument(args, 'oldString'), textArgument(args, 'newString')];
    if (find === put) throw new HudError('BAD_ARGUMENT', 'oldString and newString are the same: nothing to change.');
    if (find === '') return await newFile(path, put, context);
    const { text, count } = replaceText(await readText(context.ssh, path, context.signal), {
      find,
      put,
      which: isTrue(args, 'replaceAll') ? 'all' : 'only',
    });
    await context.ssh.write(path, text, { signal: context.signal });
    return `Edited ${path}: ${count} ${count === 1 ? 'place' : 'places'}.`;
  },
};

async function newFile(path: string, content: string, context: FileContext): Promise<string> {
  if (await pathExists(path, context))
    throw new HudError('BAD_ARGUMENT', `${path} exists already. Give the text to replace as oldString, or use write.`);
  return await written(path, content, context);
}

const WRITE: FileToolInit = {
  name: 'write',
  description: 'Writes a whole file, in place of what was there, and makes the folders above it.',
  properties: { filePath: PATH, content: { type: 'string', description: 'The whole content.' } },
  required: ['filePath', 'content'],
  run: async (args, context) => await written(pathOf(args, 'filePath'), textArgument(args, 'content'), context),
};

async function written(path: string, content: string, context: FileContext): Promise<string> {
  await writeWhole(path, content, context);
  return `Wrote ${Buffer.byteLength(content)} bytes to ${path}.`;
}

const LIST: FileToolInit = {
  name: 'list',
  description: 'Lists a folder, one name a line; names of folders end in a slash.',
  properties: { path: { ...FOLDER, description: 'The folder.' } },
  run: async (args, context) => {
    const entries = await listFolder(pathOf(args, 'path', '.'), context);
    return entries.length === 0 ? '(empty)' : firstLines(entries, context.limitBytes, 'entries');
  },
};

function isTrue(args: JsonObject, name: string): boolean {
  return args[name] === true || args[name] === 'true';
}
