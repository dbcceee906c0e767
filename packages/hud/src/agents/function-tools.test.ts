/** The functions of chat models and Gemini's own end to end: the vendors' SDKs, a scripted model, a real shell and browser. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { serveSite, startBrowser, withoutChromium, type Browser } from '../../test/browser.ts';
import { mcpServer } from '../../test/mcp-server.ts';
import { NO_SSHD, remoteShell, type RemoteShell } from '../../test/sshd.ts';
import type { Run } from '../client/index.ts';
import { Environment } from '../environment/index.ts';
import { probeIsolation } from '../environment/workspace/probe.ts';
import type { Isolation } from '../environment/workspace/sandbox.ts';
import { Taskset } from '../eval/index.ts';
import type { Capability, CapabilityInit } from '../protocol/capability.ts';
import type { JsonObject } from '../protocol/json.ts';
import { LocalRuntime } from '../runtime/index.ts';
import { scriptedModel, tempDir, type ModelServer, type ModelTurn } from '../testing/index.ts';
import type { Agent } from './agent.ts';
import { geminiAgent, type GeminiConfig } from './gemini.ts';
import { openaiCompatibleAgent, type OpenAICompatibleConfig } from './openai-compatible.ts';

interface Played {
  run: Run;
  server: ModelServer;
  body(index: number): JsonObject;
  results: { call: JsonObject & { name: string }; result: { isError: boolean; content: { type: string; text?: string }[] } }[];
}

async function play(capabilities: CapabilityInit[], turns: ModelTurn[], makeAgent: (server: ModelServer) => Agent): Promise<Played> {
  await using server = await scriptedModel(turns);
  const env = new Environment('functions');
  for (const capability of capabilities) env.addCapability(capability);
  const work = env.template({ id: 'work', args: z.object({}) }, async function* () {
    yield (yield 'Do it.') === 'Done.' ? 1 : 0;
  });
  const job = await new Taskset('functions', [work({})]).run(makeAgent(server), { runtime: new LocalRuntime(env), store: false });
  const run = job.runs[0] as Run;
  const results = run.trace.steps.filter(({ source }) => source === 'tool') as unknown as Played['results'];
  return { run, server, results, body: (index) => server.requests[index]?.body ?? {} };
}

const chat =
  (config: OpenAICompatibleConfig = {}) =>
  (server: ModelServer): Agent =>
    openaiCompatibleAgent({ apiKey: 'k', baseUrl: server.baseUrls.openai, maxRetries: 0, model: 'some-model', ...config });
const gemini =
  (config: GeminiConfig = {}) =>
  (server: ModelServer): Agent =>
    geminiAgent({ apiKey: 'k', baseUrl: server.baseUrls.gemini, maxRetries: 0, ...config });
const walls = await probeIsolation();
/** Why tests with a desktop can't run here; false where they can. */
const NO_DESKTOP = ['/usr/bin/Xtigervnc', '/usr/bin/openbox', '/usr/bin/xterm', '/usr/bin/xdotool'].every((path) => existsSync(path))
  ? false
  : 'needs Xtigervnc, openbox, xterm and xdotool';
const DONE: ModelTurn = { text: 'Done.' };
const call = (name: string, args: JsonObject): ModelTurn => ({ toolCalls: [{ name, arguments: args }] });

interface Response extends JsonObject {
  name: string;
  response: JsonObject;
  parts?: JsonObject[];
}

/** What Gemini was told of its calls, turn by turn. */
function responses(body: JsonObject): Response[][] {
  const contents = body.contents as { parts: { functionResponse?: Response }[] }[];
  const turns = contents.map(({ parts }) => parts.flatMap(({ functionResponse }) => functionResponse ?? []));
  return turns.filter((turn) => turn.length > 0);
}

