import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import type { CallUsage, Dialect } from '../seams.ts';
import { usageReader } from './usage.ts';

const JSON_TYPE = 'application/json; charset=utf-8';
const EVENTS = 'text/event-stream; charset=utf-8';

function read(dialect: Dialect, type: string, bytes: Buffer, sizes: () => number = () => bytes.length): CallUsage | undefined {
  const reader = usageReader(dialect, type);
  for (let at = 0; at < bytes.length;) {
    const size = Math.max(1, sizes());
    reader?.push(bytes.subarray(at, at + size));
    at += size;
  }
  return reader?.end();
}

const events = (list: readonly unknown[], lineEnd = '\n'): string =>
  list.map((event) => `event: x${lineEnd}data: ${typeof event === 'string' ? event : JSON.stringify(event)}${lineEnd}${lineEnd}`).join('');

/** Text and arguments that look like what is searched for. */
const DECOY = '{"usage":{"prompt_tokens":9,"input_tokens":9}} \\" "usage": {"output_tokens":9} \u2028 日本語';
const decoyTool = { usage: { prompt_tokens: 7, input_tokens: 7, output_tokens: 7 }, response: { usage: { input_tokens: 7 } } };

interface Sample {
  name: string;
  dialect: Dialect;
  type: string;
  text: string;
  usage: CallUsage | undefined;
}

const chatUsage = {
  prompt_tokens: 100,
  completion_tokens: 20,
  total_tokens: 120,
  prompt_tokens_details: { cached_tokens: 40 },
  completion_tokens_details: { reasoning_tokens: 5 },
};
const chat: CallUsage = { promptTokens: 100, completionTokens: 20, cachedTokens: 40, reasoningTokens: 5 };
const responsesUsage = {
  input_tokens: 11,
  input_tokens_details: { cached_tokens: 3 },
  output_tokens: 7,
  output_tokens_details: { reasoning_tokens: 2 },
};
const responses: CallUsage = { promptTokens: 11, completionTokens: 7, cachedTokens: 3, reasoningTokens: 2 };

const samples: Sample[] = [
  {
    name: 'a whole chat completion',
    dialect: 'openai-chat',
    type: JSON_TYPE,
    text: JSON.stringify({ choices: [{ message: { content: DECOY, extra: decoyTool } }], usage: chatUsage }, null, 1),
    usage: chat,
  },
  {
    name: 'a streamed chat completion',
    dialect: 'openai-chat',
    type: EVENTS,
    text: events([{ choices: [{ delta: { content: DECOY } }], usage: null }, { choices: [], usage: chatUsage }, '[DONE]']),
    usage: chat,
  },
  {
    name: 'a cost that the server tells',
    dialect: 'openai-chat',
    type: JSON_TYPE,
    text: JSON.stringify({ usage: { prompt_tokens: 1, completion_tokens: 2, cost: 0.0125 } }),
    usage: { promptTokens: 1, completionTokens: 2, costUsd: 0.0125 },
  },
  {
    name: 'a whole response',
    dialect: 'openai-responses',
    type: JSON_TYPE,
    text: JSON.stringify({ output: [{ arguments: DECOY, of: decoyTool }], usage: responsesUsage }),
    usage: responses,
  },
  {
    name: 'a streamed response, lines ending in CR LF',
    dialect: 'openai-responses',
    type: EVENTS,
    text: events(
      [
        { type: 'response.created', response: { usage: null } },
        { delta: DECOY },
        { response: { output: [decoyTool], usage: responsesUsage } },
      ],
      '\r\n',
    ),
    usage: responses,
  },
  {
    name: 'a whole message',
    dialect: 'anthropic',
    type: JSON_TYPE,
    text: JSON.stringify({
      content: [{ type: 'tool_use', input: decoyTool }],
      usage: { input_tokens: 10, cache_creation_input_tokens: 200, cache_read_input_tokens: 3_000, output_tokens: 50 },
    }),
    usage: { promptTokens: 3_210, completionTokens: 50, cachedTokens: 3_000, cacheWriteTokens: 200 },
  },
  {
    name: 'a streamed message, whose last event has the sum of the reply',
    dialect: 'anthropic',
    type: EVENTS,
    text: events([
      {
        type: 'message_start',
        message: { usage: { input_tokens: 10, cache_read_input_tokens: 30, cache_creation_input_tokens: 0, output_tokens: 1 } },
      },
      ': ping',
      { type: 'content_block_delta', delta: { partial_json: DECOY } },
      { type: 'message_delta', usage: { output_tokens: 44, input_tokens: null } },
    ]),
    usage: { promptTokens: 40, completionTokens: 44, cachedTokens: 30, cacheWriteTokens: 0 },
  },
  {
    name: 'streamed Gemini, where every event tells the sum so far',
    dialect: 'gemini',
    type: EVENTS,
    text: events([
      {
        candidates: [{ content: { parts: [{ functionCall: { args: { usageMetadata: { promptTokenCount: 1 } } } }] } }],
        usageMetadata: { promptTokenCount: 8 },
      },
      { usageMetadata: { promptTokenCount: 8, candidatesTokenCount: 4, thoughtsTokenCount: 6, cachedContentTokenCount: 2 } },
    ]),
    usage: { promptTokens: 8, completionTokens: 10, cachedTokens: 2, reasoningTokens: 6 },
  },
  {
    name: 'Gemini as a list of replies',
    dialect: 'gemini',
    type: JSON_TYPE,
    text: JSON.stringify(
      [{ usageMetadata: { promptTokenCount: 8 } }, { usageMetadata: { promptTokenCount: 8, candidatesTokenCount: 4 } }],
      null,
      2,
    ),
    usage: { promptTokens: 8, completionTokens: 4 },
  },
  {
    name: 'embeddings',
    dialect: 'embeddings',
    type: JSON_TYPE,
    text: JSON.stringify({
      data: [{ embedding: Array.from({ length: 300 }, (_, i) => i / 7) }],
      usage: { prompt_tokens: 9, total_tokens: 9 },
    }),
    usage: { promptTokens: 9, completionTokens: 0 },
  },
  { name: 'a reply without usage', dialect: 'openai-chat', type: JSON_TYPE, text: '{"choices":[]}', usage: undefined },
  {
    name: 'usage that is no usage',
    dialect: 'openai-chat',
    type: JSON_TYPE,
    text: '{"usage":{"prompt_tokens":-1,"completion_tokens":"many"}}',
    usage: undefined,
  },
  {
    name: 'JSON that breaks off before its usage ends',
    dialect: 'openai-chat',
    type: JSON_TYPE,
    text: '{"usage":{"prompt_tokens":1,',
    usage: undefined,
  },
  {
    name: 'broken JSON in an event, then a good one',
    dialect: 'openai-chat',
    type: EVENTS,
    text: `data: {"a":"\n\n${events([{ usage: chatUsage }])}`,
    usage: chat,
  },
  {
    name: 'closing brackets without any opening ones',
    dialect: 'openai-chat',
    type: JSON_TYPE,
    text: '}}}]]"usage":{"prompt_tokens":1}',
    usage: undefined,
  },
];

