/** What the tests run against on this machine. They fake nothing but models and clocks, so this says how far a pass reaches. */
import { runTool } from './run-tool.ts';

/** Program, and the arguments with which it says its version; the one of Docker asks the engine, as a client alone is of no use. */
const PROGRAMS = [
  ['git', ['--version']],
  ['python3', ['--version']],
  ['bwrap', ['--version']],
  ['ssh', ['-V']],
  ['Xtigervnc', ['-version']],
  ['x11vnc', ['-version']],
  ['mousepad', ['--version']],
  ['psql', ['--version']],
  ['docker', ['version', '--format', '{{.Server.Version}}']],
  ['chromium', ['--version']],
] satisfies [string, string[]][];

/** One line: what is here with its version, then what is not. */
export async function realComponents(): Promise<string> {
  const versions = await Promise.all(PROGRAMS.map(async ([name, args]) => ({ name, version: await versionOf(name, args) })));
  const present = versions.filter(({ version }) => version !== undefined).map(({ name, version }) => `${name} ${version}`);
  const absent = versions.filter(({ version }) => version === undefined).map(({ name }) => name);
  const builtin = [`node ${process.versions.node}`, `sqlite ${process.versions.sqlite}`];
  const missing = absent.length > 0 ? `; not on this machine: ${absent.join(', ')}` : '';
  return `Real components: ${[...builtin, ...present].join(', ')}${missing}`;
}

async function versionOf(program: string, args: string[]): Promise<string | undefined> {
  const result = await runTool(program, args).catch(() => undefined); // not installed
  return result?.code === 0 ? /\d+(\.\w+)+/.exec(result.output)?.[0] : undefined;
}
