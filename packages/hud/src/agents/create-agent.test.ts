import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Run, Trace, type Client } from '../client/index.ts';
import { connect } from '../client/index.ts';
import { Environment, bind } from '../environment/index.ts';
import { Task } from '../protocol/task.ts';
import { scriptedModel, tempDir, type ModelServer, type TempDir } from '../testing/index.ts';
import type { Agent } from './agent.ts';
import { createAgent, type CreateAgentConfig } from './create-agent.ts';

const VARIABLES = [
  'ANTHROPIC_API_KEY',
  'ANTHROPIC_BASE_URL',
  'OPENAI_API_KEY',
  'OPENAI_BASE_URL',
  'GEMINI_API_KEY',
  'GEMINI_BASE_URL',
  'HUD_API_KEY',
  'HUD_BASE_URL',
  'HUD_GATEWAY_URL',
  'HUD_API_URL',
  'LOCAL_KEY',
];
const home = process.cwd();
let folder: TempDir;

beforeEach(async () => {
  folder = await tempDir();
  vi.stubEnv('HOME', folder.path);
  for (const name of VARIABLES) vi.stubEnv(name, undefined);
  process.chdir(folder.path);
});

afterEach(async () => {
  process.chdir(home);
  vi.unstubAllEnvs();
  await folder[Symbol.asyncDispose]();
});

function setAll(settings: Record<string, string>): void {
  for (const [name, value] of Object.entries(settings)) vi.stubEnv(name, value);
}

/** One run, on an environment that offers nothing. */
async function ask(agent: Agent): Promise<Run> {
  const environment = new Environment('plain');
  environment.template({ id: 'ask' }, async function* () {
    yield 'Hello';
    yield 1;
  });
  await using server = await bind(environment, { port: 0 });
  await using client: Client = await connect(server);
  const run = await Run.start(client, { task: new Task({ env: 'plain', id: 'ask' }), trace: new Trace('c'.repeat(32)) });
  await agent.run(run, { signal: new AbortController().signal });
  return run;
}

async function model(): Promise<ModelServer> {
  return await scriptedModel(() => ({ text: 'Hi' }));
}

