/** Reads a tool's arguments, which a model wrote: any member may be missing or of another kind. */
import { HudError, isHudError } from '../../protocol/errors.ts';
import type { JsonObject } from '../../protocol/json.ts';
import type { Point } from '../../capabilities/screen.ts';
import type { ToolResult } from '../../protocol/trace.ts';
import { textResult } from './tool.ts';

/** Runs a tool's work; arguments that can't be used are told to the model in one sentence, other failures are thrown on. */
export async function told(work: () => Promise<ToolResult>): Promise<ToolResult> {
  try {
    return await work();
  } catch (error) {
    if (!isHudError(error) || error.code !== 'BAD_ARGUMENT') throw error;
    return textResult(error.hint === undefined ? error.message : `${error.message} ${error.hint}`, true);
  }
}

/** @throws HudError BAD_ARGUMENT when it is missing or no text */
export function textArgument(args: JsonObject, name: string): string {
  const value = args[name];
  if (typeof value === 'string') return value;
  throw new HudError('BAD_ARGUMENT', `Parameter \`${name}\` is required${value === undefined ? '' : ' as a string'}.`);
}

export function optionalText(args: JsonObject, name: string): string | undefined {
  return args[name] === undefined || args[name] === null ? undefined : textArgument(args, name);
}

/** A number within bounds. @throws HudError BAD_ARGUMENT */
export function numberArgument(args: JsonObject, name: string, { min, max }: { min: number; max: number }): number {
  const value = args[name];
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw new HudError('BAD_ARGUMENT', `Parameter \`${name}\` must be a number from ${min} to ${max}.`);
}

/** `[x, y]`. @throws HudError BAD_ARGUMENT when it is missing or no pair of numbers */
export function pointArgument(args: JsonObject, name: string): Point {
  const value = args[name];
  const [x, y] = Array.isArray(value) ? (value as unknown[]) : [];
  if (Array.isArray(value) && value.length === 2 && Number.isFinite(x) && Number.isFinite(y)) return { x: Number(x), y: Number(y) };
  throw new HudError('BAD_ARGUMENT', `Parameter \`${name}\` must be [x, y].`);
}
