/**
 * Command lines: whatever the words, the program ends with a code that it documents, one error at most, and with
 * `--json` one document or one error. Commands that would serve, run agents or write elsewhere are only read.
 */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command, Context } from '../../packages/hud/src/cli/command.ts';
import { COMMANDS } from '../../packages/hud/src/cli/command-table.ts';
import { EXIT } from '../../packages/hud/src/cli/error-report.ts';
import { readGlobals } from '../../packages/hud/src/cli/parse.ts';
import { scratch, type Scratch } from '../scratch.ts';
import { Failure, jsonParts, shapeOf, type Target } from '../target.ts';
import { guardCommands, loadProgram, runProgram, type Ended } from './cli-program.ts';
import { commandFlags, commandLine } from './cli-words.ts';
import { makeRecord } from './store-files.ts';

const FILES: Readonly<Record<string, string>> = {
  'tasks.json': '[{"env":"letters","id":"count","args":{"n":1.0}},{"env":"letters","id":"count","args":{"n":2}}]',
  'tasks.jsonl': '{"env":"letters","id":"count"}\n',
  'tasks.csv': 'slug,id,env,arg:n\na,count,letters,1\n',
  'broken.json': '[{"env":"letters"',
  'settings.json': '{"source":"tasks.json","agent":"oracle","group":2}',
};

let place: Scratch;
let home = '';
let main: Awaited<ReturnType<typeof loadProgram>>;
let flags: string[] = [];

/** An input is a list of words. */
export const cli: Target = {
  name: 'cli',
  weight: 20,
  extension: '.json',
  parts: jsonParts,
  generate: (random, pool) => jsonParts.join(commandLine(random, pool, flags)),
  check,
  open: async () => {
    place = await scratch();
    home = place.path;
    for (const [name, content] of Object.entries(FILES)) await writeFile(join(home, name), content);
    const { closed, blobs: _blobs } = await makeRecord();
    await mkdir(join(home, '.hud'));
    for (const [name, bytes] of closed) if (!name.startsWith('blobs')) await writeFile(join(home, '.hud', name), bytes);
    process.chdir(home);
    for (const name of Object.keys(process.env)) if (/^(HUD|FORCE_COLOR|.*_API_KEY)/.test(name)) delete process.env[name];
    Object.assign(process.env, { HOME: home, USERPROFILE: home });
    flags = await commandFlags();
    guardCommands(guarded);
    main = await loadProgram();
  },
  close: async () => {
    process.chdir('/');
    await place[Symbol.asyncDispose]();
  },
};

/** These run as they are: they read what is in the folder, or print. */
const HARMLESS = ['version', 'completion'];

function guarded(path: string, command: Command): Command {
  const only = (mayRun: (options: Record<string, unknown>, args: readonly string[]) => boolean): Command => ({
    ...command,
    run: async (input, context) => await (mayRun(input.options, input.args) ? command.run(input, context) : readOnly(input)),
  });
  if (HARMLESS.includes(path)) return command;
  if (path === 'jobs') return only(() => true);
  if (path === 'trace') return only(({ follow }) => follow !== true);
  if (path === 'set') return only(() => true);
  if (path === 'task list') return only(({ source }) => Object.hasOwn(FILES, String(source)));
  if (path === 'init') return only(({ dir }, [name = 'x']) => dir === undefined && /^[\w-]{1,40}$/.test(name));
  if (path === 'eval') return { ...command, run: evalSettings };
  return only(() => false);
}

const readOnly = async ({ args, options }: Parameters<Command['run']>[0]): ReturnType<Command['run']> => ({
  json: { args, options },
  text: () => [`${args.length} words, ${Object.keys(options).length} flags`],
});

/** As far as it goes without an agent: settings, the place, and the choice of tasks. */
async function evalSettings({ args, options }: Parameters<Command['run']>[0], context: Context): ReturnType<Command['run']> {
  const { readSettings } = await import('../../packages/hud/src/cli/eval/settings.ts');
  const { placementOf } = await import('../../packages/hud/src/cli/eval/source.ts');
  const { selectTasks } = await import('../../packages/hud/src/cli/eval/selection.ts');
  const { Taskset } = await import('../../packages/hud/src/eval/index.ts');
  const settings = await readSettings(args, options, { agentNames: ['oracle', 'claude'], lookup: () => undefined }, context);
  placementOf(join(context.cwd, 'tasks.json'), settings, context);
  const chosen = Object.hasOwn(FILES, String(settings.source))
    ? selectTasks(await Taskset.fromFile(String(settings.source)), settings)
    : undefined;
  return { json: { tasks: chosen?.chosen.size ?? null }, text: () => [`${chosen?.chosen.size ?? 0} tasks`] };
}