describe.skipIf(NO_SSHD)('a shell', () => {
  let shell: RemoteShell;
  beforeAll(async () => {
    shell = await remoteShell();
  });
  afterAll(async () => await shell[Symbol.asyncDispose]());

  test.each([true, false])('is used by a chat model through functions, streamed: %s', async (stream) => {
    await mkdir(join(shell.cwd, 'app'), { recursive: true });
    await writeFile(join(shell.cwd, 'app/sum.py'), 'def add(a, b):\n    return a - b\n');
    const { run, server, results } = await play(
      [shell.capability],
      [
        call('glob', { pattern: '**/*.py' }),
        {
          toolCalls: [
            { name: 'grep', arguments: { pattern: 'return', path: 'app' } },
            { name: 'read', arguments: { filePath: 'app/sum.py' } },
          ],
        },
        call('edit', { filePath: 'app/sum.py', oldString: 'a - b', newString: 'a + b' }),
        call('bash', { command: 'cat sum.py; exit 3', workdir: 'app', timeout: 20_000 }),
        call('write', { filePath: 'app/note/a.md', content: 'fixed\n' }),
        call('list', { path: 'app' }),
        DONE,
      ],
      chat({ stream }),
    );
    expect(run).toMatchObject({ class: 'graded', reward: 1 });
    expect(await readFile(join(shell.cwd, 'app/sum.py'), 'utf8')).toBe('def add(a, b):\n    return a + b\n');
    expect(server.requests[0]?.tools).toEqual(['bash', 'read', 'glob', 'grep', 'edit', 'write', 'list']);
    expect(results.map(({ result }) => result.content[0]?.text)).toEqual([
      './app/sum.py',
      'app/sum.py:2:    return a - b',
      expect.stringContaining('1: def add(a, b):\n2:     return a - b\n\n(End of file - total 2 lines)'),
      'Edited app/sum.py: 1 place.',
      '$ cat sum.py; exit 3\ndef add(a, b):\n    return a + b\n(exit 3)',
      'Wrote 6 bytes to app/note/a.md.',
      'note/\nsum.py',
    ]);
    expect(results.map(({ result }) => result.isError)).toEqual([false, false, false, false, true, false, false]);
    expect(server.requests.at(-1)?.messages.at(-1)).toMatchObject({ role: 'tool', text: 'note/\nsum.py' });
  });

  test('a patch is offered to models that were taught to write one', async () => {
    const patch = '*** Begin Patch\n*** Add File: patched.txt\n+new\n*** End Patch';
    const { run, server } = await play([shell.capability], [call('apply_patch', { patch }), DONE], chat({ model: 'openai/gpt-5.4-mini' }));
    expect(run.reward).toBe(1);
    expect(server.requests[0]?.tools).toContain('apply_patch');
    expect(await readFile(join(shell.cwd, 'patched.txt'), 'utf8')).toBe('new\n');
  });

  test.each([true, false])('is used by Gemini through its functions, streamed: %s', async (stream) => {
    await mkdir(join(shell.cwd, 'lib'), { recursive: true });
    await writeFile(join(shell.cwd, 'lib/sum.py'), 'def add(a, b):\n    return a - b\n');
    const { run, server, body } = await play(
      [shell.capability],
      [
        call('glob', { pattern: '*.py', dir_path: 'lib' }),
        call('read_file', { file_path: 'lib/sum.py', start_line: 2 }),
        call('replace', { file_path: 'lib/sum.py', instruction: 'Add', old_string: 'a - b', new_string: 'a + b' }),
        call('run_shell_command', { command: 'cat sum.py', description: 'Look', dir_path: 'lib' }),
        call('grep_search', { pattern: 'absent', dir_path: 'lib' }),
        call('write_file', { file_path: 'lib/new/a.md', content: 'fixed\n' }),
        call('list_directory', { dir_path: 'lib' }),
        DONE,
      ],
      gemini({ stream }),
    );
    expect(run).toMatchObject({ class: 'graded', reward: 1 });
    expect(await readFile(join(shell.cwd, 'lib/sum.py'), 'utf8')).toBe('def add(a, b):\n    return a + b\n');
    expect(server.requests[0]?.tools).toEqual([
      'run_shell_command',
      'replace',
      'write_file',
      'read_file',
      'grep_search',
      'glob',
      'list_directory',
    ]);
    expect(responses(body(7)).flat()).toEqual([
      { name: 'glob', response: { success: true, output: 'lib/sum.py' } },
      { name: 'read_file', response: { success: true, output: '    return a - b' } },
      { name: 'replace', response: { success: true, output: 'Changed lib/sum.py.' } },
      { name: 'run_shell_command', response: { success: true, output: '$ cat sum.py\ndef add(a, b):\n    return a + b\n(exit 0)' } },
      { name: 'grep_search', response: { error: 'No match for absent below lib. (exit 1)' } },
      { name: 'write_file', response: { success: true, output: 'Wrote 6 bytes to lib/new/a.md.' } },
      { name: 'list_directory', response: { success: true, output: 'new/\nsum.py' } },
    ]);
  });

  test.each([true, false])("a call that Gemini's API can't read is answered in words, streamed: %s", async (stream) => {
    const broken: ModelTurn = { toolCalls: [{ name: 'read_file', arguments: '{"file_path": ' }] };
    const { run, server, results } = await play([shell.capability], [broken, DONE], gemini({ stream }));
    expect(run).toMatchObject({ reward: 1, trace: { stopReason: 'done' } });
    expect(results).toMatchObject([{ result: { isError: true } }]);
    expect(server.requests[1]?.messages.at(-1)).toMatchObject({
      role: 'user',
      text: expect.stringContaining('could not be read, so it was not made') as string,
    });
    const stopped = await play([shell.capability], [broken], gemini({ stream, stopOn: ['malformed_tool_call'] }));
    expect(stopped.run.trace).toMatchObject({ stopReason: 'malformed_tool_call' });
    expect(stopped.results).toEqual([]);
  });
});

