import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { connect, Run } from '../client/index.ts';
import { Environment, bind } from '../environment/index.ts';
import type { HudError } from '../protocol/errors.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { Step } from '../protocol/trace.ts';
import { scriptedModel, type ModelScript, type ModelServer, type ModelTurn } from '../testing/index.ts';
import { mcpServer } from '../../test/mcp-server.ts';
import type { Agent } from './agent.ts';
import { claudeAgent } from './claude.ts';
import type { ToolAgentConfig } from './config.ts';
import { openaiCompatibleAgent, type OpenAICompatibleConfig } from './openai-compatible.ts';

interface Played {
  run: Run;
  server: ModelServer;
  error: unknown;
}

interface Stage {
  agent: (server: ModelServer) => Agent;
  /** Addresses of MCP servers by capability. */
  tools?: Record<string, string>;
  signal?: AbortSignal;
}

/** One run of the agent on a real environment, against a scripted model. */
async function play(script: ModelScript, { agent, tools = {}, signal = new AbortController().signal }: Stage): Promise<Played> {
  const capabilities = Object.entries(tools).map(([name, url]) => ({ name, protocol: 'mcp/2025-11-25', url }));
  const environment = new Environment('stage', { capabilities });
  const ask = environment.template({ id: 'ask', args: z.object({}) }, async function* () {
    yield 'What now?';
    yield 1;
  });
  await using model = await scriptedModel(script);
  await using server = await bind(environment, { port: 0 });
  await using client = await connect(server);
  const run = await Run.start(client, ask({}));
  const error: unknown = await agent(model)
    .run(run, { signal })
    .then(
      () => undefined,
      (cause: unknown) => cause,
    );
  return { run, server: model, error };
}