async function catalogue(items: unknown[], status = 200): Promise<AsyncDisposable & { url: string; requests: string[] }> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${String(request.url)} ${String(request.headers.authorization)}`);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ items }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const VENDORS = [
  {
    name: 'claude-sonnet-4-6',
    key: 'ANTHROPIC_API_KEY',
    url: 'ANTHROPIC_BASE_URL',
    base: 'anthropic',
    header: 'authorization',
    bearer: true,
  },
  { name: 'gpt-5.6', key: 'OPENAI_API_KEY', url: 'OPENAI_BASE_URL', base: 'openai', header: 'authorization', bearer: true },
  { name: 'acme/model-1', key: 'OPENAI_API_KEY', url: 'OPENAI_BASE_URL', base: 'openai', header: 'authorization', bearer: true },
  { name: 'gemini-3-pro-preview', key: 'GEMINI_API_KEY', url: 'GEMINI_BASE_URL', base: 'gemini', header: 'x-goog-api-key', bearer: false },
] as const;

describe.each(VENDORS)('$name', ({ name, key, url, base, header, bearer }) => {
  const sent = (server: ModelServer): unknown => server.requests[0]?.headers[header];
  const shown = (value: string): string => (bearer ? `Bearer ${value}` : value);

  test('without any key is refused before anything runs, with what to set and how to go on without', async () => {
    const message = expect.stringContaining(key) as string;
    const hint = expect.stringMatching(/HUD_API_KEY.*oracle.*nop/s) as string;
    await expect(createAgent(name)).rejects.toMatchObject({ code: 'MODEL_KEY_MISSING', message, hint });
    vi.stubEnv('HUD_API_KEY', 'hud'); // of no use without a gateway: none is assumed
    await expect(createAgent(name)).rejects.toMatchObject({ code: 'MODEL_KEY_MISSING' });
  });

  test('what the caller passes wins over the environment', async () => {
    await using server = await model();
    setAll({ [key]: 'from-env', [url]: 'http://127.0.0.1:9' });
    expect((await ask(await createAgent(name, { apiKey: 'mine', baseUrl: server.baseUrls[base] }))).trace.content).toBe('Hi');
    expect(sent(server)).toBe(shown('mine'));
  });

  test("the vendor's key wins over the gateway's, and requests carry no trace", async () => {
    await using server = await model();
    setAll({ [key]: 'vendor', [url]: server.baseUrls[base], HUD_API_KEY: 'hud', HUD_GATEWAY_URL: 'http://127.0.0.1:9' });
    await ask(await createAgent(name));
    expect(sent(server)).toBe(shown('vendor'));
    expect(server.requests[0]?.headers).not.toHaveProperty('trace-id');
  });

  test('the gateway is used when it is asked for, and when it alone has a key; its requests name the run', async () => {
    for (const [config, env] of [
      [{ via: 'gateway' }, { [key]: 'vendor' }],
      [{}, {}],
    ] as [CreateAgentConfig, Record<string, string>][]) {
      await using server = await model();
      setAll({ ...env, HUD_API_KEY: 'hud', HUD_GATEWAY_URL: server.url });
      expect((await ask(await createAgent(name, config))).trace.content).toBe('Hi');
      expect(sent(server)).toBe(shown('hud'));
      expect(server.requests[0]?.headers['trace-id']).toBe('c'.repeat(32));
      vi.stubEnv(key, undefined);
    }
    await expect(createAgent(name, { via: 'provider' })).rejects.toMatchObject({ code: 'MODEL_KEY_MISSING' });
  });

  test("settings are found in the project's file, then in the user's", async () => {
    await using server = await model();
    await mkdir('.hud');
    await writeFile('.hud/.env', `${key}=user\n${url}=${server.baseUrls[base]}\n`);
    await ask(await createAgent(name));
    await writeFile('.env', `${key}="project"\n`);
    await ask(await createAgent(name));
    expect(server.requests.map(({ headers }) => headers[header])).toEqual([shown('user'), shown('project')]);
  });
});

test('a model that OpenAI does not have goes to the gateway although its key is set', async () => {
  await using server = await model();
  setAll({ OPENAI_API_KEY: 'vendor', HUD_API_KEY: 'hud', HUD_GATEWAY_URL: server.url });
  expect((await ask(await createAgent('kimi-k2.6'))).trace.content).toBe('Hi');
  expect(server.requests[0]).toMatchObject({ model: 'moonshotai/kimi-k2.6', headers: { authorization: 'Bearer hud' } });
  await using own = await model();
  await ask(await createAgent('kimi-k2.6', { baseUrl: own.baseUrls.openai }));
  expect(own.requests[0]).toMatchObject({ headers: { authorization: 'Bearer vendor' } });
});

test('a model of models.json runs on its own server with its own key, and its price is known', async () => {
  await using server = await model();
  setAll({ OPENAI_API_KEY: 'vendor', LOCAL_KEY: 'local' });
  const entry = {
    id: 'm1',
    name: 'Tiny',
    model_name: 'tiny-1',
    sdk_agent_type: 'openai_compatible',
    base_url: server.baseUrls.openai,
    api_key_variable: 'LOCAL_KEY',
    price: { prompt: 1_000_000, completion: 0 },
  };
  await writeFile('models.json', JSON.stringify([entry]));
  for (const name of ['m1', 'Tiny', 'tiny-1']) {
    const run = await ask(await createAgent(name));
    const [step] = run.trace.steps.filter((candidate) => candidate.source === 'agent');
    expect(step).toMatchObject({ model: 'tiny-1', usage: { promptTokens: expect.any(Number) as number } });
    expect(step?.usage?.costUsd).toBe(step?.usage?.promptTokens);
  }
  expect(server.requests).toHaveLength(3);
  expect(server.requests[0]).toMatchObject({ model: 'tiny-1', headers: { authorization: 'Bearer local' } });
});

test('a server of models.json gets its own key or none', async () => {
  await using server = await model();
  setAll({ OPENAI_API_KEY: 'vendor' });
  const entry = { model_name: 'tiny-1', sdk_agent_type: 'openai_compatible', base_url: server.baseUrls.openai };
  await writeFile('models.json', JSON.stringify([entry, { ...entry, model_name: 'tiny-2', api_key_variable: 'LOCAL_KEY' }]));
  await ask(await createAgent('tiny-1'));
  expect(server.requests[0]?.headers.authorization).not.toContain('vendor');
  await expect(createAgent('tiny-2')).rejects.toMatchObject({
    code: 'MODEL_KEY_MISSING',
    message: 'tiny-2 needs a key: LOCAL_KEY is not set.',
  });
});

test('another catalogue can be named, and must be there and in order', async () => {
  await using server = await model();
  const path = join(folder.path, 'elsewhere.json');
  await writeFile(path, JSON.stringify({ items: [{ model_name: 'mine', sdk_agent_type: 'claude', base_url: server.url }] }));
  expect(await createAgent('mine', {}, { modelsFile: path })).toMatchObject({ name: 'claude', model: 'mine' });
  await expect(createAgent('mine')).rejects.toMatchObject({ code: 'AGENT_UNKNOWN' });
  await writeFile(path, '[{ "model_name": 5 }]');
  await expect(createAgent('mine', {}, { modelsFile: path })).rejects.toMatchObject({
    code: 'BAD_CONFIG',
    message: expect.stringContaining('elsewhere.json') as string,
  });
  await expect(createAgent('mine', {}, { modelsFile: `${path}x` })).rejects.toMatchObject({ code: 'BAD_CONFIG' });
});

describe("the platform's catalogue", () => {
  test("is asked once for a name that nobody knows, and its models are the gateway's", async () => {
    await using gateway = await model();
    await using platform = await catalogue([
      // The address is the platform's affair: following it would hand a key to whoever it names.
      {
        id: 'u-1',
        name: 'Arith',
        model_name: 'arith-rl',
        sdk_agent_type: 'openai_compatible',
        is_trainable: true,
        provider: { name: 'hud' },
        base_url: 'http://127.0.0.1:9',
      },
      { id: 'u-2', name: 'Old', model_name: 'old-1', sdk_agent_type: 'operator' },
      { id: 'u-3', name: 'Embedder', model_name: 'embed-1', sdk_agent_type: null },
    ]);
    setAll({ HUD_API_KEY: 'hud', HUD_BASE_URL: platform.url, HUD_GATEWAY_URL: gateway.url, OPENAI_API_KEY: 'vendor' });
    await ask(await createAgent('Arith'));
    await ask(await createAgent('arith-rl'));
    expect(gateway.requests).toMatchObject([{ model: 'arith-rl', headers: { authorization: 'Bearer hud' } }, { model: 'arith-rl' }]);
    await expect(createAgent('old-1')).rejects.toMatchObject({
      code: 'AGENT_UNKNOWN',
      message: expect.stringContaining('operator') as string,
    });
    await expect(createAgent('embed-1')).rejects.toMatchObject({ code: 'AGENT_UNKNOWN' });
    await expect(createAgent('arit-rl')).rejects.toMatchObject({
      code: 'AGENT_UNKNOWN',
      message: expect.stringContaining('Did you mean arith-rl') as string,
    });
    expect(platform.requests).toEqual(['/v2/models Bearer hud']);
  });

  test('that refuses the key says so, and is asked again', async () => {
    await using platform = await catalogue([], 401);
    setAll({ HUD_API_KEY: 'hud', HUD_BASE_URL: platform.url });
    for (let i = 1; i <= 2; i++) {
      await expect(createAgent('arith-rl')).rejects.toMatchObject({
        code: 'MODEL_UNKNOWN',
        message: expect.stringContaining('401') as string,
      });
      expect(platform.requests).toHaveLength(i);
    }
  });

  test('is not asked for names that are known', async () => {
    await using platform = await catalogue([]);
    setAll({ HUD_API_KEY: 'hud', HUD_BASE_URL: platform.url });
    await createAgent('claude-sonnet-4-6');
    await createAgent('oracle');
    expect(platform.requests).toEqual([]);
  });
});

test('a name of an agent takes its default model, or the one it is given', async () => {
  for (const name of ['ANTHROPIC_API_KEY', 'OPENAI_API_KEY', 'GEMINI_API_KEY']) vi.stubEnv(name, 'k');
  expect((await createAgent('claude')).model).toBe('claude-sonnet-4-6');
  expect((await createAgent('openai')).model).toBe('gpt-5.6');
  expect((await createAgent('gemini', { model: undefined })).model).toBe('gemini-3-pro-preview');
  expect(await createAgent('claude', { model: 'claude-haiku-4-5', timeoutSeconds: 9 })).toMatchObject({
    model: 'claude-haiku-4-5',
    timeoutSeconds: 9,
  });
  await expect(createAgent('openai_compatible')).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
});

test('an unknown name is told with at most three near ones', async () => {
  await expect(createAgent('minimax-m')).rejects.toMatchObject({
    code: 'AGENT_UNKNOWN',
    message: "There is no agent or model 'minimax-m'. Did you mean minimax-m3, minimax-m2.7, minimax-m2.5?",
  });
  await expect(createAgent('zzz')).rejects.toMatchObject({ message: "There is no agent or model 'zzz'." });
});