describe.skipIf(process.platform === 'win32')('a workspace of the environment', () => {
  const isolations: Isolation[] = walls.available ? ['bwrap', 'none'] : ['none'];
  const vendors = [
    {
      name: 'a chat model',
      make: chat(),
      turns: [
        call('write', { filePath: 'src/a.txt', content: 'one\ntwo\n' }),
        call('edit', { filePath: 'src/a.txt', oldString: 'two', newString: '2' }),
        call('bash', { command: 'pwd; cat a.txt', workdir: 'src', timeout: 5000 }),
        call('grep', { pattern: '^2', path: 'src' }),
        call('glob', { pattern: '*.txt' }),
        call('read', { filePath: 'src' }),
      ],
      texts: ['/src\none\n2\n(exit 0)', 'src/a.txt:2:2', './src/a.txt', '\na.txt\n'],
    },
    {
      name: 'Gemini',
      make: gemini(),
      turns: [
        call('write_file', { file_path: 'src/a.txt', content: 'one\ntwo\n' }),
        call('replace', { file_path: 'src/a.txt', instruction: 'x', old_string: 'two', new_string: '2' }),
        call('run_shell_command', { command: 'pwd; cat a.txt', dir_path: 'src' }),
        call('grep_search', { pattern: '^2', dir_path: 'src' }),
        call('glob', { pattern: '*.txt' }),
        call('list_directory', { dir_path: 'src' }),
      ],
      texts: ['/src\none\n2\n(exit 0)', 'src/a.txt:2:2', './src/a.txt', 'a.txt'],
    },
  ];

  test.each(vendors.flatMap((vendor) => isolations.map((isolation) => ({ ...vendor, isolation }))))(
    'is used by $name, isolation $isolation',
    async ({ make, turns, texts, isolation }) => {
      await using folder = await tempDir();
      const env = new Environment('place');
      env.workspace(join(folder.path, 'root'), { isolation, trackFiles: false });
      const work = env.template({ id: 'work', args: z.object({}) }, async function* () {
        yield 'Do it.';
        yield (await readFile(join(folder.path, 'root/src/a.txt'), 'utf8')) === 'one\n2\n' ? 1 : 0;
      });
      await using server = await scriptedModel([...turns, DONE]);
      const job = await new Taskset('place', [work({})]).run(make(server), { runtime: new LocalRuntime(env), store: false });
      const [run] = job.runs;
      expect(run).toMatchObject({ class: 'graded', reward: 1 });
      const results = (run?.trace.steps ?? []).filter(({ source }) => source === 'tool') as unknown as Played['results'];
      expect(results.map(({ result }) => result.isError)).toEqual([false, false, false, false, false, false]);
      for (const [i, text] of texts.entries()) expect(results[i + 2]?.result.content[0]?.text).toContain(text);
    },
    60_000,
  );
});

