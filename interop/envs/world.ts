/**
 * An environment with hands: a shell, tools, a browser and a desktop. The Python package's clients are tested against it.
 * Its twin is world.py. `INTEROP_PARTS` names those that this machine can have.
 */
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { Environment } from 'hud';
import { z } from 'zod';

export const env = new Environment('world', { version: '1.0.0' });

const parts = new Set((process.env.INTEROP_PARTS ?? 'shell,tools,browser,screen').split(','));
const root = join(tmpdir(), `hud-interop-world-${process.pid}`);
/** What the tools keep, whichever session calls them. */
const notes: string[] = [];
let presses = 0;

const PAGE = `<!doctype html><title>Counter</title><style>body { margin: 0; background: #135 }
  button { position: absolute; left: 100px; top: 100px; width: 200px; height: 80px }</style>
  <button onclick="fetch('/press', { method: 'POST' }).then(() => { document.title = 'Pressed' })">Press</button>`;
const page = createServer((request, response) => {
  if (request.method === 'POST') presses += 1;
  response.setHeader('content-type', 'text/html').end(request.method === 'POST' ? '' : PAGE);
});

// Registered first, so that it runs last.
env.shutdown(async () => {
  await rm(root, { recursive: true, force: true });
  page.close();
});
env.initialize(async () => {
  await once(page.listen(0, '127.0.0.1'), 'listening');
});

const workspace = parts.has('shell') ? env.workspace(root) : undefined;
if (parts.has('tools')) env.mcp(noteServer);
if (parts.has('browser')) env.chromium({ url: () => `http://127.0.0.1:${(page.address() as AddressInfo).port}/` });
const desktop = parts.has('screen') ? env.desktop({ width: 1024, height: 768 }) : undefined;

function noteServer(): McpServer {
  const server = new McpServer({ name: 'notes', version: '1.0.0' });
  server.registerTool('add_note', { description: 'Keeps a note.', inputSchema: { text: z.string() } }, ({ text }) => {
    notes.push(text);
    return { content: [{ type: 'text', text: `${notes.length} kept` }], structuredContent: { count: notes.length } };
  });
  server.registerTool('fail', { description: 'Never works.' }, () => {
    throw new Error('this tool never works');
  });
  const repeated = { text: z.string(), times: z.int() };
  // The Python package's agents take no tool without a description.
  server.registerTool('repeat', { description: 'Says it again and again.', inputSchema: repeated }, ({ text, times }) => ({
    content: [{ type: 'text', text: text.repeat(times) }],
  }));
  return server;
}

/** 1 when the file holds the word. */
env.template({ id: 'write_file', args: z.object({ word: z.string() }) }, async function* ({ word }) {
  await workspace?.write('seed.txt', 'from the task\n');
  yield `Write ${word} into /workspace/result.txt`;
  const found = await workspace?.read('result.txt').then(String, () => undefined);
  yield { score: found?.trim() === word ? 1 : 0, found: found ?? null };
});

/** 1 when the note was kept. */
env.template({ id: 'keep_note', args: z.object({ text: z.string() }) }, async function* ({ text }) {
  yield `Keep the note ${text}`;
  yield notes.includes(text) ? 1 : 0;
});

/** 1 when the page's button was pressed once. */
env.template({ id: 'press_button' }, async function* () {
  const before = presses;
  yield 'Press the button';
  yield { score: presses === before + 1 ? 1 : 0, presses: presses - before };
});

/** Two terminals that write down one line each; 1 when the left one got the text and the right one nothing. */
env.template({ id: 'type_left', args: z.object({ text: z.string() }) }, async function* ({ text }) {
  for (const [side, geometry] of [
    ['left', '40x10+20+40'],
    ['right', '40x10+520+40'],
  ] as const) {
    const script = `IFS= read -r line; printf %s "$line" > ${side}.txt; exec sleep 60`;
    await desktop?.launch('xterm', ['-T', side, '-geometry', geometry, '-e', 'sh', '-c', script], { window: side });
  }
  yield `Type ${text} into the left terminal`;
  for (let tries = 0; tries < 100 && (await typedInto('left')) === undefined; tries++) await sleep(50);
  const typed = await Promise.all(['left', 'right'].map(async (side) => await typedInto(side)));
  yield { score: typed[0] === text && typed[1] === undefined ? 1 : 0, left: typed[0] ?? null, right: typed[1] ?? null };
});

async function typedInto(side: string): Promise<string | undefined> {
  if (desktop === undefined) return undefined;
  return await readFile(join(desktop.home, `${side}.txt`), 'utf8').catch(() => undefined); // no line was ended
}
