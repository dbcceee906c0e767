import { expect, test } from 'vitest';
import { startReporting } from './reporting.fixtures.ts';

const T = '03dd2a73d3df4d10a54ae3d87c2d530d';

const call = { id: 'c1', name: 'count', arguments: { word: 'x' } };
const SETUP = { step_id: 1, source: 'task', task_call: { phase: 'setup', name: 'letters', arguments: { n: 1 } }, messages: [], extra: {} };
const USER = { step_id: 2, source: 'user', messages: [{ role: 'user', content: { type: 'text', text: 'How many?' } }], extra: {} };
const AGENT = {
  step_id: 3,
  source: 'agent',
  content: 'I count.',
  reasoning: 'hm',
  tool_calls: [call],
  done: false,
  citations: [],
  messages: [],
  extra: {},
};
const TOOL = {
  step_id: 4,
  source: 'tool',
  call,
  result: {
    content: [
      { type: 'text', text: 'one' },
      { type: 'text', text: 'two' },
    ],
    isError: false,
  },
  messages: [],
  extra: {},
};
const LAST = { step_id: 5, source: 'agent', content: '3', tool_calls: [], done: true, citations: [], messages: [], extra: {} };
const GRADED = {
  step_id: 6,
  source: 'task',
  task_call: { phase: 'evaluate', name: 'letters', result: { score: 0.75, content: 'nearly' } },
  messages: [],
  extra: {},
};
const STEPS = [SETUP, USER, AGENT, TOOL, LAST, GRADED];

test('Z1, R1: steps are read as events, each call told once', async () => {
  await using at = await startReporting();
  await at.call('POST', `/v2/trace/${T}/enter`);
  await at.record(T, STEPS);
  const { events } = (await at.call('GET', `/v2/trace/${T}/events`)).body;
  expect(events.map(({ kind }) => kind)).toEqual([
    'environment',
    'user_message',
    'agent_message',
    'tool_result',
    'agent_message',
    'environment',
  ]);
  expect(events[0]).toMatchObject({ text: 'task letters started', arguments: { n: 1 }, step_id: 1 });
  expect(events[1]).toMatchObject({ text: 'How many?' });
  expect(events[2]).toMatchObject({ text: 'I count.', reasoning: 'hm', tool_calls: [call] });
  expect(events[3]).toMatchObject({ tool_name: 'count', result_text: 'one\ntwo' });
  expect(events[3]).not.toHaveProperty('error');
  expect(events[5]).toMatchObject({ text: 'score 0.75: nearly' });
});

test('the Python package gets the outcome of a tool under the one name that all its versions print', async () => {
  await using at = await startReporting();
  await at.call('POST', `/v2/trace/${T}/enter`);
  await at.record(T, [TOOL]);
  const headers = { authorization: 'Bearer a', 'user-agent': 'python-httpx/0.28.1' };
  const response = await fetch(`${at.url}/v2/trace/${T}/events`, { headers });
  expect(await response.json()).toMatchObject({ events: [{ kind: 'tool_call', tool_name: 'count', result_text: 'one\ntwo' }] });
});

test('the Python package gets calls whose arguments are objects, also those that the model wrote wrong', async () => {
  await using at = await startReporting();
  await at.call('POST', `/v2/trace/${T}/enter`);
  const calls = [call, { id: 'c2', name: 'count', arguments: '{"word": ' }, { id: 'c3', name: 'count', arguments: null }, { id: 'c4' }];
  await at.record(T, [{ ...AGENT, tool_calls: calls }]);
  const headers = { authorization: 'Bearer a', 'user-agent': 'python-httpx/0.28.1' };
  const response = await fetch(`${at.url}/v2/trace/${T}/events`, { headers });
  const { events } = (await response.json()) as { events: { tool_calls: unknown }[] };
  expect(events[0]?.tool_calls).toEqual([
    call,
    { id: 'c2', name: 'count', arguments: { raw: '{"word": ' } },
    { id: 'c3', name: 'count', arguments: {} },
    { id: 'c4', name: '?', arguments: {} },
  ]);
  const ours = (await at.call('GET', `/v2/trace/${T}/events`)).body;
  expect(ours.events[0]).toMatchObject({ tool_calls: calls });
});

test('events stand in the order of their steps, in whatever order the batches came', async () => {
  await using at = await startReporting();
  await at.call('POST', `/v2/trace/${T}/enter`);
  await at.record(T, STEPS.slice(3));
  await at.record(T, STEPS.slice(0, 3));
  const { events } = (await at.call('GET', `/v2/trace/${T}/events`)).body;
  expect(events.map((event) => event.step_id)).toEqual([1, 2, 3, 4, 5, 6]);
});

