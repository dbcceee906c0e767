/** The program `hud` inside this process: its own `main`, called again and again, with what it prints caught. */
import { registerHooks } from 'node:module';
import type { Command } from '../../packages/hud/src/cli/command.ts';
import { COMMANDS, type Entries } from '../../packages/hud/src/cli/command-table.ts';

export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

type Main = (argv: readonly string[]) => Promise<number>;

const MAIN = new URL('../../packages/hud/src/cli/main.ts', import.meta.url).href;
/** The line with which the program starts and ends; without it the module only defines. */
const START = 'process.exit(await main(process.argv.slice(2)));';

/** @throws Error when `main.ts` does not start the way it did */
export async function loadProgram(): Promise<Main> {
  const hooks = registerHooks({
    load: (url, context, next) => {
      const loaded = next(url, context);
      if (url !== MAIN) return loaded;
      const source = String(loaded.source);
      if (!source.includes(START)) throw new Error(`${url} no longer holds the line ${START}`);
      return { ...loaded, source: source.replace(START, 'export { main };') };
    },
  });
  try {
    return ((await import(MAIN)) as { main: Main }).main;
  } finally {
    hooks.deregister();
  }
}

/** Runs it once, and takes back what it leaves behind because it expects to exit. */
export async function runProgram(main: Main, argv: readonly string[]): Promise<Ended> {
  const printed = { stdout: '', stderr: '' };
  const intervals: NodeJS.Timeout[] = [];
  const before = { setInterval: globalThis.setInterval, stdout: process.stdout.write, stderr: process.stderr.write };
  for (const name of ['stdout', 'stderr'] as const) {
    process[name].write = (text: string | Uint8Array): boolean => {
      printed[name] += String(text);
      return true;
    };
  }
  globalThis.setInterval = (...words: Parameters<typeof setInterval>) => {
    const interval = before.setInterval(...words);
    intervals.push(interval);
    return interval;
  };
  try {
    return { code: await main(argv), ...printed };
  } finally {
    globalThis.setInterval = before.setInterval;
    for (const interval of intervals) clearInterval(interval);
    for (const name of ['stdout', 'stderr'] as const) {
      process[name].write = before[name];
      process[name].removeAllListeners('error');
    }
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.removeAllListeners(signal);
  }
}

/** Lets `guard` decide what a command does in place of its own `run`. For the rest of this process. */
export function guardCommands(
  guard: (path: string, command: Command) => Command,
  entries: Entries = COMMANDS,
  path: readonly string[] = [],
): void {
  for (const [name, entry] of Object.entries(entries)) {
    const { load, commands } = entry;
    const inner = [...path, name];
    if (commands !== undefined) guardCommands(guard, commands, inner);
    if (load !== undefined) entry.load = async () => guard(inner.join(' '), await load());
  }
}
