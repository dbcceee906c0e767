/**
 * The program `hud`. Reads the command line, runs one command, prints its result or its error, exits.
 * The only file that prints errors and exits; a command returns.
 * Start with `command-table.ts`, then a file of `commands/`.
 * @module
 */
import { once } from 'node:events';
import type { Context, Result } from './command.ts';
import { EXIT, errorDocument, errorLines, exitCodeOf } from './error-report.ts';
import { listenForInterrupt } from './interrupt.ts';
import { parse, readGlobals } from './parse.ts';
import { makeTerminal, wantsColor } from './terminal/terminal.ts';

process.exit(await main(process.argv.slice(2)));

async function main(argv: readonly string[]): Promise<number> {
  const globals = readGlobals(argv);
  const { stdout, stderr, env } = process;
  const out = makeTerminal(stdout, { color: wantsColor(stdout, env, globals.noColor) });
  const err = makeTerminal(stderr, { color: wantsColor(stderr, env, globals.noColor) });
  const reader = watchReader();
  const isDebug = env.HUD_DEBUG === '1';
  try {
    const parsed = await parse(argv);
    if (parsed.kind === 'help') {
      await write(parsed.text, reader);
      return EXIT.ok;
    }
    const signal = AbortSignal.any([listenForInterrupt(), reader]);
    const note = globals.json ? () => {} : err.line;
    const context: Context = { cwd: process.cwd(), env, signal, isJson: globals.json, out, err, note };
    const result = await parsed.command.run(parsed.input, context);
    await print(result, context, reader);
    return result.exitCode ?? EXIT.ok;
  } catch (error) {
    if (reader.aborted) return EXIT.ok;
    if (globals.json) err.line(JSON.stringify(errorDocument(error, isDebug)));
    else for (const line of errorLines(error, err, isDebug)) err.line(line);
    await flushed(stderr);
    return exitCodeOf(error);
  }
}

async function print(result: Result, context: Context, reader: AbortSignal): Promise<void> {
  const json = result.json === undefined ? [] : [JSON.stringify(result.json, undefined, 2)];
  const lines = context.isJson ? json : (result.text?.() ?? []);
  for await (const line of lines) {
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
  await once(process.stdout, 'drain', { signal: reader }).catch((error: unknown) => {
    if (!reader.aborted) throw error;
  });
}

/** A pipe may still hold output when the process could already exit. */
async function flushed(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.destroyed || stream.writableLength === 0) return;
  await new Promise<void>((resolve) => stream.write('', () => resolve()));
}