test('Z2: the text of a tool that failed is its error, and a structured result is text', async () => {
  await using at = await startReporting();
  await at.call('POST', `/v2/trace/${T}/enter`);
  await at.record(T, [
    { ...TOOL, result: { content: [{ type: 'text', text: 'no such file' }], isError: true } },
    { ...TOOL, step_id: 5, result: { content: [], isError: false, structuredContent: { n: [1, 2] } } },
    { ...TOOL, step_id: 6, error: 'cut off', result: { content: [], isError: false } },
    { step_id: 7, source: 'system', error: '[grading] boom', messages: [], extra: {} },
    {
      step_id: 8,
      source: 'subagent',
      subagent: { trace_id: 'sub-1', content: 'done', status: 'completed', steps: [] },
      messages: [],
      extra: {},
    },
  ]);
  const { events } = (await at.call('GET', `/v2/trace/${T}/events`)).body;
  expect(events).toMatchObject([
    { kind: 'tool_result', result_text: 'no such file', error: 'no such file' },
    { kind: 'tool_result', result_text: '{"n":[1,2]}' },
    { kind: 'tool_result', result_text: '', error: 'cut off' },
    { kind: 'environment', text: '[grading] boom', error: '[grading] boom' },
    { kind: 'subagent', trace_id: 'sub-1', content: 'done', status: 'completed' },
  ]);
});

test('Z3: a picture is a link, one too small to be kept apart is inside it', async () => {
  await using at = await startReporting();
  await at.call('POST', `/v2/trace/${T}/enter`);
  const sha256 = 'ab'.repeat(32);
  const reference = `hud-blob:sha256=${sha256};bytes=9000;as=base64;type=image/png`;
  await at.record(T, [
    { ...TOOL, result: { content: [{ type: 'image', data: reference, mimeType: 'image/png' }], isError: false } },
    {
      ...TOOL,
      step_id: 5,
      result: {
        content: [
          { type: 'image', data: 'AAAA', mimeType: 'image/png' },
          { type: 'text', text: 'hud-blob:text=hud-blob:x' },
        ],
        isError: false,
      },
    },
  ]);
  const { events } = (await at.call('GET', `/v2/trace/${T}/events`)).body;
  expect(events).toMatchObject([
    {
      result_text: '',
      artifacts: [{ type: 'image', mime_type: 'image/png', size_bytes: 9000, sha256, url: `http://platform.test/v2/blobs/${sha256}` }],
    },
    { result_text: 'hud-blob:x', artifacts: [{ type: 'image', size_bytes: 3, url: 'data:image/png;base64,AAAA' }] },
  ]);
});

test('files, robots and unknown kinds are told only when they are asked for', async () => {
  await using at = await startReporting();
  await at.call('POST', `/v2/trace/${T}/enter`);
  await at.record(T, [LAST]);
  await at.record(T, [{ patches: [] }], 'hud.filetracking.v1');
  await at.record(T, [{ tick: 1 }], 'hud.robot.step.v1');
  await at.record(T, [{ anything: 1 }], 'hud.future.v9');
  await at.record(T, [{ source: 'future', step_id: 9 }]);
  const kinds = async (query: string): Promise<unknown[]> =>
    (await at.call('GET', `/v2/trace/${T}/events${query}`)).body.events.map(({ kind }) => kind);
  expect(await kinds('')).toEqual(['agent_message']);
  expect(new Set(await kinds('?kinds=all'))).toEqual(new Set(['agent_message', 'files', 'other', 'robot']));
  expect((await at.call('GET', `/v2/trace/${T}/events?limit=1&kinds=all`)).body).toMatchObject({
    events: [{ kind: 'agent_message' }],
    truncated: true,
  });
});

test('R2: the events of a run that nobody told of are absent', async () => {
  await using at = await startReporting();
  expect(await at.call('GET', `/v2/trace/${T}/events`)).toEqual({ status: 404, body: { detail: `There is no run ${T}.` } });
});

test('spans are read as they were recorded, page by page', async () => {
  await using at = await startReporting();
  await at.call('POST', `/v2/trace/${T}/enter`);
  await at.record(T, STEPS);
  const first = (await at.call('GET', `/v2/trace/${T}/spans?limit=4`)).body;
  const second = (await at.call('GET', `/v2/trace/${T}/spans?limit=4&cursor=${String(first.next_cursor)}`)).body;
  expect([first.items.length, second.items.length, second.next_cursor]).toEqual([4, 2, undefined]);
  expect([...first.items, ...second.items].map((span) => (span.attributes as Record<string, unknown>)['hud.payload'])).toEqual(STEPS);
});

test('a reference to bytes that the team never sent stays a reference', async () => {
  await using at = await startReporting();
  const sha256 = await at.context.store.putBlob(Buffer.from('secret of another team'), 'image/png');
  await at.call('POST', `/v2/trace/${T}/enter`);
  const reference = `hud-blob:sha256=${sha256};bytes=22;as=base64;type=image/png`;
  await at.record(T, [{ ...TOOL, result: { content: [{ type: 'image', data: reference, mimeType: 'image/png' }], isError: false } }]);
  const text = JSON.stringify((await at.call('GET', `/v2/trace/${T}/spans?blobs=inline`)).body);
  expect(text).toContain(reference);
  expect(text).not.toContain(Buffer.from('secret').toString('base64').slice(0, 8));
});
