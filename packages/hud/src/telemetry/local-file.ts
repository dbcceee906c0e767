/** HUD_TELEMETRY_LOCAL_DIR: spans as lines of JSON too, a file for each trace, with or without a platform. */
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { readSetting } from '../host/settings.ts';
import { encode } from '../protocol/codec.ts';
import { stringifyJson } from '../protocol/json.ts';
import { Span } from '../protocol/trace.ts';

/** @returns undefined where the setting names no folder */
export function localFiles(): ((span: Span) => void) | undefined {
  const directory = readSetting('HUD_TELEMETRY_LOCAL_DIR');
  return directory === undefined ? undefined : (span) => appendLine(directory, span);
}

/** One write that appends, so that lines of several processes stay whole. A folder that can't be written disturbs no run. */
function appendLine(directory: string, span: Span): void {
  const runId = span.attributes['hud.task_run_id'];
  if (typeof runId !== 'string' || runId === '') return;
  const line = `${stringifyJson(encode(Span, span))}\n`;
  const path = join(directory, `${span.traceId}.jsonl`);
  try {
    appendFileSync(path, line);
  } catch {
    try {
      mkdirSync(directory, { recursive: true });
      appendFileSync(path, line);
    } catch {
      // the record has it; this copy is a convenience, and the contract says that its failure is silent
    }
  }
}
