/**
 * The program `hud`. Reads the command line, runs one command, prints its result or its error, exits.
 * The only file that prints errors and exits; a command returns. Loads what it needs when it needs it:
 * help and version are to cost little more than starting Node does. For the same reason nothing else
 * imports `command-table.ts`: what two files share is a third file for the bundle to load.
 * Start with `command-table.ts`, then a file of `commands/`.
 * @module
 */
import type { Context, Result } from './command.ts';
import { COMMANDS } from './command-table.ts';
import { groupHelp } from './help.ts';

process.exit(await main(process.argv.slice(2)));

async function main(argv: readonly string[]): Promise<number> {
  const quick = isVersion(argv) ? `${(await import('./package-origin.ts')).packageVersion()}\n` : groupHelp(argv);
  if (quick === undefined) return await runCommand(argv);
  process.stdout.on('error', () => {}).write(quick); // a reader that went away has read enough
  await flushed(process.stdout);
  return 0;
}

function isVersion([first, ...rest]: readonly string[]): boolean {
  return (first === '-V' || first === '--version') && rest.length === 0;
}

async function runCommand(argv: readonly string[]): Promise<number> {
  const reader = watchReader();
  setInterval(() => {}, 60_000); // a command may wait for nothing but timers that would let the process end
  const { parse, readGlobals } = await import('./parse.ts');
  const { makeTerminal, wantsColor } = await import('./terminal/terminal.ts');
  const { stdout, stderr, env } = process;
  const globals = readGlobals(argv);
  const out = makeTerminal(stdout, { color: wantsColor(stdout, env, globals.noColor) });
  const err = makeTerminal(stderr, { color: wantsColor(stderr, env, globals.noColor) });
  try {
    const parsed = await parse(argv, COMMANDS);
    if (parsed.kind === 'help') {
      await print({ json: undefined, text: () => [parsed.text.trimEnd()] }, false, reader);
      return 0;
    }
    const { listenForInterrupt } = await import('./interrupt.ts');
    const signal = AbortSignal.any([listenForInterrupt(), reader]);
    const note = globals.json ? () => {} : err.line;
    const context: Context = { cwd: process.cwd(), env, signal, isJson: globals.json, out, err, note, commands: COMMANDS };
    const result = await parsed.command.run(parsed.input, context);
    await print(result, globals.json, reader);
    return result.exitCode ?? 0;
  } catch (error) {
    if (reader.aborted) return 0;
    const { errorDocument, errorLines, exitCodeOf } = await import('./error-report.ts');
    const isDebug = env.HUD_DEBUG === '1';
    if (globals.json) err.line(JSON.stringify(errorDocument(error, isDebug)));
    else for (const line of errorLines(error, err, isDebug)) err.line(line);
    await flushed(stderr);
    return exitCodeOf(error);
  }
}

async function print(result: Result, isJson: boolean, reader: AbortSignal): Promise<void> {
  const json = result.json === undefined ? [] : [JSON.stringify(result.json, undefined, 2)];
  for await (const line of isJson ? json : (result.text?.() ?? [])) {
    if (reader.aborted) return;
    await write(`${line}\n`, reader);
  }
  await flushed(process.stdout);
}

/** Fires when whoever reads standard output (`head`, a pager) went away, which is no error. */
function watchReader(): AbortSignal {
  const controller = new AbortController();
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    controller.abort();
  });
  process.stderr.on('error', () => {}); // nobody is left to be told
  return controller.signal;
}

async function write(text: string, reader: AbortSignal): Promise<void> {
  if (process.stdout.write(text)) return;
  await new Promise<void>((resolve) => {
    process.stdout.once('drain', resolve);
    reader.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** A pipe may still hold output when the process could already exit. */
async function flushed(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.destroyed || stream.writableLength === 0) return;
  await new Promise<void>((resolve) => stream.once('close', resolve).write('', () => resolve()));
}
