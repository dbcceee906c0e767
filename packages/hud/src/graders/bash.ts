/** Grades by a command's exit status: a test suite, a diff, any check that can be run. */
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { HudError, messageOf } from '../protocol/errors.ts';
import type { SubScore } from '../protocol/grade.ts';
import type { JsonObject } from '../protocol/json.ts';
import { stamp, type GradeOptions } from './grader.ts';
import { runShell, type ShellEnd } from './shell.ts';

export interface BashGraderOptions extends GradeOptions {
  /** Run by `/bin/bash -lc`, with this process's environment except `HUD_*`, and no input. */
  command: string;
  /** @default this process's own */
  cwd?: string;
  /** Seconds until the command is killed and earns 0. @default 600 */
  timeoutSeconds?: number;
  /** Kills the command; the call then throws the signal's reason. A template passes its `ctx.signal`. */
  signal?: AbortSignal;
}

/** As the Python package calls it, so that grades of both can be compared. */
const NAME = 'BashGrader';

/** Kept of each output: two graders' worth must fit the 65,536 bytes that a Python peer reads. */
const MAX_OUTPUT_BYTES = 8_192;

/**
 * 1 when the command exits with 0, else 0. A command that takes too long earns 0, and so does one whose
 * working directory is gone, because the agent may have removed it. What the command left running in its
 * process group ends with it.
 * @returns info: `exit_code` (minus the signal's number when one ended it; null when it never ended),
 *   `stdout` and `stderr` (start and end of long ones), and when the time was up `timed_out` and `timeout` in seconds
 * @throws HudError BAD_ARGUMENT for a time limit that is none, GRADE_FAILED when bash can't be started;
 *   or the signal's reason
 */
export async function bashGrader(options: BashGraderOptions): Promise<SubScore> {
  const { command, cwd, timeoutSeconds = 600, signal } = options;
  if (!(Number.isFinite(timeoutSeconds) && timeoutSeconds > 0)) {
    throw new HudError('BAD_ARGUMENT', `bashGrader's timeoutSeconds must be a number above 0, got ${timeoutSeconds}.`);
  }
  const end = await run(command, cwd, timeoutSeconds * 1000, signal);
  const info: JsonObject = {
    exit_code: end.exitCode,
    stdout: end.stdout,
    stderr: end.stderr,
    ...(end.timedOut ? { timed_out: true, timeout: timeoutSeconds } : {}),
  };
  return stamp(
    { name: NAME, value: end.exitCode === 0 ? 1 : 0, info },
    {
      name: options.name ?? NAME,
      weight: options.weight ?? 1,
      parameters: { command, cwd, timeout_seconds: options.timeoutSeconds },
    },
  );
}

async function run(command: string, cwd: string | undefined, timeoutMs: number, signal: AbortSignal | undefined): Promise<ShellEnd> {
  try {
    return await runShell({ command, cwd, timeoutMs, maxOutputBytes: MAX_OUTPUT_BYTES, signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    const trouble = cwd === undefined ? undefined : await troubleEntering(cwd);
    if (trouble !== undefined) return { exitCode: null, stdout: '', stderr: `The command did not run: ${trouble}`, timedOut: false };
    throw new HudError('GRADE_FAILED', `The grading command could not be started: ${messageOf(error)}.`, {
      hint: 'bashGrader needs /bin/bash on the machine that serves the environment.',
      cause: error,
    });
  }
}

/** Why a directory can't be worked in, or undefined when it can. */
async function troubleEntering(cwd: string): Promise<string | undefined> {
  try {
    await access(cwd, constants.X_OK);
    return (await stat(cwd)).isDirectory() ? undefined : `${cwd} is no directory.`;
  } catch (error) {
    return `its working directory can't be entered: ${messageOf(error)}.`;
  }
}
