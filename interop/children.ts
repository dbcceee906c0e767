/** Child processes of a run: each in a group of its own, none outlives the run. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

export interface CommandOptions {
  cwd?: string;
  /** Added to, or taken out of (undefined), this process's environment. */
  env?: Record<string, string | undefined>;
  /** Called with each line of stdout as it comes. */
  onLine?: (line: string) => void;
  /** The same of stderr. */
  onErrorLine?: (line: string) => void;
  /** Longest duration, in milliseconds. @default 30_000 */
  limitMs?: number;
}

export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A served environment; stops, with its whole process group, when disposed. */
export interface Served extends AsyncDisposable {
  /** `tcp://127.0.0.1:port`. */
  readonly url: string;
  /** Sends SIGTERM, waits, then kills. Returns the exit code, null when it had to be killed. */
  stop(): Promise<number | null>;
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

const LIMIT_MS = 30_000;
const STOP_MS = 5_000;
const ANNOUNCEMENT = 'HUD_SERVE_PORT=';
const groups = new Set<number>();

process.on('exit', () => {
  for (const pid of groups) killGroup(pid, 'SIGKILL');
});
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  process.on(signal, () => process.exit(code));

/**
 * Runs a command to its end.
 * @throws Error when it cannot be started or takes too long
 */
export async function run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<Finished> {
  const child = start(command, args, options);
  const limitMs = options.limitMs ?? LIMIT_MS;
  let stdout = '';
  let stderr = '';
  child.stderr.on('data', (chunk: string) => (stderr += chunk));
  if (options.onErrorLine !== undefined) createInterface({ input: child.stderr }).on('line', options.onErrorLine);
  createInterface({ input: child.stdout }).on('line', (line) => {
    stdout += `${line}\n`;
    options.onLine?.(line);
  });
  const { promise, resolve, reject } = Promise.withResolvers<Finished>();
  const timer = setTimeout(() => {
    killGroup(child.pid, 'SIGKILL');
    reject(new Error(`${command} took longer than ${limitMs} ms: ${tail(stderr)}`));
  }, limitMs);
  child.on('error', (error) => reject(new Error(`${command} did not start: ${error.message}`)));
  child.on('close', (code) => resolve({ code, stdout, stderr }));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Starts a command that serves an environment and waits until it announces its port on stdout.
 * @throws Error with the end of its output when it exits before, or says nothing for the time allowed
 */
export async function serve(command: string, args: readonly string[], options: CommandOptions = {}): Promise<Served> {
  const child = start(command, args, options);
  const limitMs = options.limitMs ?? LIMIT_MS;
  let output = '';
  const keep = (text: string): void => {
    output = (output + text).slice(-4_000);
  };
  const exited = new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)));
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const timer = setTimeout(() => reject(new Error(`no port announced within ${limitMs} ms: ${tail(output)}`)), limitMs);
  child.on('error', reject);
  child.stderr.on('data', keep);
  createInterface({ input: child.stdout }).on('line', (line) => {
    keep(`${line}\n`);
    if (line.trim().startsWith(ANNOUNCEMENT)) resolve(Number(line.trim().slice(ANNOUNCEMENT.length)));
  });
  void exited.then((code) => reject(new Error(`exited with code ${code} before it served: ${tail(output)}`)));
  const stop = async (): Promise<number | null> => {
    killGroup(child.pid, 'SIGTERM');
    const hard = setTimeout(() => killGroup(child.pid, 'SIGKILL'), STOP_MS);
    const code = await exited;
    clearTimeout(hard);
    return code;
  };
  try {
    const port = await promise;
    return { url: `tcp://127.0.0.1:${port}`, stop, [Symbol.asyncDispose]: async () => void (await stop()) };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function start(command: string, args: readonly string[], { cwd, env = {} }: CommandOptions): Child {
  const child: Child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.setEncoding('utf8');
  child.stderr.setEncoding('utf8');
  const { pid } = child;
  if (pid !== undefined) {
    groups.add(pid);
    child.on('close', () => {
      killGroup(pid, 'SIGKILL'); // whatever the child left behind in its group
      groups.delete(pid);
    });
  }
  return child;
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // ESRCH: the group is gone already
  }
}

function tail(output: string): string {
  return output.trim().split('\n').slice(-15).join('\n') || 'it printed nothing';
}
