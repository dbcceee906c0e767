/** What QA can tell of a run without a model: each check answers one question from the recorded steps. */
import { isPlainObject, pythonJson, uuid5, type JsonObject, type api } from 'hud/protocol';
import type { TraceSubject } from '../../storage/qa/traces.ts';
import { finding } from './findings.ts';

type Finding = api.qa.Finding;

interface TraceCheck {
  name: string;
  question: string;
  find(subject: TraceSubject, steps: readonly JsonObject[]): Finding[];
}

/** As often in a row is no coincidence. */
const OFTEN = 3;
/** In a finding. */
const MOST_REFERENCES = 100;

const CHECKS: readonly TraceCheck[] = [
  { name: 'trace-graded', question: 'Did the run end with a grade?', find: ungraded },
  { name: 'trace-faults', question: 'Did a tool, the model or the environment fail on the way?', find: faults },
  { name: 'trace-repeats', question: 'Did the agent do the same thing over and over, with the same result?', find: repeats },
  { name: 'trace-truncated', question: 'Was the agent cut short by a limit of steps, length or time?', find: truncations },
];

/** The agents for runs that every platform brings. */
export const TRACE_AGENTS: readonly api.qa.Agent[] = CHECKS.map(({ name, question }) => ({
  id: uuid5(`hud.qa:${name}`),
  name,
  subjectType: 'trace',
  modelName: null,
  instructions: question,
}));

/** A run that goes on may still do what it has not done: it never passes. @param name of one of `TRACE_AGENTS` */
export async function checkTrace(subject: TraceSubject, name: string): Promise<Pick<api.qa.Verdict, 'verdict' | 'findings' | 'metadata'>> {
  const check = CHECKS.find((one) => one.name === name);
  if (check === undefined) throw new Error(`There is no check '${name}'.`);
  const { items, isCut } = await subject.steps();
  const findings = check.find(subject, items);
  const isFailed = findings.some(({ severity }) => severity === 'error');
  const verdict = isFailed ? 'failed' : subject.class === null || isCut ? 'unknown' : 'passed';
  return { verdict, findings, metadata: { steps: items.length, saw_everything: !isCut, has_ended: subject.class !== null } };
}

function ungraded({ class: kind, error }: TraceSubject): Finding[] {
  if (kind === null || kind === 'graded') return [];
  return [
    finding('error', `It ended without a grade: ${kind}.`, [], {
      ...(error === null ? {} : { description: error }),
      recommendedAction: kind === 'cancelled' ? 'Run it again if its grade is wanted.' : 'Mend the cause, then run it again.',
    }),
  ];
}

/** A tool's refusal is the agent's business: a warning. What breaks a step otherwise is an error. */
function faults({ class: kind, error }: TraceSubject, steps: readonly JsonObject[]): Finding[] {
  const broken = steps.filter((step) => typeof step.error === 'string' && step.error !== '');
  const refused = steps.filter(({ source, result, error: own }) => source === 'tool' && own == null && isFailed(result));
  const isFault = kind !== null && kind !== 'graded' && kind !== 'cancelled';
  return [
    ...(isFault ? [finding('error', `A fault ended it: ${kind}.`, [], error === null ? {} : { description: error })] : []),
    ...broken.map((step) =>
      finding(step.source === 'tool' ? 'warning' : 'error', `${said(step)} failed.`, [reference(step)], {
        description: String(step.error),
      }),
    ),
    ...(refused.length === 0
      ? []
      : [finding('warning', `${refused.length} of its tool calls failed.`, refused.slice(0, MOST_REFERENCES).map(reference))]),
  ];
}

/** The same call with the same outcome, or the same words without a call, several times in a row. */
function repeats(_subject: TraceSubject, steps: readonly JsonObject[]): Finding[] {
  const acts = steps.flatMap((step) => {
    const act = actOf(step);
    return act === undefined ? [] : [{ act, step }];
  });
  const findings: Finding[] = [];
  for (let from = 0; from < acts.length;) {
    const first = acts[from];
    let to = from + 1;
    while (to < acts.length && acts[to]?.act === first?.act) to += 1;
    if (first !== undefined && to - from >= OFTEN) {
      const references = acts.slice(from, to).map(({ step }) => reference(step));
      findings.push(
        finding('error', `${said(first.step)} ${to - from} times in a row, with nothing new.`, references.slice(0, MOST_REFERENCES)),
      );
    }
    from = to;
  }
  return findings;
}

/** @returns undefined for what is neither a tool's outcome nor words alone */
function actOf({ source, call, result, content, tool_calls: calls }: JsonObject): string | undefined {
  if (source === 'tool' && isPlainObject(call)) {
    const { content: blocks } = isPlainObject(result) ? result : {};
    return pythonJson(['tool', call.name ?? null, call.arguments ?? null, blocks ?? null], { compact: true });
  }
  if (source !== 'agent' || typeof content !== 'string' || content === '') return undefined;
  return Array.isArray(calls) && calls.length > 0 ? undefined : pythonJson(['agent', content], { compact: true });
}

function truncations({ class: kind, stopReason }: TraceSubject, steps: readonly JsonObject[]): Finding[] {
  const stop = stopReason !== null && stopReason !== 'done' ? [finding('error', `The agent was stopped: ${stopReason}.`, [])] : [];
  const limit = kind === 'timeout' || kind === 'limit' ? [finding('error', `The run was stopped: ${kind}.`, [])] : [];
  const cut = steps.filter(({ source, finish_reason: reason }) => source === 'agent' && isCutShort(reason));
  const replies =
    cut.length === 0
      ? []
      : [finding('error', `${cut.length} replies of the model were cut off.`, cut.slice(0, MOST_REFERENCES).map(reference))];
  return [...stop, ...limit, ...replies];
}

/** As the four dialects say it. */
function isCutShort(reason: unknown): boolean {
  return typeof reason === 'string' && ['length', 'max_tokens', 'max_output_tokens'].includes(reason.toLowerCase());
}

function isFailed(result: unknown): boolean {
  return isPlainObject(result) && result.isError === true;
}

function said({ source, call, model }: JsonObject): string {
  if (source === 'tool') return `The tool '${String(isPlainObject(call) ? call.name : '?')}'`;
  if (source === 'agent') return typeof model === 'string' ? `The model '${model}'` : 'The agent';
  return source === 'task' ? 'The task' : `A step of '${String(source)}'`;
}

function reference({ step_id: number }: JsonObject): string {
  return `step ${String(number ?? '?')}`;
}