const PAGE = `<button style="position:absolute;left:100px;top:100px;width:200px;height:100px" onclick="fetch('/clicked')">Buy</button>
  <input style="position:absolute;left:100px;top:300px;width:200px;height:40px" onchange="fetch('/typed-' + this.value)">
  <div style="height:5000px"></div><script>addEventListener('scroll', () => fetch('/scrolled'), { once: true })</script>`;

describe.skipIf(withoutChromium)('a browser', () => {
  let site: Awaited<ReturnType<typeof serveSite>>;
  let browser: Browser;
  beforeAll(async () => {
    site = await serveSite({ '/': PAGE, '/next': 'next' });
    browser = await startBrowser({ url: site.url, width: 1200, height: 800 });
  }, 60_000);
  afterAll(async () => {
    await browser[Symbol.asyncDispose]();
    await site[Symbol.asyncDispose]();
  });
  const fresh = async (): Promise<Capability[]> => {
    await browser.chromium.fresh();
    site.paths.length = 0;
    return [browser.environment.capability(browser.chromium.name)];
  };
  /** Half as large as the page. */
  const computer = { maxWidth: 600, maxHeight: 400, settleMs: 200 };

  test('is used by a chat model, which sees the newest pictures only', async () => {
    const { run, server, body } = await play(
      await fresh(),
      [
        {
          toolCalls: [
            { name: 'computer', arguments: { action: 'screenshot' } },
            { name: 'computer', arguments: { action: 'click', coordinate: [100, 75] } },
          ],
        },
        call('computer', { action: 'click', coordinate: [100, 160] }),
        call('computer', { action: 'type', text: 'shoe\n' }),
        call('computer', { action: 'scroll', coordinate: [300, 200], direction: 'down', amount: 5 }),
        call('computer', { action: 'fly' }),
        DONE,
      ],
      chat({ computer, keepScreenshots: 1 }),
    );
    expect(run).toMatchObject({ class: 'graded', reward: 1 });
    await expect.poll(() => site.paths, { timeout: 5000 }).toEqual(expect.arrayContaining(['/clicked', '/typed-shoe', '/scrolled']));
    expect(server.requests[0]?.tools).toEqual(['computer']);
    // All answers come before the picture, which is the last one.
    expect((body(1).messages as JsonObject[]).slice(2)).toMatchObject([
      { role: 'tool', content: `screenshot: done. The screen is 600x400. The page is ${site.url}/.` },
      { role: 'tool', content: expect.stringContaining('click: done.') as string },
      { role: 'user', content: [{ type: 'image_url', image_url: { url: expect.stringMatching(/^data:image\/png;base64,/) as string } }] },
    ]);
    const images = server.requests.map(({ messages }) => messages.reduce((sum, message) => sum + (message.images ?? 0), 0));
    expect(images).toEqual([0, 1, 1, 1, 1, 1]);
    expect(JSON.stringify(body(5))).toContain('An earlier screenshot is no longer shown.');
    expect(server.requests[5]?.messages.at(-1)?.text).toContain("Unknown action 'fly'");
  }, 60_000);

  test.each([true, false])(
    'is used by Gemini on its grid, with a picture in each response, streamed: %s',
    async (stream) => {
      const { run, server, body, results } = await play(
        await fresh(),
        [
          call('open_web_browser', {}),
          call('click_at', { x: 167, y: 188 }),
          call('type_text_at', { x: 167, y: 400, text: 'shoe', press_enter: true }),
          call('scroll', { x: 500, y: 500, direction: 'down', intent: 'More' }),
          call('navigate', { url: `${site.url}/next` }),
          call('press_key', { key: 'Hyperspace' }),
          call('drag_and_drop', { x: 1, y: 1, destination_x: 2, destination_y: 2 }),
          DONE,
        ],
        gemini({ stream, computer, excludedPredefinedFunctions: ['drag_and_drop'] }),
      );
      expect(run).toMatchObject({ class: 'graded', reward: 1 });
      await expect
        .poll(() => site.paths, { timeout: 5000 })
        .toEqual(expect.arrayContaining(['/clicked', '/typed-shoe', '/scrolled', '/next']));
      expect(body(0).tools).toEqual([
        { computerUse: { environment: 'ENVIRONMENT_BROWSER', excludedPredefinedFunctions: ['drag_and_drop'] } },
      ]);
      const told = responses(body(7)).flat();
      expect(told.map(({ name }) => name)).toEqual([
        'open_web_browser',
        'click_at',
        'type_text_at',
        'scroll',
        'navigate',
        'press_key',
        'drag_and_drop',
      ]);
      expect(told[0]?.response).toMatchObject({ success: true, url: `${site.url}/` });
      expect(told[4]?.response).toMatchObject({ success: true, url: `${site.url}/next` });
      expect(told[5]?.response).toMatchObject({
        error: expect.stringContaining("Unknown key 'Hyperspace'") as string,
        url: `${site.url}/next`,
      });
      expect(told[6]?.response).toMatchObject({ error: 'There is no function drag_and_drop here.' });
      // Three turns keep their pictures.
      expect(server.requests.map(({ body: sent }) => responses(sent).filter(([one]) => one?.parts !== undefined).length)).toEqual([
        0, 1, 2, 3, 3, 3, 3, 3,
      ]);
      expect(told[3]?.response.screenshot).toBe('[An earlier screenshot is no longer shown.]');
      expect(told[6]?.parts).toEqual([{ inlineData: { mimeType: 'image/png', data: expect.any(String) as string } }]);
      expect(results[1]?.call).toMatchObject({
        name: 'computer_use',
        providerName: 'click_at',
        arguments: { action: 'click_at', x: 167, y: 188 },
      });
    },
    60_000,
  );

  const risky = call('click_at', {
    x: 167,
    y: 188,
    safety_decision: { decision: 'require_confirmation', explanation: 'It buys something.' },
  });

  test('a confirmation that Gemini asks for is given unless told otherwise', async () => {
    const { body } = await play(await fresh(), [risky, DONE], gemini({ computer }));
    expect(responses(body(1)).flat()).toMatchObject([{ name: 'click_at', response: { success: true, safety_acknowledgement: true } }]);
    await expect.poll(() => site.paths, { timeout: 5000 }).toContain('/clicked');
    const { body: plain } = await play(await fresh(), [call('click_at', { x: 1, y: 1 }), DONE], gemini({ computer }));
    expect(responses(plain(1)).flat()[0]?.response).not.toHaveProperty('safety_acknowledgement');
  }, 60_000);

  test('or ends the run before anything is done', async () => {
    const { run, server, results } = await play(
      await fresh(),
      [risky, DONE],
      gemini({ computer: { ...computer, onSafetyCheck: 'stop' }, autoRespond: () => Promise.resolve('CONTINUE') }),
    );
    expect(results).toEqual([]);
    expect(server.requests).toHaveLength(1);
    const content = 'Stopped: an action was to be confirmed first (click_at: It buys something.).';
    expect(run).toMatchObject({ class: 'graded', reward: 0, trace: { content } });
    expect(run.trace.steps.find(({ source }) => source === 'agent')).toMatchObject({
      finishReason: 'safety_check',
      extra: { refusedCalls: [{ providerName: 'click_at' }] },
    });
    expect(site.paths).not.toContain('/clicked');
  }, 60_000);

  test('models without the function set are not offered it, desktops may be declared', async () => {
    for (const model of ['gemini-2.5-flash', 'gemini-3-pro-image-preview', 'unknown']) {
      const { body } = await play(await fresh(), [DONE], gemini({ computer, model }));
      expect(body(0)).not.toHaveProperty('tools');
    }
    for (const model of ['gemini-2.5-computer-use-preview-10-2025', 'gemini-3.6-flash', 'google/gemini-3-flash-preview']) {
      const { body } = await play(await fresh(), [DONE], gemini({ computer, model, computerEnvironment: 'desktop' }));
      expect(body(0).tools).toEqual([{ computerUse: { environment: 'ENVIRONMENT_DESKTOP' } }]);
    }
  }, 60_000);
});

