import { describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import {
  claudeAgent,
  createAgent,
  geminiAgent,
  nop,
  openaiAgent,
  openaiCompatibleAgent,
  oracle,
  type Agent,
  type ToolAgentConfig,
} from '../src/agents/index.ts';
import type { Run } from '../src/client/index.ts';
import { Environment } from '../src/environment/index.ts';
import { Taskset } from '../src/eval/index.ts';
import { HudError } from '../src/protocol/index.ts';
import { LocalRuntime } from '../src/runtime/index.ts';
import { scriptedModel, type ModelServer, type ModelTurn } from '../src/testing/index.ts';
import { PIXEL, mcpServer } from './mcp-server.ts';

interface Provider {
  name: string;
  make: (server: ModelServer, config?: ToolAgentConfig) => Agent;
}

const PROVIDERS: Provider[] = [
  { name: 'claude', make: (server, config) => claudeAgent({ apiKey: 'k', baseUrl: server.baseUrls.anthropic, ...config }) },
  { name: 'openai', make: (server, config) => openaiAgent({ apiKey: 'k', baseUrl: server.baseUrls.openai, ...config }) },
  {
    name: 'openai_compatible',
    make: (server, config) => openaiCompatibleAgent({ apiKey: 'k', baseUrl: server.baseUrls.openai, ...config }),
  },
  { name: 'gemini', make: (server, config) => geminiAgent({ apiKey: 'k', baseUrl: server.baseUrls.gemini, ...config }) },
];
const CASES = PROVIDERS.flatMap((provider) =>
  [true, false].map((stream) => ({ ...provider, stream, title: `${provider.name}${stream ? ', streaming' : ''}` })),
);

/** One run of the agent on a task whose answer is `42`, with the tools of the MCP servers named. */
async function runOn(agent: Agent, options: { tools?: Record<string, string>; prompt?: unknown; token?: string } = {}): Promise<Run> {
  const env = new Environment('sum');
  for (const [name, url] of Object.entries(options.tools ?? {})) {
    env.addCapability({
      name,
      protocol: 'mcp/2025-11-25',
      url,
      params: { transport: 'streamable-http', ...(options.token ? { auth_token: options.token } : {}) },
    });
  }
  const ask = env.template({ id: 'ask', args: z.object({}), solution: () => 42 }, async function* () {
    const answer = yield options.prompt ?? 'What is 40 + 2?';
    yield answer === '42' ? 1 : 0;
  });
  const job = await new Taskset('sum', [ask({})]).run(agent, { runtime: new LocalRuntime(env), store: false });
  return job.runs[0] as Run;
}

const steps = (run: Run, source: string): Record<string, unknown>[] => run.trace.steps.filter((step) => step.source === source);

describe.each(CASES)('$title', ({ make, stream, name }) => {
  const play = async (
    turns: ModelTurn[],
    config: ToolAgentConfig = {},
    options: Parameters<typeof runOn>[1] = {},
  ): Promise<{ run: Run; server: ModelServer }> => {
    await using server = await scriptedModel(turns);
    return { run: await runOn(make(server, { stream, maxRetries: 0, ...config }), options), server };
  };

  test('a plain answer is graded, with usage and the model on the step', async () => {
    const { run, server } = await play([{ text: '42', usage: { promptTokens: 11, completionTokens: 3, cachedTokens: 5 } }], {
      systemPrompt: 'Be brief.',
    });
    expect(run).toMatchObject({ class: 'graded', reward: 1, trace: { status: 'completed', stopReason: 'done', content: '42' } });
    expect(steps(run, 'agent')).toMatchObject([
      { content: '42', done: true, usage: { promptTokens: 11, completionTokens: 3, cachedTokens: 5, llmCallCount: 1 } },
    ]);
    expect(server.requests).toMatchObject([
      { stream, system: 'Be brief.', messages: [{ role: 'user', text: 'What is 40 + 2?' }], tools: [] },
    ]);
  });

  test('a tool of an MCP server is called and its result goes back', async () => {
    await using tools = await mcpServer({ token: 'secret' });
    const { run, server } = await play(
      [{ text: 'Let me add.', toolCalls: [{ name: 'add', arguments: { a: 40, b: 2 } }] }, { text: '42' }],
      {},
      { tools: { calc: tools.url }, token: 'secret' },
    );
    expect(run).toMatchObject({ class: 'graded', reward: 1 });
    expect(tools.calls).toEqual(['add 40 2 undefined']);
    expect(run.trace.steps.map((step) => step.source)).toEqual(['task', 'user', 'agent', 'tool', 'agent', 'task']);
    expect(steps(run, 'tool')).toMatchObject([
      { call: { name: 'add', arguments: { a: 40, b: 2 } }, result: { content: [{ type: 'text', text: '42' }], isError: false } },
    ]);
    expect(server.requests[0]?.tools).toEqual(['add', 'fail', 'slow', 'picture']);
    const last = server.requests[1]?.messages.at(-1);
    expect(last).toMatchObject({ role: 'tool' });
    expect(last?.toolResults?.[0]?.text).toContain('42');
    if (name === 'openai')
      expect(server.requests[1]?.body).toMatchObject({
        previous_response_id: expect.any(String) as string,
        input: [{ type: 'function_call_output' }],
      });
  });

  test('failing, unknown and slow tools are answered, and the model goes on', async () => {
    await using tools = await mcpServer();
    const { run } = await play(
      [
        { toolCalls: [{ name: 'fail', arguments: {} }] },
        { toolCalls: [{ name: 'nope', arguments: {} }] },
        { toolCalls: [{ name: 'slow', arguments: {} }] },
        { text: '42' },
      ],
      { toolTimeoutSeconds: 0.3 },
      { tools: { calc: tools.url } },
    );
    expect(run.reward).toBe(1);
    expect(steps(run, 'tool').map(({ result }) => (result as { content: { text: string }[] }).content[0]?.text)).toEqual([
      'no such thing',
      "unknown tool: 'nope'",
      'slow did not finish within 0.3 s and was stopped. Try something shorter.',
    ]);
  });

  test('a picture in a result reaches the model', async () => {
    await using tools = await mcpServer();
    const { run, server } = await play(
      [{ toolCalls: [{ name: 'picture', arguments: {} }] }, { text: '42' }],
      {},
      { tools: { calc: tools.url } },
    );
    expect(run.reward).toBe(1);
    expect(JSON.stringify(server.requests[1]?.body)).toContain(PIXEL);
  });

  test('a picture in the prompt reaches the model', async () => {
    const prompt = [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is it?' },
          { type: 'image', data: PIXEL, mimeType: 'image/png' },
        ],
      },
    ];
    const { run, server } = await play([{ text: '42' }], {}, { prompt });
    expect(run.class).toBe('graded');
    expect(JSON.stringify(server.requests[0]?.body)).toContain(PIXEL);
  });

  test.skipIf(name === 'gemini')('malformed arguments are never executed, and asked for again (Gemini ends the turn itself)', async () => {
    await using tools = await mcpServer();
    const { run } = await play(
      [{ toolCalls: [{ name: 'add', arguments: '{"a": 40, "b"' }] }, { text: '42' }],
      {},
      { tools: { calc: tools.url } },
    );
    expect(run.reward).toBe(1);
    expect(tools.calls).toEqual([]);
    expect(steps(run, 'agent')[0]).toMatchObject({ toolCalls: [{ arguments: '{"a": 40, "b"' }] });
    expect(steps(run, 'tool')[0]).toMatchObject({
      result: { isError: true, content: [{ text: expect.stringContaining('not a complete JSON object: {"a": 40, "b"') as string }] },
    });
  });

  test('the limit of steps, and of a reply, are told apart from being done', async () => {
    await using tools = await mcpServer();
    const call: ModelTurn = { toolCalls: [{ name: 'add', arguments: { a: 1, b: 1 } }] };
    expect((await play([call, call], { maxSteps: 2 }, { tools: { calc: tools.url } })).run).toMatchObject({
      class: 'graded',
      trace: { status: 'completed', stopReason: 'max_steps' },
    });
    expect((await play([{ text: '42 and', finishReason: 'length' }])).run).toMatchObject({
      class: 'graded',
      reward: 0,
      trace: { stopReason: 'length' },
    });
    expect((await play([], { maxSteps: 0 })).run).toMatchObject({
      class: 'graded',
      trace: { status: 'completed', stopReason: 'max_steps' },
    });
  });

  test.each([
    [{ status: 401 }, 'MODEL_REFUSED'],
    [{ status: 429, retryAfter: 7 }, 'MODEL_RATE_LIMITED'],
    [{ status: 529 }, 'MODEL_RATE_LIMITED'],
    [{ status: 500 }, 'MODEL_UNAVAILABLE'],
    [{ status: 400 }, 'MODEL_BAD_REQUEST'],
    [{ cutMidStream: true as const }, 'MODEL_UNAVAILABLE'],
  ] as const)('fault %o is a fault of the provider: %s', async (fault, code) => {
    const { run } = await play([{ text: '42, said in a longer sentence', fault }]);
    expect(run).toMatchObject({ class: 'provider', error: { code }, trace: { content: undefined, status: 'error' } });
    if ('retryAfter' in fault && name !== 'gemini') expect(run.error?.data).toMatchObject({ status: 429, retryAfterMs: 7_000 });
  });

  test('after a rate limit and an outage the turn is tried again, and says so', async () => {
    const { run, server } = await play(
      [{ fault: { status: 429, retryAfter: 0 } }, { fault: { status: 503, retryAfter: 0 } }, { text: '42' }],
      { maxRetries: 3 },
    );
    expect(run).toMatchObject({ class: 'graded', reward: 1 });
    expect(server.requests).toHaveLength(3);
    expect(steps(run, 'agent')).toMatchObject([{ extra: { retries: 2 } }]);
  });

  test('a model that never answers ends with the deadline of the agent', async () => {
    const { run } = await play([{ fault: { hang: true } }], { timeoutSeconds: 0.3 });
    expect(run).toMatchObject({ class: 'graded', reward: 0, trace: { stopReason: 'timeout' } });
  });

  test('one instance drives many runs at once', async () => {
    await using server = await scriptedModel(({ messages }) => ({ text: messages[0]?.text ?? '' }));
    const agent = make(server, { stream });
    const runs = await Promise.all(
      Array.from({ length: 20 }, async (_, n) => await runOn(agent, { prompt: n % 2 === 0 ? '42' : String(n) })),
    );
    expect(runs.map((run) => run.trace.content)).toEqual(runs.map((_, n) => (n % 2 === 0 ? '42' : String(n))));
  });
});

