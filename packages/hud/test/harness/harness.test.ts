/** Coding programs from the npm registry, unchanged, inside a real sandbox, against the scripted model. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { beforeAll, expect, test } from 'vitest';
import { claudeCodeAgent } from '../../src/agents/harness/claude-code.ts';
import { codexAgent } from '../../src/agents/harness/codex.ts';
import type { Agent } from '../../src/agents/index.ts';
import { Run } from '../../src/client/run.ts';
import { connect } from '../../src/client/connect.ts';
import { Environment, bind } from '../../src/environment/index.ts';
import type { Task } from '../../src/protocol/index.ts';
import { scriptedModel, type ModelRequest, type ModelTurn } from '../../src/testing/index.ts';

const PACKAGES = ['@anthropic-ai/claude-code@2.1.330', '@openai/codex@0.169.0'];
const installed = join(tmpdir(), 'hud-harnesses-2.1.330-0.169.0');
const modules = join(installed, 'node_modules');

beforeAll(() => {
  if (existsSync(join(installed, 'done'))) return;
  mkdirSync(installed, { recursive: true });
  execFileSync('npm', ['install', '--prefix', installed, '--no-audit', '--no-fund', ...PACKAGES], { stdio: 'ignore', timeout: 240_000 });
  mkdirSync(join(installed, 'done'));
}, 250_000);

/** A sandbox without network, with Node and the programs mounted, and one MCP tool outside. */
function workshop(): { environment: Environment; task: Task } {
  const root = mkdtempSync(join(tmpdir(), 'hud-workshop-'));
  const environment = new Environment('workshop');
  environment.workspace(root, {
    mounts: [
      { kind: 'ro', src: process.execPath, dst: '/opt/node/bin/node' },
      { kind: 'ro', src: modules, dst: '/opt/node_modules' },
      { kind: 'ro', src: claudeBinary(), dst: '/opt/bin/claude' },
      { kind: 'symlink', src: '/opt/node_modules/@openai/codex/bin/codex.js', dst: '/opt/bin/codex' },
    ],
    env: { PATH: '/opt/bin:/opt/node/bin:/usr/local/bin:/usr/bin:/bin' },
  });
  environment.mcp(() => {
    const server = new McpServer({ name: 'secrets', version: '1' });
    server.registerTool('password', { description: 'The password' }, () => ({ content: [{ type: 'text', text: 'swordfish' }] }));
    return server;
  });
  const makeFile = environment.template({ id: 'make_file' }, async function* () {
    yield 'Write the word "made" into made.txt.';
    yield existsSync(join(root, 'made.txt')) && readFileSync(join(root, 'made.txt'), 'utf8').trim() === 'made' ? 1 : 0;
  });
  return { environment, task: makeFile() };
}

function claudeBinary(): string {
  return join(modules, '@anthropic-ai', `claude-code-${process.platform}-${process.arch}`, 'claude');
}

const COMMAND = 'echo made > made.txt; id -u; env | grep -c -i -E "secret-key|upstream" || true';

test.each<{ name: string; make: (config: { baseUrl: string; apiKey: string }) => Agent; shell: (request: ModelRequest) => ModelTurn }>([
  {
    name: 'claude',
    make: claudeCodeAgent,
    shell: () => ({ text: 'I write.', toolCalls: [{ name: 'Bash', arguments: { command: COMMAND, description: 'writes' } }] }),
  },
  {
    name: 'codex',
    make: (config) => codexAgent({ ...config, model: 'gpt-5.5' }),
    shell: (request) => {
      const isNew = request.tools.includes('exec_command');
      return {
        toolCalls: [{ name: isNew ? 'exec_command' : 'shell_command', arguments: isNew ? { cmd: COMMAND } : { command: COMMAND } }],
      };
    },
  },
])(
  'the $name program works in the sandbox, and its traffic, steps and cost are in the trace',
  async ({ make, shell }) => {
    const keys = new Set<string | undefined>();
    await using model = await scriptedModel((request) => {
      keys.add(request.headers.authorization?.replace('Bearer ', ''));
      const results = request.messages.flatMap((message) => message.toolResults ?? []);
      if (request.tools.length === 0) return { text: 'a title' };
      return results.length === 0 ? shell(request) : { text: 'It is made.' };
    });
    const { environment, task } = workshop();
    await using server = await bind(environment);
    await using client = await connect(server);
    const baseUrl = model.url;
    const run = await Run.with(client, task, (run_) =>
      make({ baseUrl, apiKey: 'secret-key' }).run(run_, { signal: AbortSignal.timeout(60_000) }),
    );

    expect(run.reward).toBe(1);
    expect(run.trace.content).toBe('It is made.');
    expect([...keys]).toEqual(['secret-key']);
    const tools = run.trace.steps.filter((step) => step.source === 'tool');
    const [uid, leaks] = (tools[0]?.source === 'tool' ? (tools[0].result.content?.[0]?.text ?? '') : '').split('\n');
    expect(Number(uid)).toBeGreaterThan(0);
    expect(leaks).toBe('0');
    const requests = run.trace.collect((step) => step.extra?.model_request) as { status: number; usage?: { promptTokens: number } }[];
    expect(requests.length).toBeGreaterThanOrEqual(2);
    expect(requests.every(({ status }) => status === 200)).toBe(true);
    expect(requests.some(({ usage }) => (usage?.promptTokens ?? 0) > 0)).toBe(true);
  },
  90_000,
);

test('the claude program uses the tools of the environment through the relay', async () => {
  await using model = await scriptedModel((request) => {
    const results = request.messages.flatMap((message) => message.toolResults ?? []);
    const name = 'mcp__tools__password';
    if (results.length === 0) return { toolCalls: [{ name: 'ToolSearch', arguments: { query: `select:${name}`, max_results: 1 } }] };
    if (results.length === 1) return { toolCalls: [{ name, arguments: {} }] };
    return { text: results.at(-1)?.text ?? '' };
  });
  const { environment, task } = workshop();
  await using server = await bind(environment);
  await using client = await connect(server);
  const agent = claudeCodeAgent({ baseUrl: model.url, apiKey: 'k' });
  const run = await Run.with(client, task, (run_) => agent.run(run_, { signal: AbortSignal.timeout(60_000) }));
  expect(run.trace.content).toContain('swordfish');
}, 90_000);

test('a program that is not there is a fault that names it', async () => {
  const { environment, task } = workshop();
  await using server = await bind(environment);
  await using client = await connect(server);
  const agent = codexAgent({ baseUrl: 'http://127.0.0.1:1', apiKey: 'k', program: 'no-such-program' });
  const failure = Run.with(client, task, (run) => agent.run(run, { signal: AbortSignal.timeout(20_000) }));
  await expect(failure).rejects.toMatchObject({ code: 'CAPABILITY_FAILED', message: expect.stringContaining('no-such-program') as string });
});

test('a model that can not be reached fails the run with what the program said', async () => {
  const { environment, task } = workshop();
  await using server = await bind(environment);
  await using client = await connect(server);
  const agent = codexAgent({ baseUrl: 'http://127.0.0.1:1', apiKey: 'k', model: 'gpt-5.5' });
  const failure = Run.with(client, task, (run) => agent.run(run, { signal: AbortSignal.timeout(60_000) }));
  await expect(failure).rejects.toMatchObject({ code: 'AGENT_FAILED' });
}, 90_000);