describe.skipIf(NO_DESKTOP)('a desktop', () => {
  interface Vendor {
    name: string;
    make: (server: ModelServer) => Agent;
    turns: ModelTurn[];
  }
  const command = "printf 'a+b|é' > typed.txt";
  const vendors: Vendor[] = [
    {
      name: 'a chat model',
      make: chat({ computer: { maxWidth: 400 } }),
      turns: [
        call('computer', { action: 'click', coordinate: [100, 100] }),
        call('computer', { action: 'type', text: `${command}X` }),
        call('computer', { action: 'key', text: 'BackSpace Return' }),
      ],
    },
    {
      name: 'Gemini',
      make: gemini({ computerEnvironment: 'desktop' }),
      turns: [
        call('click', { x: 250, y: 250, intent: 'Focus' }),
        call('type', { text: `${command}X`, intent: 'Write' }),
        call('press_key', { key: 'backspace', intent: 'Correct' }),
        call('hotkey', { keys: ['ctrl', 'M'], intent: 'Enter' }),
      ],
    },
  ];

  test.each(vendors)(
    'is used by $name with pointer and keys',
    async ({ make, turns }) => {
      const env = new Environment('desk');
      const desktop = env.desktop({
        width: 800,
        height: 600,
        apps: [{ command: 'xterm', args: ['-geometry', '100x30+0+0', '-T', 'shell', '-e', 'bash', '--norc'], window: 'shell' }],
      });
      const work = env.template({ id: 'work', args: z.object({}) }, async function* () {
        yield 'Write the file.';
        yield (await readFile(join(desktop.home, 'typed.txt'), 'utf8')) === 'a+b|é' ? 1 : 0;
      });
      await using server = await scriptedModel([...turns, DONE]);
      const job = await new Taskset('desk', [work({})]).run(make(server), { runtime: new LocalRuntime(env), store: false });
      expect(job.runs[0]).toMatchObject({ class: 'graded', reward: 1 });
      const images = server.requests
        .at(-1)
        ?.messages.flatMap(({ images: own = 0, toolResults = [] }) => [own, ...toolResults.map((one) => one.images ?? 0)]);
      expect(images?.filter((count) => count > 0)).toHaveLength(3);
    },
    60_000,
  );
});