/** Lists `add` and refuses every call; or takes the call, answers so many pings and then nothing. */
async function refusingServer({ pingsAnswered = 0 } = {}): Promise<AsyncDisposable & { url: string }> {
  let pings = 0;
  const answers: Record<string, () => JsonObject | undefined> = {
    initialize: () => ({
      result: { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: { name: 'refuser', version: '1' } },
    }),
    'tools/list': () => ({ result: { tools: [{ name: 'add', inputSchema: { type: 'object' } }] } }),
    'tools/call': () => (pingsAnswered > 0 ? undefined : { error: { code: -32_603, message: 'not today' } }),
    ping: () => (++pings <= pingsAnswered ? { result: {} } : undefined),
  };
  const http = createServer((request, response) => {
    void (async () => {
      if (request.method !== 'POST') return response.writeHead(405).end();
      const { id, method } = JSON.parse(await text(request)) as { id?: number; method: string };
      if (id === undefined) return response.writeHead(202).end();
      const answer = answers[method]?.();
      if (answer === undefined) return undefined;
      return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
    })();
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`,
    async [Symbol.asyncDispose]() {
      const closed = once(http, 'close');
      http.close();
      http.closeAllConnections();
      await closed;
    },
  };
}

const claude =
  (config: ToolAgentConfig = {}) =>
  (server: ModelServer): Agent =>
    claudeAgent({ apiKey: 'k', baseUrl: server.baseUrls.anthropic, maxRetries: 0, ...config });
const chat =
  (config: OpenAICompatibleConfig = {}) =>
  (server: ModelServer): Agent =>
    openaiCompatibleAgent({ apiKey: 'k', baseUrl: server.baseUrls.openai, maxRetries: 0, ...config });

const ADD: ModelTurn = { text: 'Adding.', toolCalls: [{ name: 'add', arguments: { a: 1, b: 2 } }] };

function ofSource<S extends Step['source']>(run: Run, source: S): Extract<Step, { source: S }>[] {
  return run.trace.steps.filter((step): step is Extract<Step, { source: S }> => step.source === source);
}

describe('the end of a run', () => {
  test('an answer, the reason and the status are there only once it is over', async () => {
    await using tools = await mcpServer();
    const { run, error } = await play([ADD, { fault: { status: 500 } }], { agent: claude(), tools: { calc: tools.url } });
    expect(error).toMatchObject({ code: 'MODEL_UNAVAILABLE', faultClass: 'provider' });
    expect(run.trace).toMatchObject({ content: undefined, stopReason: undefined, status: undefined });
    expect(ofSource(run, 'agent')).toMatchObject([{ content: 'Adding.' }]);
    expect(ofSource(run, 'system')).toEqual([]);
  });

  test('at the limit of turns the answer is what the last one said', async () => {
    await using tools = await mcpServer();
    const { run } = await play([ADD], { agent: claude({ maxSteps: 1 }), tools: { calc: tools.url } });
    expect(run.trace).toMatchObject({ content: 'Adding.', stopReason: 'max_steps', status: 'completed' });
    expect(tools.calls).toHaveLength(1);
  });

  test.each([0, -1])('a limit of %i turns asks nobody', async (maxSteps) => {
    const { run, server } = await play([], { agent: claude({ maxSteps }) });
    expect(run.trace).toMatchObject({ content: undefined, status: 'completed' });
    expect(server.requests).toEqual([]);
  });

  test('ten turns are the default', async () => {
    await using tools = await mcpServer();
    const { run, server } = await play(() => ADD, { agent: chat(), tools: { calc: tools.url } });
    expect(run.trace.stopReason).toBe('max_steps');
    expect(server.requests).toHaveLength(10);
  });

  test('a truncated turn with calls goes on unless the run should stop at it', async () => {
    await using tools = await mcpServer();
    const cut: ModelTurn = { ...ADD, finishReason: 'length' };
    const goes = await play([cut, { text: 'Done.' }], { agent: chat(), tools: { calc: tools.url } });
    expect(goes.run.trace).toMatchObject({ content: 'Done.', stopReason: 'done' });
    const stops = await play([cut], { agent: chat({ stopOn: ['length'] }), tools: { calc: tools.url } });
    expect(stops.run.trace).toMatchObject({ content: 'Adding.', stopReason: 'length' });
    expect(tools.calls).toHaveLength(1);
  });
});

test('a reply that stalls halfway is not asked for again: it was paid for', async () => {
  const turns: ModelTurn[] = [{ text: 'A text in several pieces.', fault: { stallAfterEvents: 4 } }, { text: 'never' }];
  const { server, error } = await play(turns, { agent: claude({ streamPatienceSeconds: 0.2, maxRetries: 3 }) });
  expect(error).toMatchObject({ code: 'MODEL_UNAVAILABLE', message: expect.stringContaining('stream stopped') as string });
  expect(server.requests).toHaveLength(1);
});

describe('tool calls', () => {
  test('several of one turn run one after the other and are answered together', async () => {
    await using tools = await mcpServer();
    const calls = [1, 2, 3].map((a) => ({ name: 'add', arguments: { a, b: 0 } }));
    const { run, server } = await play([{ toolCalls: calls }, { text: 'Done.' }], { agent: chat(), tools: { calc: tools.url } });
    expect(tools.calls).toEqual(['add 1 0 undefined', 'add 2 0 undefined', 'add 3 0 undefined']);
    expect(server.requests[1]?.messages.at(-1)?.toolResults?.map(({ text }) => text)).toEqual(['1', '2', '3']);
    const steps = ofSource(run, 'tool');
    expect(steps.map(({ call, result }) => call.id === result.callId)).toEqual([true, true, true]);
    for (const [i, step] of steps.entries())
      expect(step.startedAt! <= step.endedAt! && (i === 0 || steps[i - 1]!.endedAt! <= step.startedAt!)).toBe(true);
  });

  test('a server that goes away ends the run as a fault of the sandbox, which the model is not told', async () => {
    const tools = await mcpServer();
    const script = async ({ index }: { index: number }): Promise<ModelTurn> => {
      if (index === 0) await tools[Symbol.asyncDispose]();
      return index === 0 ? ADD : { text: 'Sorry.' };
    };
    const { run, server, error } = await play(script, { agent: claude(), tools: { calc: tools.url } });
    expect(error).toMatchObject({
      code: 'CAPABILITY_FAILED',
      faultClass: 'sandbox',
      message: expect.stringMatching(/^MCP add on 'calc' failed/) as string,
    });
    expect(server.requests).toHaveLength(1);
    expect(run.trace).toMatchObject({ content: undefined, status: undefined });
    expect(ofSource(run, 'tool')).toEqual([]);
  });

  test('a server that refuses a call is told to the model as a failed tool', async () => {
    await using tools = await refusingServer();
    const { run } = await play([ADD, { text: 'Sorry.' }], { agent: claude(), tools: { calc: tools.url } });
    expect(run.trace).toMatchObject({ content: 'Sorry.', status: 'completed' });
    expect(ofSource(run, 'tool')).toMatchObject([
      { result: { isError: true, content: [{ text: "tool error: MCP add on 'calc' failed: MCP error -32603: not today" }] } },
    ]);
  });

  test('a server that falls silent while a tool runs ends the run as a fault of the sandbox', async () => {
    await using tools = await refusingServer({ pingsAnswered: 1 });
    const agent = claude({ toolPatienceSeconds: 0.3 });
    const { error } = await play([ADD, { text: 'never' }], { agent, tools: { calc: tools.url } });
    expect(error).toMatchObject({
      code: 'CAPABILITY_FAILED',
      faultClass: 'sandbox',
      message: "The MCP server 'calc' stopped answering while tool 'add' ran: no sign of life for 0.3 s.",
    });
  });

  test('of malformed arguments two hundred characters are quoted', async () => {
    await using tools = await mcpServer();
    const long = `{"a": "${'x'.repeat(500)}`;
    const { run } = await play([{ toolCalls: [{ name: 'add', arguments: long }] }, { text: 'Sorry.' }], {
      agent: chat(),
      tools: { calc: tools.url },
    });
    const text = ofSource(run, 'tool')[0]?.result.content?.[0]?.text ?? '';
    expect(text).toContain(`${long.slice(0, 200)}…`);
    expect(text).not.toContain(long.slice(0, 201));
    expect(tools.calls).toEqual([]);
  });

  test('an interrupt ends a call that hangs, with its reason', async () => {
    await using tools = await mcpServer();
    const abort = new AbortController();
    const reason = new Error('enough');
    const script = ({ index }: { index: number }): ModelTurn => {
      if (index > 0) return { text: 'never' };
      setTimeout(() => abort.abort(reason), 50); // once the call is under way; earlier would do as well
      return { toolCalls: [{ name: 'slow', arguments: {} }] };
    };
    const { error, run } = await play(script, { agent: claude(), tools: { calc: tools.url }, signal: abort.signal });
    expect(error).toBe(reason);
    expect(ofSource(run, 'tool')).toEqual([]);
  });
});

