/** What a span tells of an environment's files, as text: a line each, for `hud trace`. */
import { isPlainObject, type JsonObject } from '../protocol/json.ts';
import type { Span } from '../protocol/trace.ts';
import { FILES_SCHEMA } from '../telemetry/index.ts';
import { literalLine } from './terminal/literal.ts';
import type { Terminal } from './terminal/terminal.ts';
import { plural } from './terminal/wording.ts';

const MAX_LINES = 20;

/** @returns undefined for spans of other kinds; no lines when there is nothing to say */
export function filesText({ name, attributes }: Span, { dim, bold }: Terminal): string[] | undefined {
  const payload = attributes['hud.payload'];
  if (attributes['hud.schema'] !== FILES_SCHEMA || !isPlainObject(payload)) return undefined;
  const rule = (title: string): string => `${dim('──')} ${bold(title)}`;
  const kind = name.replace(/^filetracking\./, '');
  if (kind === 'snapshot') return [rule('files'), dim(`  ${plural(membersOf(payload.files).length, 'file')} before the agent`)];
  const isCapture = kind === 'capture';
  const lines = isCapture ? membersOf(payload.files).map(captureLine) : membersOf(payload.patches).map(changeLine);
  if (lines.length === 0 && payload.truncated !== true && !(Number(payload.files_skipped) > 0)) return [];
  const shown = lines.slice(0, MAX_LINES);
  if (shown.length < lines.length) shown.push(`and ${lines.length - shown.length} more`);
  const skipped = Number(payload.files_skipped ?? 0);
  if (skipped > 0) shown.push(`and ${plural(skipped, 'document')} too large to keep`);
  if (payload.truncated === true) shown.push('and what was too much to record');
  const title = isCapture ? 'files kept' : kind === 'setup' ? 'files changed by the setup' : 'files changed';
  return [rule(title), ...shown.map((line) => `  ${line}`)];
}

const MARKS: Record<string, string> = { added: 'A', modified: 'M', deleted: 'D' };

/** `M src/duration.js +3 -1`; where there is no text to compare, `A report.pdf 1200 bytes`. */
function changeLine({ path, status, patch, size_before: before, size_after: after }: JsonObject): string {
  const counts = countLines(String(patch));
  const size = status === 'deleted' ? before : after;
  const what = counts === undefined ? plural(Number(size ?? 0), 'byte') : `+${counts.added} -${counts.removed}`;
  return `${MARKS[String(status)] ?? '?'} ${literalLine(String(path))} ${what}`;
}

function captureLine({ path, size, content_type: type, status }: JsonObject): string {
  const what = [literalLine(String(type)), plural(Number(size ?? 0), 'byte')].join(', ');
  return `${MARKS[String(status)] ?? '?'} ${literalLine(String(path))} ${what}`;
}

/** @returns undefined for a notice in place of a unified diff */
function countLines(patch: string): { added: number; removed: number } | undefined {
  const lines = patch.split('\n');
  const first = lines.findIndex((line) => line.startsWith('@@'));
  if (first < 0) return undefined;
  const body = lines.slice(first);
  return { added: body.filter((line) => line.startsWith('+')).length, removed: body.filter((line) => line.startsWith('-')).length };
}

function membersOf(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isPlainObject) : [];
}
