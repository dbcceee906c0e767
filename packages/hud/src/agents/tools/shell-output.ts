/** A command's outcome as the text that a model reads, never more of it than fits a conversation. */
import { createHash } from 'node:crypto';
import { boundOutput, type ExecResult, type SshClient } from '../../capabilities/ssh.ts';
import { messageOf } from '../../protocol/errors.ts';
import type { ToolResult } from '../../protocol/trace.ts';
import { textResult } from './tool.ts';

/** 48 KiB, some 12,000 tokens. */
export const OUTPUT_LIMIT_BYTES = 49_152;

export interface ShellRun {
  signal: AbortSignal;
  /** Most of stdout and stderr together that the model is shown, in bytes. @default 49_152 */
  limitBytes?: number | undefined;
  /** Ends the command after so many milliseconds. @default the tool's own deadline */
  timeoutMs?: number | undefined;
  /** Folder to run it in. @default the session's */
  cwd?: string | undefined;
  /** What is shown after the `$`. @default the command */
  shown?: string;
}

/**
 * Runs a command in a fresh shell: `$ command`, its stdout, `stderr:` and its stderr, `(exit N)`; an error where N is not 0.
 * What is too long is cut in the middle, and kept whole in a file on the other side.
 * @throws HudError CONNECTION_LOST; the signal's reason
 */
export async function runShell(ssh: SshClient, command: string, options: ShellRun): Promise<ToolResult> {
  const { signal, timeoutMs, cwd, limitBytes, shown = command } = options;
  const result = await ssh.exec(command, {
    signal,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(cwd === undefined ? {} : { cwd }),
  });
  const output = await bounded(ssh, result, { signal, limitBytes });
  return textResult(shellText(shown, result, output, timeoutMs), isFailure(result));
}

/** The body of {@link runShell}. */
export function shellText(command: string, result: ExecResult, { stdout, stderr, note }: BoundedOutput, timeoutMs?: number): string {
  const parts = [`$ ${command}`, stdout, stderr === '' ? '' : `stderr:\n${stderr}`, note, outcome(result, timeoutMs)];
  return parts
    .map((part) => part.replace(/\n$/, ''))
    .filter((part) => part !== '')
    .join('\n');
}

export interface BoundedOutput {
  stdout: string;
  stderr: string;
  /** Where the whole output is; empty when nothing was cut. */
  note: string;
}

/** What the model is shown of an output; the whole of it, when cut, goes to a file. */
export async function bounded(
  ssh: SshClient,
  { stdout, stderr, isTruncated }: ExecResult,
  { signal, limitBytes = OUTPUT_LIMIT_BYTES }: { signal: AbortSignal; limitBytes?: number | undefined },
): Promise<BoundedOutput> {
  const shown = boundOutput({ stdout, stderr }, limitBytes);
  if (shown.stdout === stdout && shown.stderr === stderr) return { ...shown, note: '' };
  const whole = stderr === '' ? stdout : `${stdout}${stdout === '' || stdout.endsWith('\n') ? '' : '\n'}stderr:\n${stderr}`;
  const size = `${Buffer.byteLength(whole)} bytes${isTruncated ? ', itself cut in the middle' : ''}`;
  if (ssh.shell !== 'bash') return { ...shown, note: `[truncated: the output is ${size}]` };
  // Named after its contents: the same run, replayed, tells the model the same.
  const path = `/tmp/hud-output-${createHash('sha256').update(whole).digest('hex').slice(0, 12)}.txt`;
  try {
    await ssh.write(path, whole, { signal });
    return { ...shown, note: `[truncated: the whole output, ${size}, is in ${path}]` };
  } catch (error) {
    signal.throwIfAborted();
    return { ...shown, note: `[truncated: the output is ${size}, and could not be kept: ${messageOf(error)}]` };
  }
}

export function isFailure({ exitCode, isTimedOut }: ExecResult): boolean {
  return isTimedOut || exitCode !== 0;
}

function outcome({ exitCode, signal, isTimedOut }: ExecResult, timeoutMs: number | undefined): string {
  if (isTimedOut) return timeoutMs === undefined ? '(timed out)' : `(timed out after ${timeoutMs} ms)`;
  return signal === undefined ? `(exit ${exitCode})` : `(exit ${exitCode}, SIG${signal})`;
}