test('tools of several MCP servers are told apart by name', async () => {
  await using a = await mcpServer();
  await using b = await mcpServer();
  await using server = await scriptedModel([{ toolCalls: [{ name: 'right__add', arguments: { a: 1, b: 2, note: 'x' } }] }, { text: '42' }]);
  await runOn(PROVIDERS[2]?.make(server) as Agent, { tools: { left: a.url, right: b.url } });
  expect(server.requests[0]?.tools).toContain('left__add');
  expect([a.calls, b.calls]).toEqual([[], ['add 1 2 x']]);
});

test('an MCP server that can not be reached ends the run as sandbox', async () => {
  await using server = await scriptedModel([{ text: '42' }]);
  const run = await runOn(PROVIDERS[0]?.make(server) as Agent, { tools: { calc: 'http://127.0.0.1:9/mcp' } });
  expect(run).toMatchObject({ class: 'sandbox', error: { code: 'CAPABILITY_FAILED' } });
  expect(server.requests).toEqual([]);
});

test('an MCP server that is lost while the agent works ends the run as sandbox', async () => {
  const tools = await mcpServer();
  await using server = await scriptedModel(async ({ index }) => {
    if (index === 0) await tools[Symbol.asyncDispose]();
    return index === 0 ? { toolCalls: [{ name: 'add', arguments: { a: 1, b: 2 } }] } : { text: '42' };
  });
  const run = await runOn(PROVIDERS[0]?.make(server) as Agent, { tools: { calc: tools.url } });
  expect(run).toMatchObject({ class: 'sandbox', error: { code: 'CAPABILITY_FAILED' } });
  expect(server.requests).toHaveLength(1);
});

