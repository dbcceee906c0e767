/** Rows of the record as the lines in which they are sent. */
import { encode } from '../../protocol/codec.ts';
import { stringifyJson } from '../../protocol/json.ts';
import { JobRecord, RunRecord, TaskRecord } from '../../protocol/record.ts';

export interface Line {
  kind: 'job' | 'task' | 'run' | 'span';
  /** `{"run":{…}}`, without a line break. */
  text: string;
  jobId: string;
  /** Of runs and spans. */
  traceId?: string;
}

/** Where it is sent to concerns nobody there. */
export function jobLine({ reportedTo: _to, reportedAt: _at, ...job }: JobRecord): Line {
  return { kind: 'job', jobId: job.id, text: `{"job":${stringifyJson(encode(JobRecord, job))}}` };
}

export function taskLine(task: TaskRecord): Line {
  return { kind: 'task', jobId: task.jobId, text: `{"task":${stringifyJson(encode(TaskRecord, task))}}` };
}

export function runLine(run: RunRecord): Line {
  return { kind: 'run', jobId: run.jobId, traceId: run.traceId, text: `{"run":${stringifyJson(encode(RunRecord, run))}}` };
}

/** @param body as the store keeps it, which is how it is sent */
export function spanLine(jobId: string, traceId: string, body: string): Line {
  return { kind: 'span', jobId, traceId, text: `{"span":${body}}` };
}
