/** From the words of a command line to one command and its input, or to the help that was asked for. */
import { Command as Parser, CommanderError, Option as ParserOption } from 'commander';
import type { Command } from './command.ts';
import type { Entries, Entry } from './command-table.ts';
import { nearest } from '../protocol/nearest.ts';
import { UsageError } from './usage-error.ts';

export interface Globals {
  json: boolean;
  noColor: boolean;
}

export type Parsed =
  | { kind: 'help'; text: string }
  | { kind: 'command'; command: Command; input: { args: readonly string[]; options: Record<string, unknown> } };

const GLOBAL_FLAGS = ['--json', '--no-color'];

/** Flags that every command has; read first, because errors are printed their way too. */
export function readGlobals(argv: readonly string[]): Globals {
  const end = argv.indexOf('--');
  const flags = end < 0 ? argv : argv.slice(0, end);
  return { json: flags.includes('--json'), noColor: flags.includes('--no-color') };
}

/**
 * Words that `groupHelp` leaves: a command, or what is none.
 * @throws UsageError naming what is wrong and the nearest thing that is right
 */
export async function parse(argv: readonly string[], commands: Entries): Promise<Parsed> {
  const [first = '', ...rest] = moveGlobalsBack(argv);
  if (first === '-V' || first === '--version') return await parse(['version', ...rest], commands);
  if (first === 'help') return await descend([], commands, [...rest.filter((word) => !word.startsWith('-')), '--help']);
  return await descend([], commands, [first, ...rest]);
}

async function descend(path: readonly string[], entries: Entries, words: readonly string[]): Promise<Parsed> {
  const [name = '', ...rest] = words;
  if (GLOBAL_FLAGS.includes(name)) return await descend(path, entries, rest);
  const entry = Object.hasOwn(entries, name) ? entries[name] : undefined;
  if (entry === undefined) throw unknownCommand(path, entries, name);
  const inner = [...path, name];
  if (entry.commands === undefined) return await parseCommand(inner, entry, rest);
  return await descend(inner, entry.commands, entry.standard !== undefined && isBare(rest) ? [entry.standard, ...rest] : rest);
}

/** No command is named: flags come first, or nothing does. */
function isBare(words: readonly string[]): boolean {
  return words.find((word) => !GLOBAL_FLAGS.includes(word))?.startsWith('-') ?? true;
}

async function parseCommand(path: readonly string[], entry: Entry, words: readonly string[]): Promise<Parsed> {
  const command = await entry.load?.();
  if (command === undefined) throw new Error(`The command ${path.join(' ')} has no code.`);
  let help = '';
  const parser = commandParser(path, entry, command, (text) => (help += text));
  try {
    parser.parse([...words], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: 'help', text: help };
    throw asUsageError(
      path,
      error,
      parser.options.flatMap(({ flags }) => flags.match(/--[\w-]+/g) ?? []),
    );
  }
  const given = parser.opts();
  const options = Object.fromEntries(
    Object.entries(command.options)
      .map(([key, option]) => [key, given[new ParserOption(option.flags).attributeName()] as unknown])
      .filter(([, value]) => value !== undefined),
  );
  return { kind: 'command', command, input: { args: parser.args, options } };
}

function commandParser(path: readonly string[], entry: Entry, command: Command, writeOut: (text: string) => void): Parser {
  const parser = new Parser(['hud', ...path].join(' '))
    .description(entry.summary)
    .exitOverride()
    .configureOutput({ writeOut, writeErr: () => {} }); // main.ts prints the errors
  for (const [spelled, help] of Object.entries(command.arguments ?? {})) parser.argument(spelled, help);
  for (const option of Object.values(command.options)) {
    const added = new ParserOption(option.flags, option.help);
    if (option.parse !== undefined) added.argParser(option.parse);
    parser.addOption(added);
  }
  parser.option('--json', 'print one JSON document and nothing else').option('--no-color', 'no colours');
  if (command.notes !== undefined) parser.addHelpText('after', `\n${command.notes}`);
  return parser;
}

/** `hud --json jobs` means `hud jobs --json`. */
function moveGlobalsBack(argv: readonly string[]): string[] {
  const at = argv.findIndex((word) => !GLOBAL_FLAGS.includes(word));
  if (at <= 0) return [...argv];
  const [head = '', ...tail] = argv.slice(at);
  return [head, ...argv.slice(0, at), ...tail];
}

function unknownCommand(path: readonly string[], entries: Entries, name: string): UsageError {
  const prefix = ['hud', ...path].join(' ');
  if (name.startsWith('-'))
    return new UsageError(`${prefix} has no flag '${name}'.`, { hint: `A command comes first: ${prefix} <command> [options].` });
  const near = nearest(name, Object.keys(entries));
  const hint = near === undefined ? `Commands: ${Object.keys(entries).join(', ')}.` : `Did you mean \`${prefix} ${near}\`?`;
  return new UsageError(`There is no command '${prefix} ${name}'.`, { hint });
}

/** Commander's sentence, as ours. Its own suggestions know only one name of a flag. */
function asUsageError(path: readonly string[], error: CommanderError, flags: readonly string[]): UsageError {
  const [first = ''] = error.message.replace(/^error: /, '').split('\n');
  const message = `${first.charAt(0).toUpperCase()}${first.slice(1)}`.replace(/[.]?$/, '.');
  const unknown = error.code === 'commander.unknownOption' ? /'(.*)'/.exec(first)?.[1] : undefined;
  const near = unknown === undefined ? undefined : nearest(unknown, flags);
  const hint = near === undefined ? `See \`hud ${path.join(' ')} --help\`.` : `Did you mean ${near}?`;
  return new UsageError(message, { hint, cause: error });
}