test.each(PROVIDERS)('$name: a stream that stalls ends the run as provider, without a second request', async ({ make }) => {
  await using server = await scriptedModel([{ text: 'An answer in many pieces. '.repeat(9), fault: { stallAfterEvents: 6 } }]);
  const started = performance.now();
  const run = await runOn(make(server, { streamPatienceSeconds: 0.3, responseTimeoutSeconds: 60 }));
  expect(run).toMatchObject({ class: 'provider', error: { code: 'MODEL_UNAVAILABLE' }, trace: { content: undefined } });
  expect(performance.now() - started).toBeLessThan(5_000);
  expect(server.requests).toHaveLength(1);
});

test('optional arguments that a strict schema sends as null never reach the tool', async () => {
  await using tools = await mcpServer();
  await using server = await scriptedModel([{ toolCalls: [{ name: 'add', arguments: { a: 1, b: 2, note: null } }] }, { text: '42' }]);
  await runOn(PROVIDERS[1]?.make(server) as Agent, { tools: { calc: tools.url } });
  expect(tools.calls).toEqual(['add 1 2 undefined']);
});

test('stopOn ends before a truncated or malformed call is executed', async () => {
  await using tools = await mcpServer();
  const turns: ModelTurn[] = [{ finishReason: 'length', toolCalls: [{ name: 'add', arguments: { a: 1, b: 2 } }] }];
  await using server = await scriptedModel(turns);
  const run = await runOn(PROVIDERS[2]?.make(server, { stopOn: ['length'] }) as Agent, { tools: { calc: tools.url } });
  expect(run.trace.stopReason).toBe('length');
  await using other = await scriptedModel([{ toolCalls: [{ name: 'add', arguments: '{"a"' }] }]);
  const malformed = await runOn(PROVIDERS[2]?.make(other, { stopOn: ['malformed_tool_call'] }) as Agent, { tools: { calc: tools.url } });
  expect(malformed.trace.stopReason).toBe('malformed_tool_call');
  expect(tools.calls).toEqual([]);
});

