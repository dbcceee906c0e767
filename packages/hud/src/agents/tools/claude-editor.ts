/** Claude's own tool for files, over a shell of the environment. Its sentences are those that the model was taught. */
import { boundOutput, shellQuote, type SshClient } from '../../capabilities/ssh.ts';
import { HudError } from '../../protocol/errors.ts';
import type { JsonObject } from '../../protocol/json.ts';
import type { ToolResult } from '../../protocol/trace.ts';
import { optionalText, textArgument, told } from './arguments.ts';
import { readText, refusalTold } from './remote-text.ts';
import { OUTPUT_LIMIT_BYTES } from './shell-output.ts';
import { insertLines, linesOf, numbered, replaceOnce, viewRange, type Edited } from './text-edits.ts';
import { textResult, type AgentTool } from './tool.ts';

interface Editing {
  ssh: SshClient;
  path: string;
  signal: AbortSignal;
  limitBytes: number;
}

const NAME = 'str_replace_based_edit_tool';
const COMMANDS: Record<string, (editing: Editing, args: JsonObject) => Promise<ToolResult>> = {
  view,
  create,
  str_replace: replace,
  insert,
};

export function claudeEditor(ssh: SshClient, limitBytes = OUTPUT_LIMIT_BYTES): AgentTool {
  return {
    name: NAME,
    description: 'Views, creates and edits text files.',
    inputSchema: {
      type: 'object',
      properties: { command: { type: 'string', enum: Object.keys(COMMANDS) }, path: { type: 'string' } },
      required: ['command', 'path'],
    },
    native: { type: 'text_editor_20250728', name: NAME },
    capability: 'ssh',
    execute: async (args, { signal }) =>
      await told(async () => {
        const command = textArgument(args, 'command');
        const run = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined;
        if (run === undefined) {
          throw new HudError(
            'BAD_ARGUMENT',
            `Unrecognized command ${command}. The allowed commands for the ${NAME} tool are: ${Object.keys(COMMANDS).join(', ')}`,
          );
        }
        return await run({ ssh, path: textArgument(args, 'path'), signal, limitBytes }, args);
      }),
  };
}

async function view(editing: Editing, { view_range: range }: JsonObject): Promise<ToolResult> {
  const { path, limitBytes } = editing;
  if ((await kindOf(editing)) === 'directory') {
    if (range !== undefined && range !== null)
      throw new HudError('BAD_ARGUMENT', 'The `view_range` parameter is not allowed when `path` points to a directory.');
    return await viewDirectory(editing);
  }
  const lines = linesOf(await readFile(editing));
  const { first, last } = viewRange(range, lines.length);
  const { stdout } = boundOutput({ stdout: numbered(lines.slice(first - 1, last), first), stderr: '' }, limitBytes);
  return textResult(`Here's the result of running \`cat -n\` on ${path}:\n${stdout}\n`);
}

async function viewDirectory({ ssh, path, signal, limitBytes }: Editing): Promise<ToolResult> {
  const { stdout, stderr, exitCode } = await ssh.exec(`find ${quoted(path)} -maxdepth 2 -not -path '*/.*' | LC_ALL=C sort`, { signal });
  if (exitCode !== 0 || (stdout === '' && stderr !== '')) throw new HudError('BAD_ARGUMENT', stderr.trim());
  const shown = boundOutput({ stdout, stderr: '' }, limitBytes).stdout;
  return textResult(`Here're the files and directories up to 2 levels deep in ${path}, excluding hidden items:\n${shown}`);
}

async function create({ ssh, path, signal }: Editing, args: JsonObject): Promise<ToolResult> {
  const text = textArgument(args, 'file_text');
  await refusalTold(ssh.write(path, text, { signal }));
  return textResult(`File created successfully at: ${path}`);
}

async function replace(editing: Editing, args: JsonObject): Promise<ToolResult> {
  const [oldText, newText] = [textArgument(args, 'old_str'), optionalText(args, 'new_str') ?? ''];
  return await edit(editing, (text) => replaceOnce(text, oldText, newText, editing.path));
}

async function insert(editing: Editing, args: JsonObject): Promise<ToolResult> {
  const inserted = optionalText(args, 'insert_text') ?? optionalText(args, 'new_str');
  if (inserted === undefined) throw new HudError('BAD_ARGUMENT', 'Parameter `insert_text` is required for command: insert');
  const { insert_line: line } = args;
  if (typeof line !== 'number') throw new HudError('BAD_ARGUMENT', 'Parameter `insert_line` is required for command: insert');
  return await edit(editing, (text) => insertLines(text, line, inserted));
}

async function edit(editing: Editing, change: (text: string) => Edited): Promise<ToolResult> {
  const { ssh, path, signal } = editing;
  if ((await kindOf(editing)) === 'directory') {
    throw new HudError('BAD_ARGUMENT', `The path ${path} is a directory and only the \`view\` command can be used on directories`);
  }
  const { text, snippet } = change(await readFile(editing));
  await refusalTold(ssh.write(path, text, { signal }));
  return textResult(
    `The file ${path} has been edited. Here's the result of running \`cat -n\` on a snippet of ${path}:\n${snippet}\n` +
      'Review the changes and make sure they are as expected. Edit the file again if necessary.',
  );
}

async function readFile({ ssh, path, signal }: Editing): Promise<string> {
  return await readText(ssh, path, signal);
}

/** @throws HudError BAD_ARGUMENT for a path where nothing is */
async function kindOf({ ssh, path, signal }: Editing): Promise<'directory' | 'file'> {
  if (ssh.shell !== 'bash') return 'file'; // what Windows can't read as one, it refuses in its own words
  const { exitCode } = await ssh.exec(
    `if [ -d ${quoted(path)} ]; then exit 10; elif [ -e ${quoted(path)} ]; then exit 11; else exit 12; fi`,
    {
      signal,
    },
  );
  if (exitCode === 12) throw new HudError('BAD_ARGUMENT', `The path ${path} does not exist. Please provide a valid path.`);
  return exitCode === 10 ? 'directory' : 'file';
}

/** Never read as an option. */
function quoted(path: string): string {
  return shellQuote(path.startsWith('-') ? `./${path}` : path);
}