describe("failures of the model's API", () => {
  test('are tried again as often as said, and the last one tells how often', async () => {
    const { error, server } = await play(() => ({ fault: { status: 503, retryAfter: 0 } }), { agent: claude({ maxRetries: 2 }) });
    expect(error).toMatchObject({
      code: 'MODEL_UNAVAILABLE',
      message: expect.stringContaining('3 tries') as string,
      data: { status: 503, retries: 2 },
    });
    expect(server.requests).toHaveLength(3);
  });

  test('wait without being told how long, too', async () => {
    const { run, server } = await play([{ fault: { status: 500 } }, { text: 'Here.' }], { agent: claude({ maxRetries: 1 }) });
    expect(run.trace.content).toBe('Here.');
    expect(server.requests).toHaveLength(2);
    expect(ofSource(run, 'agent')).toMatchObject([{ extra: { retries: 1, failures: [expect.stringContaining('500')] } }]);
  });

  test("of the caller's making are not tried again", async () => {
    for (const status of [400, 401, 404]) {
      const { error, server } = await play(() => ({ fault: { status } }), { agent: claude({ maxRetries: 3 }) });
      expect((error as HudError).faultClass).toBe('provider');
      expect(server.requests).toHaveLength(1);
    }
  });

  test('a wait between tries ends with an interrupt', async () => {
    const abort = new AbortController();
    const reason = new Error('enough');
    const script = (): ModelTurn => {
      setTimeout(() => abort.abort(reason), 50);
      return { fault: { status: 429, retryAfter: 20 } };
    };
    const startedAt = performance.now();
    const { error } = await play(script, { agent: claude({ maxRetries: 3 }), signal: abort.signal });
    expect(error).toBe(reason);
    expect(performance.now() - startedAt).toBeLessThan(15_000);
  });
});

