/** A command that an environment's author runs in a sandbox and waits for. */
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { nodeHost } from '../../host/node.ts';
import type { ExitStatus, Sandbox } from './sandbox.ts';

export interface CommandOptions {
  /** Absolute, inside. @default the workspace's folder */
  cwd?: string;
  /** On top of the workspace's. */
  env?: Readonly<Record<string, string>>;
  /** Then it is ended, and `isTimedOut` is true. @default 600_000 */
  timeoutMs?: number;
  /** @default nothing */
  stdin?: string | Uint8Array;
  /** Kept of each output, from its beginning; the rest is dropped. @default 10 MiB */
  maxOutputBytes?: number;
}

export interface CommandResult {
  /** Invalid UTF-8 is replaced by U+FFFD. */
  stdout: string;
  stderr: string;
  /** 128 + its number when a signal ended it. */
  exitCode: number;
  isTimedOut: boolean;
}

const TIMEOUT_MS = 600_000;
const OUTPUT_BYTES = 10 * 2 ** 20;
/** For output that comes after the end, which something in the background may hold open. */
const DRAIN_MS = 1_000;

/** @throws HudError CAPABILITY_FAILED when the sandbox is lost */
export async function runInSandbox(sandbox: Sandbox, command: string, options: CommandOptions): Promise<CommandResult> {
  const { cwd, env, timeoutMs = TIMEOUT_MS, stdin = '', maxOutputBytes = OUTPUT_BYTES } = options;
  const process = await sandbox.spawn({ command, ...(cwd === undefined ? {} : { cwd }), ...(env === undefined ? {} : { env }) });
  let isTimedOut = false;
  using _timer = nodeHost.setTimer(timeoutMs, () => {
    isTimedOut = true;
    void process.terminate();
  });
  const outputs = [collect(process.stdout, maxOutputBytes), collect(process.stderr, maxOutputBytes)] as const;
  process.stdin.on('error', () => {}); // it reads no further
  process.stdin.end(stdin);
  const status = await process.exited;
  const { promise: late, resolve } = Promise.withResolvers<void>();
  using _drain = nodeHost.setTimer(DRAIN_MS, resolve);
  await Promise.race([late, Promise.all(outputs.map((output) => output.ended))]);
  process.release();
  const [stdout, stderr] = outputs.map((output) => output.text());
  return { stdout: stdout ?? '', stderr: stderr ?? '', exitCode: exitCodeOf(status), isTimedOut };
}

function collect(stream: Readable, maxBytes: number): { ended: Promise<void>; text(): string } {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => {
    const kept = chunk.subarray(0, Math.max(0, maxBytes - bytes));
    if (kept.length > 0) chunks.push(kept);
    bytes += kept.length;
  });
  const ended = new Promise<void>((resolve) => {
    stream.once('end', resolve);
    stream.once('close', resolve);
    stream.once('error', () => resolve()); // of a pipe that was let go of
  });
  return { ended, text: () => Buffer.concat(chunks).toString() };
}

function exitCodeOf(status: ExitStatus): number {
  return 'code' in status ? status.code : 128 + (constants.signals[status.signal] ?? 127);
}