async function check(input: Uint8Array): Promise<string> {
  const argv = jsonParts.split(input).map((word) => deliverable(String(word)));
  const ended = await runProgram(main, argv);
  await tidy();
  const isJson = readGlobals(argv).json;
  if (!Object.values(EXIT).includes(ended.code as 0)) throw new Failure(`exit code ${ended.code} is not documented`, told(ended));
  if (/\n\s+at \S.*:\d+:\d+\)?$/m.test(ended.stderr)) throw new Failure('a stack trace is printed', told(ended));
  const isHelp = ended.stdout.startsWith('Usage: hud');
  if (isHelp && (ended.code !== 0 || ended.stderr !== '')) throw new Failure('help comes with an error', told(ended));
  const error = isJson ? jsonError(ended, isHelp) : textError(ended);
  return `${argv.includes('--json') ? 'json ' : ''}${commandOf(argv)} ${ended.code} ${isHelp ? 'help' : shapeOf(error ?? '')}`;
}

/** @returns the error's code and message, if there is one */
function jsonError({ code, stdout, stderr }: Ended, isHelp: boolean): string | undefined {
  const all = told({ code, stdout, stderr });
  if (stderr === '') {
    if (!isHelp) parsed(stdout, 'standard output is not one JSON document', all);
    return undefined;
  }
  if (stdout !== '') throw new Failure('a document and an error with --json', all);
  const { error } = parsed(stderr, 'standard error is not one JSON error', all) as {
    error?: { code?: unknown; message?: unknown; hints?: unknown };
  };
  if (typeof error?.code !== 'string' || typeof error.message !== 'string' || !Array.isArray(error.hints))
    throw new Failure('the JSON error has another form', all);
  if (error.code === 'UNKNOWN') throw new Failure(`an error that nobody foresaw: ${error.message}`, all);
  if (code === 0) throw new Failure('an error with exit code 0', all);
  return `${error.code} ${error.message}`;
}

function textError({ code, stdout, stderr }: Ended): string | undefined {
  const all = told({ code, stdout, stderr });
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/.test(stderr + stdout)) throw new Failure('control characters reach the terminal', all);
  const errors = stderr.split('\n').filter((line) => line.startsWith('error: '));
  if (errors.length > 1) throw new Failure('more than one error', all);
  if (stderr.includes('This is a fault of hud itself')) throw new Failure(`an error that nobody foresaw: ${errors[0]}`, all);
  if (errors.length === 0 && code !== 0) throw new Failure(`exit code ${code} without an error`, all);
  if (errors.length === 1 && code === 0) throw new Failure('an error with exit code 0', all);
  return errors[0];
}

function parsed(text: string, otherwise: string, all: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Failure(otherwise, `${String(cause)}\n${all}`);
  }
}

function told({ code, stdout, stderr }: Ended): string {
  return `exit code ${code}\nstdout: ${stdout.slice(0, 800)}\nstderr: ${stderr.slice(0, 800)}`;
}

/** What a command wrote would change what the next one sees. */
async function tidy(): Promise<void> {
  await rm(join(home, '.hud', '.env'), { force: true });
  for (const name of await readdir(home))
    if (name !== '.hud' && !Object.hasOwn(FILES, name)) await rm(join(home, name), { recursive: true, force: true });
}

/** A process's words hold no NUL, and are UTF-8 on their way. */
function deliverable(word: string): string {
  return word.replaceAll('\0', '').toWellFormed();
}

function commandOf(argv: readonly string[]): string {
  const [first = '', second = ''] = argv.filter((word) => !word.startsWith('-'));
  const entry = Object.hasOwn(COMMANDS, first) ? COMMANDS[first] : undefined;
  if (entry === undefined) return '?';
  return entry.commands !== undefined && Object.hasOwn(entry.commands, second) ? `${first} ${second}` : first;
}