/** Repeatable numbers from 0 to 1. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

test.each(samples)('reads $name, wherever its bytes are cut', ({ dialect, type, text, usage }) => {
  const bytes = Buffer.from(text);
  expect(read(dialect, type, bytes)).toEqual(usage);
  expect(read(dialect, type, bytes, () => 1)).toEqual(usage);
  for (let seed = 1; seed <= 200; seed++) {
    const next = random(seed);
    expect(read(dialect, type, bytes, () => Math.floor(next() * 40))).toEqual(usage);
  }
});

test.each(samples.slice(0, 2))('reads $name when it is compressed', ({ dialect, type, text, usage }) => {
  const next = random(5);
  expect(read(dialect, type, gzipSync(text), () => Math.floor(next() * 9))).toEqual(usage);
});

test('what was compressed and broke off tells nothing', () => {
  const bytes = gzipSync(JSON.stringify({ usage: chatUsage }));
  expect(read('openai-chat', JSON_TYPE, bytes.subarray(0, 20))).toBeUndefined();
});

test('a stream of 60 MB is read without keeping it', () => {
  const reader = usageReader('anthropic', EVENTS);
  const piece = Buffer.from(`data: ${JSON.stringify({ delta: { text: 'x'.repeat(1_000_000) } })}\n\n`);
  const open = Buffer.from('data: {"a":"');
  const before = process.memoryUsage().rss;
  for (let n = 0; n < 30; n++) reader?.push(piece);
  reader?.push(open);
  for (let n = 0; n < 30; n++) reader?.push(piece.subarray(30, 1_000_000));
  reader?.push(Buffer.from(`"}\n\n${events([{ usage: { input_tokens: 1, output_tokens: 2 } }])}`));
  expect(process.memoryUsage().rss - before).toBeLessThan(40_000_000);
  expect(reader?.end()).toEqual({ promptTokens: 1, completionTokens: 2 });
});

test('a usage object without end is given up', () => {
  const reader = usageReader('openai-chat', JSON_TYPE);
  reader?.push(Buffer.from('{"usage":{"a":"'));
  for (let n = 0; n < 100; n++) reader?.push(Buffer.alloc(10_000, 'x'));
  reader?.push(Buffer.from('","prompt_tokens":5}}'));
  expect(reader?.end()).toBeUndefined();
});

test('whatever the bytes are, nothing is thrown', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const next = random(seed);
    const sample = samples[seed % samples.length] as Sample;
    const bytes = Buffer.from(sample.text);
    for (let n = 0; n < 5; n++) bytes[Math.floor(next() * bytes.length)] = Math.floor(next() * 256);
    const usage = read(sample.dialect, sample.type, bytes, () => Math.floor(next() * 30));
    for (const tokens of Object.values(usage ?? {})) expect(tokens).toBeGreaterThanOrEqual(0);
  }
});

test('replies that are neither JSON nor events have no usage', () => {
  expect(usageReader('openai-chat', 'text/html')).toBeUndefined();
  expect(usageReader('models', JSON_TYPE)).toBeUndefined();
});
