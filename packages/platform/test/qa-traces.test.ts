import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testPlatform, type TestPlatform } from './registry.fixtures.ts';

let on: TestPlatform;
beforeAll(async () => {
  on = await testPlatform();
});
afterAll(async () => await on[Symbol.asyncDispose]());

interface Result {
  id: string;
  check_key: string;
  subject_type: string;
  subject_trace_id: string;
  subject_task_id: string | null;
  status: string;
  verdict: string | null;
  result: { verdict: string; findings: { summary: string; severity: string; evidence_refs: string[]; description?: string }[] } | null;
}

type Step = Record<string, unknown>;

const says = (content: string, more: Step = {}): Step => ({ source: 'agent', content, tool_calls: [], ...more });
const used = (name: string, text: string, more: Step = {}): Step => ({
  source: 'tool',
  call: { id: randomUUID(), name, arguments: { path: 'a' } },
  result: { content: [{ type: 'text', text }], isError: false, ...more },
});

/** A dashed id, as the Python package sends it. */
async function recorded(steps: Step[], end?: Step): Promise<string> {
  const id = randomUUID();
  await on.call('POST', `/v2/trace/${id}/enter`, { task_slug: 'a-task' });
  await more(id, steps);
  if (end !== undefined) await on.call('POST', `/v2/trace/${id}/exit`, end);
  return id;
}

let spans = 0;
async function more(id: string, steps: Step[]): Promise<void> {
  const telemetry = steps.map((step) => ({
    name: `step.${String(step.source)}`,
    trace_id: id.replaceAll('-', ''),
    span_id: (spans += 1).toString(16).padStart(16, '0'),
    start_time: '2026-11-20T10:00:00.000000Z',
    end_time: '2026-11-20T10:00:01.000000Z',
    status_code: 'OK',
    attributes: { 'hud.task_run_id': id, 'hud.schema': 'hud.step.v1', 'hud.payload': { step_id: spans, ...step } },
  }));
  const { json } = await on.call('POST', `/v3/api/trace/${id}/telemetry-upload`, { telemetry });
  expect(json).toMatchObject({ accepted: steps.length, rejected: [] });
}

const GRADED = { status: 'completed', reward: 1 };

