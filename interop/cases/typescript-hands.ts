/** Our capability clients and agents on an environment that the Python package serves: shell, tools, browser, screen. */
import assert from 'node:assert/strict';
import { claudeAgent } from '../../packages/hud/src/agents/index.ts';
import type { CapabilityClients } from '../../packages/hud/src/capabilities/open.ts';
import { connect, type Client } from '../../packages/hud/src/client/index.ts';
import { Taskset } from '../../packages/hud/src/eval/index.ts';
import { Task, isHudError, type JsonObject } from '../../packages/hud/src/protocol/index.ts';
import { Runtime } from '../../packages/hud/src/runtime/provider.ts';
import type { Part } from '../components.ts';
import { handsModel } from '../hands-model.ts';
import type { Case } from '../report.ts';
import { shellCases } from './typescript-shell.ts';

/** Opens what is wanted of the served environment, and closes it when the work is over. */
export type With = <Family extends keyof CapabilityClients>(
  ref: Family,
  work: (opened: CapabilityClients[Family], client: Client) => Promise<void>,
) => Promise<void>;

const TOKEN = 'only-for-this-run';

/** Cases by what they need of the machine; a whole agent needs the first three. */
export function typescriptHandsCases(url: string): Record<Part | 'agents', Case[]> {
  const open: With = async (ref, work) => {
    await using client = await connect(new Runtime(url), { readyTimeout: 10 });
    await work(await client.open(ref), client);
  };
  return {
    shell: shellCases(open),
    tools: toolCases(url),
    browser: browserCases(open),
    screen: screenCases(open),
    agents: agentCases(url),
  };
}

function toolCases(url: string): Case[] {
  // Both are of one family, so they are opened by name.
  const kinds = { tools: 'streamable HTTP with a token', 'older-tools': 'server-sent events' };
  return Object.entries(kinds).map(([name, kind]) => ({
    name: `tools of a FastMCP server over ${kind} are listed and called`,
    async run() {
      await using client = await connect(new Runtime(url), { readyTimeout: 10 });
      const token = (await client.binding(name)).params.auth_token;
      assert.equal(token, name === 'tools' ? TOKEN : undefined);
      const tools = (await client.open(name)) as CapabilityClients['mcp'];
      const listed = await tools.listTools();
      assert.deepEqual(
        listed.map((tool) => tool.name),
        ['add_note', 'fail', 'repeat'],
      );
      assert.equal(listed[0]?.description, 'Keeps a note.');
      const kept = await tools.callTool('add_note', { text: `over ${kind}` });
      assert.equal(kept.isError, false);
      assert.equal(typeof (kept.structuredContent as JsonObject).count, 'number');
      assert.match(textOf(await tools.callTool('fail', {})), /this tool never works/);
      const wrong = await tools.callTool('repeat', { text: 'é' });
      assert.equal(wrong.isError, true);
      const letters = ['a', 'b', 'c', 'd'];
      const results = await Promise.all(letters.map(async (text) => await tools.callTool('repeat', { text, times: 200_000 })));
      assert.deepEqual(
        results.map((result) => textOf(result) === (result.structuredContent as JsonObject).result),
        [true, true, true, true],
      );
      assert.deepEqual(
        results.map((result) => textOf(result).slice(-2)),
        ['aa', 'bb', 'cc', 'dd'],
      );
    },
  }));
}

function browserCases(open: With): Case[] {
  return [
    {
      name: "a page of the environment's browser is evaluated, shown and clicked",
      async run() {
        await open('cdp', async (browser) => {
          const { result } = await browser.send('Runtime.evaluate', { expression: 'document.title' });
          assert.equal((result as JsonObject).value, 'Counter');
          const screen = await browser.screen();
          const frame = await screen.frame();
          assert.deepEqual([frame.width, frame.height], [screen.size().width, screen.size().height]);
          assert.deepEqual([...frame.rgba.subarray(0, 4)], [0x11, 0x33, 0x55, 0xff]);
          await browser.send('Runtime.evaluate', { expression: "addEventListener('click', ({ x, y }) => (document.title = `${x},${y}`))" });
          await screen.click({ x: 321, y: 123 });
          const after = await browser.send('Runtime.evaluate', { expression: 'document.title' });
          assert.equal((after.result as JsonObject).value, '321,123');
        });
      },
    },
    {
      name: 'a command that the browser refuses has its code',
      async run() {
        await open('cdp', async (browser) => {
          await assert.rejects(browser.send('No.suchMethod'), (error) => isHudError(error) && error.code === 'RPC_ERROR');
        });
      },
    },
  ];
}

function screenCases(open: With): Case[] {
  return [
    {
      name: "the environment's screen has its size, and takes clicks and keys to the program that they are meant for",
      async run() {
        const text = 'Hello, left: $x {1} ~é';
        await open('rfb', async (desktop, client) => {
          await client.start('type_left', { text });
          const screen = await desktop.screen();
          const frame = await screen.frame();
          assert.deepEqual([frame.width, frame.height], [1024, 768]);
          assert.ok(new Set(new Uint32Array(frame.rgba.slice().buffer)).size > 1, 'the screen has one colour alone');
          await screen.click({ x: 100, y: 100 });
          await screen.type(`${text}\n`);
          const { raw, reward } = await client.grade('');
          assert.deepEqual([raw.left, raw.right, reward], [text, null, 1]);
        });
      },
    },
  ];
}

function agentCases(url: string): Case[] {
  const tasks: [what: string, id: string, args: JsonObject][] = [
    ['writes a file over SSH', 'write_file', { word: 'scripted' }],
    ['calls an MCP tool', 'keep_note', { text: 'noted by a model' }],
    ['types on the desktop', 'type_left', { text: 'typed by a model' }],
  ];
  return tasks.map(([what, id, args]) => ({
    name: `our Claude ${what} of a Python environment and is graded`,
    limitMs: 60_000,
    async run() {
      await using model = await handsModel();
      const agent = claudeAgent({ model: 'claude-sonnet-4-6', baseUrl: model.baseUrls.anthropic, apiKey: 'unused', maxRetries: 0 });
      const job = await new Taskset('hands', [new Task({ env: 'world', id, args })]).run(agent, {
        store: false,
        runtime: new Runtime(url),
      });
      const [run] = job.runs;
      assert.deepEqual([run?.error?.message, run?.class, run?.reward], [undefined, 'graded', 1], JSON.stringify(run?.evaluation));
    },
  }));
}

function textOf({ content }: { content: readonly unknown[] }): string {
  return content.map((block) => String((block as { text?: unknown }).text ?? '')).join('');
}