test('autoRespond keeps the model going until it is satisfied', async () => {
  await using server = await scriptedModel([{ text: 'shall I go on?' }, { text: '42' }]);
  const run = await runOn(
    PROVIDERS[0]?.make(server, { autoRespond: async (text) => (text.endsWith('?') ? 'CONTINUE' : undefined) }) as Agent,
  );
  expect(run.reward).toBe(1);
  expect(server.requests[1]?.messages.at(-1)).toMatchObject({ role: 'user', text: 'CONTINUE' });
  expect(steps(run, 'user')).toHaveLength(2);
});

test('the built-in responder asks a small model whether the agent is done', async () => {
  await using server = await scriptedModel(({ model, messages }) => {
    if (model === 'gpt-5') return { text: messages.at(-1)?.text.endsWith('?') === true ? 'CONTINUE' : 'STOP' };
    return { text: messages.length === 1 ? 'Shall I?' : '42' };
  });
  vi.stubEnv('OPENAI_API_KEY', 'k');
  vi.stubEnv('OPENAI_BASE_URL', server.baseUrls.openai);
  try {
    const run = await runOn(claudeAgent({ apiKey: 'k', baseUrl: server.baseUrls.anthropic, autoRespond: true }));
    expect(run.reward).toBe(1);
    expect(server.requests.filter(({ model }) => model === 'gpt-5')).toHaveLength(2);
  } finally {
    vi.unstubAllEnvs();
  }
});

