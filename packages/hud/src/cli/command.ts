/** What a command is: data, and one function that returns. Only `main.ts` prints errors and exits. */
import type { Entries } from './command-table.ts';
import type { Terminal } from './terminal/terminal.ts';

export interface Context {
  /** Absolute; every path a user gives is relative to it. */
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Fires on the first Ctrl-C or SIGTERM: finish in order, soon. */
  readonly signal: AbortSignal;
  /** Standard output will hold one JSON document and nothing else. */
  readonly isJson: boolean;
  /** Standard output: results. */
  readonly out: Terminal;
  /** Standard error: progress and questions. */
  readonly err: Terminal;
  /** A remark for people on standard error; nothing under `--json`, where that stream holds at most one error. */
  note(line: string): void;
  /** All there are. */
  readonly commands: Entries;
}

export interface Result {
  /** What `--json` prints; undefined when the command has printed it already. */
  json: unknown;
  /** What people read on standard output, line by line; asked for only without `--json`. */
  text?: () => Iterable<string> | AsyncIterable<string>;
  /** @default 0 */
  exitCode?: number;
}

/** A flag whose value arrives as `T`. Made by the functions of `options.ts`. */
export interface Option<T> {
  /** As commander spells them: `-p, --port <n>`. */
  flags: string;
  help: string;
  /** Text to value; `previous` is what an earlier use of the same flag gave. Throws a usage error. */
  parse?: (text: string, previous: T | undefined) => T;
}

export interface CommandSpec<O extends object> {
  /** Positional arguments as commander spells them (`<task>`, `[source]`, `<pair...>`), each with its help. */
  arguments?: Record<string, string>;
  options: { [K in keyof O]: Option<O[K]> };
  /** Examples and remarks under the options of `--help`. */
  notes?: string;
  run(input: { args: readonly string[]; options: Partial<O> }, context: Context): Promise<Result>;
}

/** A command with the types of its flags erased: what the table and the parser handle. */
export type Command = CommandSpec<Record<string, unknown>>;

/** Infers the flags' types for `run`. */
export function defineCommand<O extends object>(spec: CommandSpec<O>): Command {
  return spec as unknown as Command;
}
