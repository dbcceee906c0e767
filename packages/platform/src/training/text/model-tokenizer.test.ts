import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tempDir } from 'hud/testing';
import { expect, test } from 'vitest';
import type { ChatMessage, Tokenizer } from '../engine.ts';
import { Tokenizers } from '../tinker/tokenizers.ts';
import { openModelTokenizer } from './model-tokenizer.ts';

const FILES = join(import.meta.dirname, '../../../test/chat-model');

interface Sent {
  role: string;
  content: string;
  reasoning_content?: string;
  tool_call_id?: string;
  tool_calls?: { id: string; function: { name: string; arguments: string } }[];
}
interface Vectors {
  texts: { text: string; ids: number[]; decoded: string }[];
  chats: { messages: Sent[]; tools: object[] | null; variables: Record<string, unknown>; text: string; ids: number[] }[];
}

const open = async (folder = FILES): Promise<Tokenizer> => await openModelTokenizer({ folder, model: 'acme/chat', toolFormat: 'auto' });

const asRead = ({ role, content, reasoning_content: reasoning, tool_calls: calls, tool_call_id: toolCallId }: Sent): ChatMessage => ({
  role,
  content,
  ...(reasoning !== undefined && { reasoning }),
  ...(calls !== undefined && { toolCalls: calls.map(({ id, function: called }) => ({ id, ...called })) }),
  ...(toolCallId !== undefined && { toolCallId }),
});

test("texts and conversations become the tokens that Python's transformers makes of them", async () => {
  const tokenizer = await open();
  const { texts, chats } = JSON.parse(await readFile(join(FILES, 'vectors.json'), 'utf8')) as Vectors;
  for (const { text, ids, decoded } of texts) {
    expect(tokenizer.encode(text)).toEqual(ids);
    expect(tokenizer.decode(ids)).toBe(decoded);
  }
  for (const { messages, tools, variables, text, ids } of chats) {
    const rendered = tokenizer.render(messages.map(asRead), { tools: tools ?? [], variables });
    expect(tokenizer.decode(rendered)).toBe(text);
    expect(rendered).toEqual(ids);
  }
  expect([texts.length, chats.length]).toEqual([8, 6]);
});

test('the files say what ends a reply, and half a character is U+FFFD', async () => {
  const tokenizer = await open();
  expect(tokenizer.stop.map((ids) => tokenizer.decode(ids))).toEqual(['<|im_end|>', '<|endoftext|>']);
  const [first] = tokenizer.encode('🙂');
  expect(tokenizer.decode([first!])).toBe('\uFFFD');
  expect(() => tokenizer.render([{ role: 'judge', content: '' }])).toThrow('does not take this conversation: no role judge.');
});

/** A folder of its own, changed. */
async function changed(change: (folder: string) => Promise<void>): Promise<Awaited<ReturnType<typeof tempDir>>> {
  const directory = await tempDir();
  await cp(FILES, directory.path, { recursive: true });
  await change(directory.path);
  return directory;
}

test.each([
  {
    what: 'no tokenizer.json',
    change: async (at: string) => await rm(join(at, 'tokenizer.json')),
    says: 'There is no tokenizer.json of acme/chat',
  },
  {
    what: 'a file that is cut off',
    change: async (at: string) => await writeFile(join(at, 'tokenizer_config.json'), '{"a'),
    says: 'is not JSON',
  },
  { what: 'no template', change: async (at: string) => await rm(join(at, 'chat_template.jinja')), says: 'have no chat template' },
  {
    what: 'a template that is none',
    change: async (at: string) => await writeFile(join(at, 'chat_template.jinja'), '{% if %}'),
    says: "can't be read",
  },
  { what: 'no model', change: async (at: string) => await writeFile(join(at, 'tokenizer.json'), '{}'), says: "can't be used" },
])('a folder with $what is said to be so', async ({ change, says }) => {
  await using directory = await changed(change);
  await expect(open(directory.path)).rejects.toThrow(says);
});

test('templates may be a list in the configuration, one of them for requests with tools', async () => {
  await using directory = await changed(async (at) => {
    await rm(join(at, 'chat_template.jinja'));
    const templates = [
      { name: 'default', template: 'plain {{ eos_token }}' },
      { name: 'tool_use', template: '{{ tools | length }} <tool_call>' },
    ];
    await writeFile(join(at, 'tokenizer_config.json'), JSON.stringify({ eos_token: { content: '<|im_end|>' }, chat_template: templates }));
  });
  const tokenizer = await open(directory.path);
  const said = (tools: object[]): string => tokenizer.decode(tokenizer.render([{ role: 'user', content: 'x' }], { tools }));
  expect([said([]), said([{}, {}])]).toEqual(['plain <|im_end|>', '2 <tool_call>']);
});

test('a folder may have one for each model; models without one are not known, and none leaves it', async () => {
  await using directory = await tempDir();
  await mkdir(join(directory.path, 'acme/chat'), { recursive: true });
  await cp(FILES, join(directory.path, 'acme/chat'), { recursive: true });
  const many = new Tokenizers({ tokenizer: directory.path });
  expect(await many.known(['acme/chat', 'acme/other', '../chat'])).toEqual(['acme/chat']);
  expect((await many.of('acme/chat')).encode('Hi')).toEqual((await open()).encode('Hi'));
  await expect(many.known(['acme/other'])).rejects.toMatchObject({
    code: 'BAD_CONFIG',
    hint: expect.stringContaining('hf download acme/other') as string,
  });
});
