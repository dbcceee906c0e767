/** What the tools over a shell's files share: their arguments, and failures that are results. */
import type { ExecResult, SshClient } from '../../capabilities/ssh.ts';
import { HudError, isHudError } from '../../protocol/errors.ts';
import type { JsonObject } from '../../protocol/json.ts';
import type { ToolResult } from '../../protocol/trace.ts';
import { optionalText, textArgument } from './arguments.ts';
import { OUTPUT_LIMIT_BYTES } from './shell-output.ts';
import { textResult, type AgentTool } from './tool.ts';

/** Where a tool works, for one call. */
export interface FileContext {
  ssh: SshClient;
  signal: AbortSignal;
  /** Most that the model is shown of a file or a list, in bytes. */
  limitBytes: number;
}

export interface FileToolInit {
  name: string;
  description: string;
  /** Members of the schema. */
  properties: JsonObject;
  required?: readonly string[];
  /** Text for the model; what it throws as BAD_ARGUMENT or RPC_ERROR is told to the model instead. */
  run(args: JsonObject, context: FileContext): Promise<string | ToolResult>;
}

/** @param limitBytes @default 49_152 */
export function fileTool(ssh: SshClient, { run, properties, required, ...named }: FileToolInit, limitBytes?: number): AgentTool {
  return {
    ...named,
    inputSchema: { type: 'object', properties, ...(required === undefined ? {} : { required }) },
    capability: 'ssh',
    async execute(args, { signal }) {
      try {
        const outcome = await run(args, { ssh, signal, limitBytes: limitBytes ?? OUTPUT_LIMIT_BYTES });
        return typeof outcome === 'string' ? textResult(outcome) : outcome;
      } catch (error) {
        if (isHudError(error) && (error.code === 'RPC_ERROR' || error.code === 'BAD_ARGUMENT')) return textResult(error.message, true);
        throw error;
      }
    },
  };
}

/** A path: text that is not empty. @throws HudError BAD_ARGUMENT when it is missing without a `fallback`, or no path */
export function pathOf(args: JsonObject, name: string, fallback?: string): string {
  const given = fallback === undefined ? textArgument(args, name) : optionalText(args, name);
  const path = given || fallback || '';
  if (path !== '' && !path.includes('\0')) return path;
  throw new HudError('BAD_ARGUMENT', `Parameter \`${name}\` must not be empty.`);
}

/** A whole number, 0 or more, also when it comes as text. */
export function countOf(args: JsonObject, name: string): number | undefined {
  const value = args[name];
  if (value === undefined || value === null) return undefined;
  const count = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof count === 'number' && Number.isSafeInteger(count) && count >= 0) return count;
  throw new HudError('BAD_ARGUMENT', `Parameter \`${name}\` must be a whole number, 0 or more.`);
}

/** What the other side said of a command that failed. */
export function refusal({ stderr, exitCode, isTimedOut }: ExecResult): HudError {
  const said = stderr.trim();
  return new HudError('RPC_ERROR', said === '' ? (isTimedOut ? 'timed out' : `exit ${exitCode}`) : said);
}

/** Whole lines from the top, as many as fit; the last line says how many are missing. */
export function firstLines(lines: readonly string[], limitBytes: number, what: string): string {
  let bytes = 0;
  const shown = lines.findIndex((line) => (bytes += Buffer.byteLength(line) + 1) > limitBytes);
  if (shown < 0) return lines.join('\n');
  return [...lines.slice(0, shown), `(${lines.length - shown} more ${what}; narrow the search)`].join('\n');
}