test('sampled tokens are captured, and the next prompt extends them', async () => {
  await using tools = await mcpServer();
  await using server = await scriptedModel([
    { toolCalls: [{ name: 'add', arguments: { a: 1, b: 2 } }], promptTokenIds: [1, 2], tokenIds: [3, 4], logprobs: [-0.5, -0.25] },
    { text: '42', promptTokenIds: [1, 2, 3, 4, 5], tokenIds: [6], logprobs: [-0.125] },
  ]);
  const agent = openaiCompatibleAgent({
    apiKey: 'k',
    baseUrl: server.baseUrls.openai,
    systemPrompt: 's',
    checkpoint: 'step-2',
    completionKwargs: { temperature: 1, model: 'ignored', extra_body: { return_token_ids: true } },
  });
  const run = await runOn(agent, { tools: { calc: tools.url } });
  expect(steps(run, 'agent').map(({ sample }) => sample)).toEqual([
    { promptTokenIds: [1, 2], outputTokenIds: [3, 4], outputLogprobs: [-0.5, -0.25] },
    { promptTokenIds: [1, 2, 3, 4, 5], outputTokenIds: [6], outputLogprobs: [-0.125] },
  ]);
  expect(server.requests[0]?.body).toMatchObject({
    return_token_ids: true,
    logprobs: true,
    temperature: 1,
    model: 'gpt-5.4-mini',
    checkpoint: 'step-2',
  });
  expect(server.requests[0]?.body).not.toHaveProperty('prompt_token_ids');
  expect(server.requests[1]?.body).toMatchObject({ prompt_token_ids: [1, 2, 3, 4], continuation_from: 2 });
});

test('reasoning is recorded, and replayed where the server keeps none', async () => {
  await using tools = await mcpServer();
  await using server = await scriptedModel([{ reasoning: 'hm', toolCalls: [{ name: 'add', arguments: { a: 1, b: 2 } }] }, { text: '42' }]);
  const run = await runOn(PROVIDERS[2]?.make(server) as Agent, { tools: { calc: tools.url } });
  expect(steps(run, 'agent')[0]).toMatchObject({ reasoning: 'hm' });
  expect(JSON.stringify(server.requests[1]?.body)).toContain('hm');
});

test('oracle runs the solution, nop does nothing', async () => {
  expect(await runOn(oracle)).toMatchObject({ class: 'graded', reward: 1, trace: { content: '42' } });
  expect(await runOn(nop)).toMatchObject({ class: 'graded', reward: 0, trace: { content: undefined } });
  expect(await runOn(await createAgent('oracle'))).toMatchObject({ reward: 1 });
});

test("a task's overrides reach the model", async () => {
  await using server = await scriptedModel([{ text: '42' }]);
  const agent = PROVIDERS[0]?.make(server).withConfig?.({ model: 'claude-other', systemPrompt: 'override' }) as Agent;
  await runOn(agent);
  expect(server.requests[0]).toMatchObject({ model: 'claude-other', system: 'override' });
});

test('a missing key is an error before anything runs, naming the variable and the way without one', async () => {
  const error: unknown = await createAgent('claude', { via: 'provider', apiKey: undefined }).catch((cause: unknown) => cause);
  if (process.env.ANTHROPIC_API_KEY === undefined) {
    expect(error).toBeInstanceOf(HudError);
    expect(error).toMatchObject({
      code: 'MODEL_KEY_MISSING',
      message: expect.stringContaining('ANTHROPIC_API_KEY') as string,
      hint: expect.stringContaining('oracle') as string,
    });
  }
});