/** As the Python package does it: runs, then asks until all have ended. */
async function examined(trace: string, ...keys: string[]): Promise<Record<string, Result>> {
  const started = (await on.call('POST', '/v2/qa/runs', { check_keys: keys, trace_ids: [trace], overwrite: false })).json as {
    results: Result[];
  };
  expect(started.results.length).toBe(keys.length);
  for (;;) {
    const { results } = (await on.call('GET', `/v2/qa/results?trace_ids=${trace}`)).json as { results: Result[] };
    const wanted = results.filter(({ check_key: key }) => keys.includes(key));
    if (wanted.length === keys.length && wanted.every(({ status }) => status === 'completed' || status === 'error'))
      return Object.fromEntries(wanted.map((result) => [result.check_key, result]));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const ALL = ['trace-graded', 'trace-faults', 'trace-repeats', 'trace-truncated'];
const verdicts = (results: Record<string, Result>): unknown => Object.fromEntries(ALL.map((key) => [key, results[key]?.verdict]));

describe('QA of runs', () => {
  test('the checks are listed with what they examine and the question that each answers', async () => {
    const { checks } = (await on.call('GET', '/v2/qa/checks')).json as { checks: Step[] };
    expect(checks.filter(({ subject_type: type }) => type === 'trace').map(({ key }) => key)).toEqual(ALL);
    expect(checks.map(({ subject_type: type }) => type)).toContain('task');
    expect(checks.every(({ question, title }) => String(question).endsWith('?') && title !== '')).toBe(true);
  });

  test('a run that went well passes all of them', async () => {
    const trace = await recorded(
      [used('read', 'one'), used('read', 'two'), used('read', 'one'), says('done', { finish_reason: 'stop' })],
      GRADED,
    );
    const results = await examined(trace, ...ALL);
    expect(verdicts(results)).toEqual({
      'trace-graded': 'passed',
      'trace-faults': 'passed',
      'trace-repeats': 'passed',
      'trace-truncated': 'passed',
    });
    expect(results['trace-graded']).toMatchObject({
      subject_type: 'trace',
      subject_trace_id: trace,
      subject_task_id: null,
      source: 'analysis',
    });
  });

  test('one that failed has no grade, and its faults are found', async () => {
    const trace = await recorded([used('write', 'no space', { isError: true }), says('', { error: 'the connection broke', model: 'm' })], {
      status: 'error',
      error: 'the connection broke',
    });
    const results = await examined(trace, ...ALL);
    expect(verdicts(results)).toMatchObject({ 'trace-graded': 'failed', 'trace-faults': 'failed', 'trace-repeats': 'passed' });
    expect(results['trace-graded']?.result?.findings).toMatchObject([{ severity: 'error', description: 'the connection broke' }]);
    expect(results['trace-faults']?.result?.findings.map(({ summary, severity }) => [summary, severity])).toEqual([
      [expect.stringMatching(/^A fault ended it: /), 'error'],
      ["The model 'm' failed.", 'error'],
      ['1 of its tool calls failed.', 'warning'],
    ]);
  });

  test('an agent that goes round in circles and is cut short is found out', async () => {
    const steps = [used('read', 'same'), says('', { tool_calls: [{ id: 'x', name: 'read' }] }), used('read', 'same'), used('read', 'same')];
    const trace = await recorded([...steps, says('half a sen', { finish_reason: 'MAX_TOKENS' })], GRADED);
    const results = await examined(trace, 'trace-repeats', 'trace-truncated');
    expect(results['trace-repeats']?.result?.findings).toMatchObject([
      {
        summary: "The tool 'read' 3 times in a row, with nothing new.",
        severity: 'error',
        evidence_refs: [{}, {}, {}].map(() => expect.stringMatching(/^step \d+$/) as string),
      },
    ]);
    expect(results['trace-truncated']?.result?.findings).toMatchObject([{ summary: '1 replies of the model were cut off.' }]);
  });

  test('a run that goes on passes nothing yet, and is examined again when more has come', async () => {
    const trace = await recorded([says('thinking')]);
    const before = (await examined(trace, 'trace-graded'))['trace-graded'];
    expect(before?.verdict).toBe('unknown');
    await more(trace, [says('done')]);
    await on.call('POST', `/v2/trace/${trace}/exit`, GRADED);
    expect((await on.call('GET', `/v2/qa/results?trace_ids=${trace}`)).json).toEqual({ results: [] });
    const history = (await on.call('GET', `/v2/qa/results?trace_ids=${trace}&include_history=True`)).json as { results: Result[] };
    expect(history.results.map(({ id }) => id)).toEqual([before?.id]);
    const after = (await examined(trace, 'trace-graded'))['trace-graded'];
    expect([after?.verdict, after?.id === before?.id]).toEqual(['passed', false]);
  });

  test('runs and tasks are examined apart, each with its own checks, and only those of the team', async () => {
    const trace = await recorded([says('done')], GRADED);
    const ask = async (body: Step, call = on.call): Promise<number> => (await call('POST', '/v2/qa/runs', body)).status;
    expect(await ask({ check_keys: ['trace-graded'] })).toBe(400);
    expect(await ask({ check_keys: ['trace-graded'], trace_ids: [trace], task_ids: [trace] })).toBe(400);
    expect(await ask({ check_keys: ['task-check'], trace_ids: [trace] })).toBe(404);
    expect(await ask({ check_keys: ['trace-graded'], trace_ids: [randomUUID()] })).toBe(404);
    expect(await ask({ check_keys: ['trace-graded'], trace_ids: [trace] }, on.other)).toBe(404);
    expect(await ask({ check_keys: ['trace-graded'], trace_ids: [trace] })).toBe(200);
    expect((await on.other('GET', `/v2/qa/results?trace_ids=${trace}`)).json).toEqual({ results: [] });
    expect((await on.call('GET', '/v2/qa/results')).status).toBe(400);
  });
});

describe('QA of runs as older versions of the Python package ask for it', () => {
  const agentOf = async (type: string): Promise<string> => {
    const { items } = (await on.call('GET', `/v2/qa-agents?subject_type=${type}&limit=50&offset=0`)).json as { items: { id: string }[] };
    return items[0]?.id ?? '';
  };

  test('an agent examines a run, whose id comes back in the spelling that was sent', async () => {
    const agent = await agentOf('trace');
    expect((await on.call('GET', `/v2/qa-agents/${agent}`)).json).toMatchObject({ id: agent, name: 'trace-graded', subject_type: 'trace' });
    const trace = (await recorded([says('done')], GRADED)).replaceAll('-', '');
    const [run] = (await on.call('POST', `/v2/qa-agents/${agent}/run`, { trace_ids: [trace], overwrite: false })).json as Result[];
    expect(run?.subject_trace_id).toBe(trace);
    const read = async (): Promise<unknown> => (await on.call('GET', `/v2/qa-agents/results?subject_trace_ids=${trace}`)).json;
    await expect
      .poll(read, { timeout: 10_000 })
      .toMatchObject([
        { id: run?.id, status: 'completed', subject_trace_id: trace, qa_agent_id: agent, canonical_result: { verdict: 'passed' } },
      ]);
    const rollout = await on.call('GET', `/v2/qa-agents/results/${run?.id}/rollout?since_seq=-1&limit=100`);
    expect(rollout.json).toEqual({ events: [], has_more: false, next_seq: -1 });
    expect((await on.other('GET', `/v2/qa-agents/results/${run?.id}/rollout`)).status).toBe(404);
  });

  test('an agent for tasksets examines no run', async () => {
    const trace = await recorded([says('done')], GRADED);
    expect(await on.call('POST', `/v2/qa-agents/${await agentOf('taskset')}/run`, { trace_ids: [trace] })).toMatchObject({
      status: 400,
      json: { detail: "'taskset-check' examines a taskset, no runs." },
    });
  });
});
