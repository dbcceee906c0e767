/** A QA agent that asks a model, through this platform's own gateway. */
import { api, decode, isPlainObject, parseJson, type JsonObject } from 'hud/protocol';
import { z } from 'zod';
import type { Evidence } from './evidence.ts';

export interface JudgeOptions {
  /** Where `/chat/completions` is below. */
  gateway: string;
  /** Of whoever asked; undefined in a record without accounts. */
  key: string | undefined;
  modelName: string;
  instructions: string;
  signal: AbortSignal;
}

/** Longest wait for the model, in milliseconds. */
const MODEL_MS = 300_000;
/** More of the subject is left out, and said to be. */
const MOST_CHARACTERS = 200_000;

const FORM = `Answer with one JSON object and nothing else:
{"verdict": "passed" | "failed" | "unknown", "summary": "one or two sentences", "findings": [{"summary": "what is wrong", "description": "why it matters", "severity": "error" | "warning", "evidence_refs": ["slug or template"], "recommended_action": "what to do"}]}
The verdict is "failed" when a finding is an error, and "unknown" when what you were shown does not tell.`;

/** What the model writes; the rest of a verdict is ours. */
const Answer = z.object({
  verdict: z.enum(['passed', 'failed', 'unknown']),
  summary: z.string(),
  findings: z.array(api.qa.Finding.extend({ severity: api.qa.Finding.shape.severity.catch(undefined) })).default([]),
});

/** @throws Error saying why there is no verdict */
export async function askModel(
  evidence: Evidence,
  { gateway, key, modelName, instructions, signal }: JudgeOptions,
): Promise<api.qa.Verdict> {
  const { text, isWhole } = await shown(evidence);
  const response = await fetch(`${gateway}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
    body: JSON.stringify({
      model: modelName,
      messages: [
        { role: 'system', content: `${instructions}\n\n${FORM}` },
        { role: 'user', content: text },
      ],
    }),
    signal: AbortSignal.any([signal, AbortSignal.timeout(MODEL_MS)]),
  });
  const body = await response.text();
  if (!response.ok) throw new Error(`The model '${modelName}' answered ${response.status}: ${reasonIn(body)}`);
  const answer = decode(Answer, objectIn(contentOf(body)), { what: `The answer of '${modelName}'` });
  return { schemaVersion: 'qa_agent_result.v1', ...answer, metadata: { model: modelName, saw_everything: isWhole } };
}

async function shown(evidence: Evidence): Promise<{ text: string; isWhole: boolean }> {
  const text = JSON.stringify(await dataOf(evidence));
  const isWhole = text.length <= MOST_CHARACTERS;
  return { text: isWhole ? text : `${text.slice(0, MOST_CHARACTERS)}\n… (the rest is left out)`, isWhole };
}

async function dataOf({ subject, manifests, flat }: Evidence): Promise<JsonObject> {
  if (subject.kind === 'environment')
    return { environment: subject.name, manifest: subject.manifest === undefined ? null : parseJson(subject.manifest) };
  if (subject.kind === 'trace') {
    const { name: task, class: outcome, stopReason: stop_reason, reward, error } = subject;
    const { items: steps, isCut } = await subject.steps();
    return { task, outcome, stop_reason, reward, error, steps, more_steps_left_out: isCut };
  }
  return {
    name: subject.name,
    manifests: Object.fromEntries(manifests),
    tasks_whose_runs_all_earned_the_same: flat,
    tasks: (await subject.rows()).map(({ row }) => parseJson(row)),
  };
}

function contentOf(body: string): string {
  const parsed = parseJson(body) as { choices?: { message?: { content?: unknown } }[] };
  const content = parsed.choices?.[0]?.message?.content;
  if (typeof content !== 'string') throw new Error('The model answered without text.');
  return content;
}

/** From the first brace to the last: models like to wrap what they write. */
function objectIn(text: string): unknown {
  const object = text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1);
  if (object === '') throw new Error('The model answered without a verdict.');
  return parseJson(object);
}

/** The dialect's error message, cut short. */
function reasonIn(body: string): string {
  try {
    const { error } = JSON.parse(body) as { error?: unknown };
    if (isPlainObject(error) && typeof error.message === 'string') return error.message.slice(0, 300);
  } catch {
    // no JSON: then the text itself
  }
  return body.slice(0, 200);
}
