/** Our own command line, as a checkout has it: the built one. */
import { join } from 'node:path';
import { run } from './children.ts';

const root = join(import.meta.dirname, '..');

export interface CommandLine {
  command: string;
  args: string[];
}

export function ourCli(...args: string[]): CommandLine {
  return { command: process.execPath, args: [join(root, 'packages/hud/bin/hud.js'), ...args] };
}

/** @throws Error with the build's messages */
export async function buildOurCli(): Promise<void> {
  const done = await run(process.execPath, [join(root, 'scripts/build.ts'), '--no-types'], { cwd: root, limitMs: 120_000 });
  if (done.code !== 0) throw new Error(`The command line could not be built:\n${done.stderr.trim()}`);
}
