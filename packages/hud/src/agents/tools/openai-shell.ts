/** OpenAI's own tool for commands: several in one call, one after the other, each in a fresh shell. */
import { boundOutput, shellQuote, type ExecResult, type SshClient } from '../../capabilities/ssh.ts';
import { HudError } from '../../protocol/errors.ts';
import type { JsonObject } from '../../protocol/json.ts';
import { told } from './arguments.ts';
import { bounded, isFailure, OUTPUT_LIMIT_BYTES, shellText } from './shell-output.ts';
import type { AgentTool } from './tool.ts';

const MAX_OUTPUT_BYTES = 10 * 1024 * 1024;
/** What `timeout` exits with when time was up. */
const TIMED_OUT = 124;
/** A command that ignores the signal is ended by the client then. */
const GRACE_MS = 5_000;

/** As the API takes it, in the result's `structuredContent`. */
export interface ShellOutput {
  output: { stdout: string; stderr: string; outcome: { type: 'exit'; exit_code: number } | { type: 'timeout' } }[];
  max_output_length?: number;
}

export function openaiShell(ssh: SshClient, limitBytes = OUTPUT_LIMIT_BYTES): AgentTool {
  return {
    name: 'shell',
    description: 'Runs commands, each in a fresh shell.',
    inputSchema: {
      type: 'object',
      properties: {
        commands: { type: 'array', items: { type: 'string' } },
        timeout_ms: { type: 'integer' },
        max_output_length: { type: 'integer' },
      },
      required: ['commands'],
    },
    native: { type: 'shell', environment: { type: 'local' } },
    capability: 'ssh',
    execute: async (args, { signal }) =>
      await told(async () => {
        const maxLength = maxOutputLength(args);
        const structured: ShellOutput = { output: [], ...(maxLength === undefined ? {} : { max_output_length: maxLength }) };
        const texts: string[] = [];
        for (const command of commandsOf(args)) {
          const result = await ssh.exec(...timed(command, args, signal));
          const shown =
            maxLength === undefined ? await bounded(ssh, result, { signal, limitBytes }) : { ...boundOutput(result, maxLength), note: '' };
          const stdout = shown.note === '' ? shown.stdout : `${shown.stdout}\n${shown.note}`;
          structured.output.push({ stdout, stderr: shown.stderr, outcome: outcomeOf(result, args) });
          texts.push(shellText(command, result, shown));
        }
        const isError = structured.output.some(({ outcome }) => outcome.type === 'timeout' || outcome.exit_code !== 0);
        return { content: [{ type: 'text', text: texts.join('\n\n') }], isError, structuredContent: structured };
      }),
  };
}

function commandsOf({ commands }: JsonObject): string[] {
  const list = typeof commands === 'string' ? [commands] : Array.isArray(commands) ? (commands as unknown[]) : [];
  if (list.length > 0 && list.every((command) => typeof command === 'string')) return list;
  throw new HudError('BAD_ARGUMENT', 'Parameter `commands` must be a list of strings.');
}

function maxOutputLength({ max_output_length: length }: JsonObject): number | undefined {
  if (length === undefined || length === null) return undefined;
  if (Number.isInteger(length) && Number(length) > 0) return Math.min(Number(length), MAX_OUTPUT_BYTES);
  throw new HudError('BAD_ARGUMENT', 'Parameter `max_output_length` must be a positive integer.');
}

function timed(command: string, args: JsonObject, signal: AbortSignal): Parameters<SshClient['exec']> {
  const limit = timeoutMs(args);
  if (limit === undefined) return [command, { signal }];
  return [timeoutCommand(command, limit), { signal, timeoutMs: limit + GRACE_MS }];
}

/** @param limitMs above 0; `timeout` takes fractions of a second */
export function timeoutCommand(command: string, limitMs: number): string {
  return `timeout ${limitMs / 1000}s bash -lc ${shellQuote(command)}`;
}

function timeoutMs({ timeout_ms: limit }: JsonObject): number | undefined {
  if (limit === undefined || limit === null) return undefined;
  if (typeof limit === 'number' && limit > 0 && Number.isFinite(limit)) return limit;
  throw new HudError('BAD_ARGUMENT', 'Parameter `timeout_ms` must be a positive number.');
}

function outcomeOf(result: ExecResult, args: JsonObject): ShellOutput['output'][number]['outcome'] {
  const isLate = result.isTimedOut || (result.exitCode === TIMED_OUT && timeoutMs(args) !== undefined);
  return isLate ? { type: 'timeout' } : { type: 'exit', exit_code: isFailure(result) && result.exitCode === 0 ? 1 : result.exitCode };
}