describe('autoRespond', () => {
  test('that never answers ends the run with the limit of a response', async () => {
    const agent = claude({ autoRespond: async () => await new Promise(() => {}), responseTimeoutSeconds: 0.2 });
    const { error } = await play([{ text: 'Shall I?' }], { agent });
    expect(error).toMatchObject({ code: 'AGENT_FAILED', message: 'autoRespond did not answer within 0.2 s.' });
  });

  test('hears the text, and what it says goes to the model', async () => {
    const heard: string[] = [];
    const autoRespond = async (text: string): Promise<string | undefined> => {
      heard.push(text);
      return await Promise.resolve(text === 'Shall I?' ? 'Do.' : undefined);
    };
    const { run, server } = await play([{ text: 'Shall I?' }, { text: 'Done.' }], { agent: claude({ autoRespond }) });
    expect(heard).toEqual(['Shall I?', 'Done.']);
    expect(run.trace).toMatchObject({ content: 'Done.', stopReason: 'done' });
    expect(server.requests[1]?.messages.at(-1)).toMatchObject({ role: 'user', text: 'Do.' });
  });

  test('on the last turn that is allowed ends at the limit, not done', async () => {
    const { run } = await play([{ text: 'Shall I?' }], { agent: claude({ maxSteps: 1, autoRespond: () => Promise.resolve('Do.') }) });
    expect(run.trace).toMatchObject({ content: 'Shall I?', stopReason: 'max_steps', status: 'completed' });
  });
});

describe("a task's overrides", () => {
  test('replace settings in either spelling, and nulls replace nothing', async () => {
    const agent = (server: ModelServer): Agent =>
      claude({ systemPrompt: 'mine', maxSteps: 3 })(server).withConfig!({
        model: 'claude-x',
        system_prompt: null,
        maxSteps: null,
        max_tokens: 77,
        unheard_of: 1,
      });
    const { server } = await play([{ text: 'Hi' }], { agent });
    expect(server.requests[0]).toMatchObject({ model: 'claude-x', system: 'mine', body: { max_tokens: 77 } });
  });

  test("never send the caller's key to a server of the row's choice", async () => {
    await using stranger = await scriptedModel(() => ({ text: 'thanks' }));
    const row = { baseUrl: stranger.url, base_url: stranger.url, apiKey: 'theirs', api_key: 'theirs', via: 'gateway' };
    const { server } = await play([{ text: 'Hi' }], { agent: (model) => claude()(model).withConfig!(row) });
    expect(stranger.requests).toEqual([]);
    expect(server.requests[0]?.headers.authorization).toBe('Bearer k');
  });
});

test('what a turn cost is known with a price, cached tokens apart', async () => {
  const usage = { promptTokens: 1_000_000, completionTokens: 200_000, cachedTokens: 400_000 };
  const price = { prompt: 3, completion: 15, cached: 0.3 };
  const { run } = await play([{ text: 'Hi', usage }], { agent: claude({ price }) });
  expect(ofSource(run, 'agent')[0]?.usage?.costUsd).toBeCloseTo(0.6 * 3 + 0.4 * 0.3 + 0.2 * 15);
  const other = await play([{ text: 'Hi', usage }], { agent: (server) => claude({ price })(server).withConfig!({ model: 'claude-x' }) });
  expect(ofSource(other.run, 'agent')[0]?.usage).not.toHaveProperty('costUsd');
});

test('text is heard as it arrives, with the run that it belongs to', async () => {
  const heard: string[] = [];
  const traces = new Set<string>();
  const onText = (delta: string, { traceId }: { traceId: string }): void => {
    heard.push(delta);
    traces.add(traceId);
  };
  const { run } = await play([{ text: 'A long answer, in several pieces.' }], { agent: claude({ onText }) });
  expect(heard.length).toBeGreaterThan(1);
  expect(heard.join('')).toBe(run.trace.content);
  expect([...traces]).toEqual([run.traceId]);
});
