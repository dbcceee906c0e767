/** For tests: the real program as a child process, in a folder of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tempDir, type TempDir } from '../testing/temp-dir.ts';

/** The sources are stripped of their types once, not once a process. */
const NODE_COMPILE_CACHE = join(tmpdir(), 'hud-cli-tests-compile-cache');

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));

export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface Program {
  child: ChildProcess;
  finished: Promise<Finished>;
  /** Settles when what was printed on that stream so far matches; rejects when the program ends first. */
  printed(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray>;
}

export interface Workplace extends TempDir {
  /** Also the home directory of what runs there. */
  hud(args: readonly string[], options?: RunOptions): Promise<Finished>;
  start(args: readonly string[], options?: RunOptions): Program;
  write(files: Record<string, string>): Promise<void>;
}

export interface RunOptions {
  env?: Record<string, string | undefined>;
  stdin?: string;
}

export async function workplace(): Promise<Workplace> {
  const dir = await tempDir('hud-cli-');
  const start = (args: readonly string[], options: RunOptions = {}): Program => startProgram(dir.path, args, options);
  return {
    ...dir,
    start,
    hud: async (args, options) => await start(args, options).finished,
    write: async (files) => {
      for (const [name, content] of Object.entries(files)) await writeFile(join(dir.path, name), content);
    },
  };
}

function startProgram(cwd: string, args: readonly string[], options: RunOptions): Program {
  const env = { PATH: process.env.PATH, HOME: cwd, NODE_COMPILE_CACHE, ...options.env };
  const child = spawn(process.execPath, [MAIN, ...args], { cwd, env, stdio: 'pipe' });
  child.stdin?.end(options.stdin ?? '');
  const printed = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name]?.setEncoding('utf8').on('data', (chunk: string) => (printed[name] += chunk));
  const finished = new Promise<Finished>((resolve) => child.once('close', (code) => resolve({ code, ...printed })));
  return {
    child,
    finished,
    printed: async (stream, pattern) =>
      await new Promise<RegExpExecArray>((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(printed[stream]);
          if (match !== null) resolve(match);
        };
        child[stream]?.on('data', look);
        look();
        void finished.then((end) => reject(new Error(`It ended before printing ${String(pattern)}: ${JSON.stringify(end)}`)));
      }),
  };
}

const ENVIRONMENT = fileURLToPath(new URL('../environment/index.ts', import.meta.url));

/** A template with a solution, and a task for each of three words. */
export const LETTERS = `
import { Environment } from '${ENVIRONMENT}';
import { z } from 'zod';
export const env = new Environment('letters');
const Args = z.object({ word: z.string().default('strawberry'), letter: z.string().default('r') });
export const count = env.template(
  { id: 'count', description: 'Count a letter', args: Args, solution: ({ word, letter }) => String(word.split(letter).length - 1) },
  async function* ({ word, letter }) {
    const answer = yield \`How many '\${letter}'s are in '\${word}'?\`;
    yield answer?.includes(String(word.split(letter).length - 1)) ? 1 : 0;
  },
);
export const tasks = ['strawberry', 'raspberry', 'blueberry'].map((word) => count({ word }));
`;