test("what a server declares goes before Gemini's function of the same name", async () => {
  const { declaredTools } = await import('./gemini-request.ts');
  const search = {
    name: 'search',
    description: 'Searches.',
    inputSchema: { type: 'object' },
    execute: () => Promise.reject(new Error('never')),
  };
  const screen = { ...search, name: 'computer_use', native: { computerUse: { environment: 'ENVIRONMENT_BROWSER' } } };
  expect(declaredTools([screen, search], {})).toMatchObject([
    { functionDeclarations: [{ name: 'search' }] },
    { computerUse: { environment: 'ENVIRONMENT_BROWSER', excludedPredefinedFunctions: ['search'] } },
  ]);
});

test("the vendor's own tools are declared beside the environment's", async () => {
  await using tools = await mcpServer();
  const mcp = { name: 'calc', protocol: 'mcp/2025-11-25', url: tools.url };
  const asked = [
    { google_search: { time_range_filter: { start_time: '2026-01-01T00:00:00Z', end_time: '2026-02-01T00:00:00Z' } } },
    { type: 'url_context' },
    { codeExecution: {} },
  ];
  const { body, run } = await play([mcp], [DONE], gemini({ hostedTools: asked, citationsEnabled: true }));
  expect(run.error).toBeUndefined();
  expect((body(0).tools as JsonObject[]).slice(1)).toEqual([
    { googleSearch: { timeRangeFilter: { startTime: '2026-01-01T00:00:00Z', endTime: '2026-02-01T00:00:00Z' } } },
    { urlContext: {} },
    { codeExecution: {} },
  ]);
  const { body: chatBody } = await play([mcp], [DONE], chat({ hostedTools: [{ type: 'web_search' }] }));
  expect((chatBody(0).tools as JsonObject[]).at(-1)).toEqual({ type: 'web_search' });
  expect(() => geminiAgent({ apiKey: 'k', hostedTools: [{ web_search: {} }] })).toThrow('Gemini runs no tool {"web_search":{}} itself.');
});
