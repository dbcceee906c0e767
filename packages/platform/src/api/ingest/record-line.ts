/** One line of a record that is kept elsewhere. */
import { isUtf8 } from 'node:buffer';
import { JobRecord, RunRecord, TaskRecord, api, decode, messageOf, parseJson, type JsonObject } from 'hud/protocol';
import { assertShallow } from './nesting.ts';
import { readSpan, type ReadSpan } from './span.ts';

export type Line =
  | { kind: 'span'; span: ReadSpan }
  | { kind: 'job'; job: JobRecord }
  | { kind: 'task'; task: TaskRecord }
  | { kind: 'run'; run: RunRecord }
  | { kind: 'malformed'; reason: string };

const HEAD = /^\s*\{\s*"(span|job|task|run)"\s*:\s*/;
const HEAD_BYTES = 64;
const CLOSE_BRACE = 0x7d;

/** @throws Fault 400 for a line that is not safe to parse */
export function readLine(line: Uint8Array): Line {
  assertShallow(line);
  const bytes = Buffer.from(line.buffer, line.byteOffset, line.length);
  const [head, kind] = HEAD.exec(bytes.toString('latin1', 0, HEAD_BYTES)) ?? [];
  if (head === undefined) return malformed('not a job, task, run or span');
  if (kind !== 'span') return readRow(bytes);
  const end = lastOf(bytes, bytes.length);
  if (bytes[end] !== CLOSE_BRACE) return malformed('not JSON');
  const span = readSpan(bytes.subarray(head.length, lastOf(bytes, end) + 1)); // its text as it came: nothing of it is written anew
  return typeof span === 'string' ? malformed(span) : { kind: 'span', span };
}

function readRow(bytes: Buffer): Line {
  if (!isUtf8(bytes)) return malformed('not UTF-8');
  try {
    const wire = parseJson(bytes.toString(), { lossless: true }) as JsonObject;
    if (Object.keys(wire).length !== 1) return malformed('more than one member');
    if (wire.job !== undefined) return readJob(decode(JobRecord, wire.job, { what: 'The job' }));
    if (wire.task !== undefined) return readTask(decode(TaskRecord, wire.task, { what: 'The task' }));
    return readRun(decode(RunRecord, wire.run, { what: 'The run' }));
  } catch (error) {
    return malformed(messageOf(error));
  }
}

function readJob(job: JobRecord): Line {
  const id = api.hexId(job.id);
  return id === undefined ? malformed('the id of the job is not 32 hex digits') : { kind: 'job', job: { ...job, id } };
}

function readTask(task: TaskRecord): Line {
  const jobId = api.hexId(task.jobId);
  return jobId === undefined ? malformed('the job of the task is not 32 hex digits') : { kind: 'task', task: { ...task, jobId } };
}

function readRun(run: RunRecord): Line {
  const traceId = api.hexId(run.traceId);
  const jobId = api.hexId(run.jobId);
  if (traceId === undefined || jobId === undefined) return malformed('the trace or the job of the run is not 32 hex digits');
  return { kind: 'run', run: { ...run, traceId, jobId } };
}

function malformed(reason: string): Line {
  return { kind: 'malformed', reason };
}

/** @returns the place of the last byte before `end` that is no blank */
function lastOf(bytes: Buffer, end: number): number {
  let at = end - 1;
  while (at >= 0 && ' \t\r'.includes(String.fromCharCode(bytes[at] as number))) at -= 1;
  return at;
}
