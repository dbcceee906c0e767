import { expect, test } from 'vitest';
import { formatOf, type FormatName } from './formats.ts';
import { replyFormat, type ToolFormat } from './reply-format.ts';

const tool = (name: string, properties: object) => ({ type: 'function', function: { name, parameters: { type: 'object', properties } } });
const TOOLS = [
  tool('weather', {
    city: { type: 'string' },
    days: { type: 'integer' },
    tags: { type: 'array' },
    note: { anyOf: [{ type: 'string' }, { type: 'null' }] },
  }),
  tool('now', {}),
];
/** Of a template that knows tools and thoughts. */
const TEMPLATE = 'tools </think>';

/** As one piece each: what is content, what thought, and each call as `name(arguments)`. */
function read(format: ToolFormat, texts: Iterable<string>, { prompt = '', tools = TOOLS, isWhole = true } = {}) {
  const reader = replyFormat(TEMPLATE, format).reader(prompt, tools);
  const pieces = [...[...texts].flatMap((text) => reader.push(text)), ...reader.end(isWhole)];
  const joined = (kind: 'content' | 'reasoning') => pieces.map((piece) => (piece.kind === kind ? piece.text : '')).join('');
  const calls = pieces.flatMap((piece) => (piece.kind === 'call' ? [`${piece.call.name}(${piece.call.arguments})`] : []));
  return { content: joined('content'), reasoning: joined('reasoning'), calls };
}

const [SEP, CALL, CALL_END] = ['<｜tool▁sep｜>', '<｜tool▁call▁begin｜>', '<｜tool▁call▁end｜>'];
const [CALLS, CALLS_END] = ['<｜tool▁calls▁begin｜>', '<｜tool▁calls▁end｜>'];

const CASES: { says: string; format: ToolFormat; reply: string; content?: string; reasoning?: string; calls?: string[] }[] = [
  {
    says: 'plain text, blanks and all',
    format: 'hermes',
    reply: ' a < b \n\n{"name": "now"} \n',
    content: ' a < b \n\n{"name": "now"} \n',
  },
  {
    says: 'thoughts, words and two calls',
    format: 'hermes',
    reply:
      '<think>\nSo.\n</think>\n\nLet me see.\n' +
      '<tool_call>\n{"name": "weather", "arguments": {"city": "Zürich", "days": 1.0}}\n</tool_call>\n' +
      '<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>\n',
    reasoning: 'So.',
    content: 'Let me see.',
    calls: ['weather({"city": "Zürich", "days": 1.0})', 'now({})'],
  },
  {
    says: 'arguments that are no JSON, unchanged',
    format: 'hermes',
    reply: '<tool_call>{"name": "weather", "arguments": {"city": , "x": }}</tool_call>',
    calls: ['weather({"city": , "x": })'],
  },
  {
    says: 'arguments in a string',
    format: 'hermes',
    reply: '<tool_call>{"name": "now", "arguments": "{\\"a\\": 1}"}</tool_call>',
    calls: ['now({"a": 1})'],
  },
  {
    says: 'a call without a name as text',
    format: 'hermes',
    reply: 'x <tool_call>{"arguments": {}}</tool_call> y',
    content: 'x <tool_call>{"arguments": {}}</tool_call> y',
  },
  {
    says: 'a call that is cut off as text',
    format: 'hermes',
    reply: '<tool_call>\n{"name": "now", "argu',
    content: '<tool_call>\n{"name": "now", "argu',
  },
  {
    says: 'a call whose end marker alone is missing',
    format: 'hermes',
    reply: '<tool_call>\n{"name": "now", "arguments": {}}',
    calls: ['now({})'],
  },
  { says: 'thoughts that are cut off', format: 'hermes', reply: '<think>\nI am not do', reasoning: 'I am not do' },
  {
    says: 'parameters by the types of the schema',
    format: 'qwen-xml',
    reply:
      'On it.\n\n<tool_call>\n<function=weather>\n<parameter=city>\n12 "Rue"\nTwo\n</parameter>\n<parameter=days>\n3\n</parameter>\n' +
      "<parameter=tags>\n['a']\n</parameter>\n<parameter=note>\nNone\n</parameter>\n</function>\n</tool_call>",
    content: 'On it.',
    calls: [`weather({"city": "12 \\"Rue\\"\\nTwo", "days": 3, "tags": "['a']", "note": null})`],
  },
  { says: 'a function without the outer marker', format: 'qwen-xml', reply: '<function=now>\n</function>', calls: ['now({})'] },
  {
    says: 'keys and values',
    format: 'glm',
    reply:
      '<tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>007</arg_value>\n' +
      '<arg_key>days</arg_key><arg_value>2</arg_value></tool_call>',
    calls: ['weather({"city": "007", "days": 2})'],
  },
  {
    says: 'a bare object',
    format: 'llama-json',
    reply: '{"name": "weather", "parameters": {"city": "A; B"}}',
    calls: ['weather({"city": "A; B"})'],
  },
  {
    says: 'objects after the marker',
    format: 'llama-json',
    reply: '<|python_tag|>{"name": "now", "parameters": {}}; {"name": "now", "parameters": {}}',
    calls: ['now({})', 'now({})'],
  },
  {
    says: 'JSON that calls no tool of the request',
    format: 'llama-json',
    reply: '{"name": "Ann", "age": 3}',
    content: '{"name": "Ann", "age": 3}',
  },
  {
    says: 'a list after a marker',
    format: 'mistral',
    reply: 'Sure.[TOOL_CALLS] [{"name": "now", "arguments": {}}, {"name": "weather", "arguments": {"city": "]"}}]',
    content: 'Sure.',
    calls: ['now({})', 'weather({"city": "]"})'],
  },
  {
    says: 'named arguments',
    format: 'mistral',
    reply: '[TOOL_CALLS]now[ARGS]{}[TOOL_CALLS]weather[ARGS]{"city": ',
    calls: ['now({})', 'weather({"city":)'],
  },
  {
    says: 'fenced arguments',
    format: 'deepseek',
    reply: `${CALLS}${CALL}function${SEP}now\n\`\`\`json\n{"a": 1}\n\`\`\`${CALL_END}${CALLS_END}`,
    calls: ['now({"a": 1})'],
  },
  {
    says: 'plain arguments',
    format: 'deepseek',
    reply: `Hm${CALLS}${CALL}now${SEP}{}${CALL_END}${CALL}now${SEP}{"a":1}${CALL_END}${CALLS_END}`,
    content: 'Hm',
    calls: ['now({})', 'now({"a":1})'],
  },
  {
    says: 'a section of calls',
    format: 'kimi',
    reply:
      '<|tool_calls_section_begin|><|tool_call_begin|>functions.now:0' +
      '<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>',
    calls: ['now({})'],
  },
  {
    says: 'channels',
    format: 'harmony',
    reply:
      '<|channel|>analysis<|message|>Need it.<|end|>' +
      '<|start|>assistant<|channel|>commentary to=functions.now <|constrain|>json<|message|>{"a": 1}<|call|>',
    reasoning: 'Need it.',
    calls: ['now({"a": 1})'],
  },
  { says: 'the final channel', format: 'harmony', reply: '<|channel|>final<|message|>Done.', content: 'Done.' },
];

test.each(CASES)('$format reads $says, whole and letter by letter', ({ format, reply, content = '', reasoning = '', calls = [] }) => {
  expect(read(format, [reply])).toEqual({ content, reasoning, calls });
  expect(read(format, reply)).toEqual({ content, reasoning, calls });
});

test('what the prompt has opened is thought; without tools, markers are text', () => {
  expect(read('hermes', ['hm</think>\n\nYes'], { prompt: '<|im_start|>assistant\n<think>\n' })).toMatchObject({
    reasoning: 'hm',
    content: 'Yes',
  });
  const reply = '<tool_call>{"name": "now"}</tool_call>';
  expect(read('hermes', [reply], { tools: [] })).toMatchObject({ content: reply, calls: [] });
});

test.each<{ format: ToolFormat; reply: string; says: string }>([
  { format: 'llama-json', reply: '{"name": "now", "parameters": {"a', says: '{"name": "now", "parameters": {"a' },
  { format: 'mistral', reply: '[TOOL_CALLS]now[ARGS]{"a', says: '[TOOL_CALLS]now[ARGS]{"a' },
  { format: 'harmony', reply: '<|channel|>commentary to=functions.now<|message|>{"a', says: '{"a' },
])('a call as $format that is cut off is text', ({ format, reply, says }) => {
  expect(read(format, [reply], { isWhole: false })).toEqual({ content: says, reasoning: '', calls: [] });
});

test('text is told as it comes, but for what may become a marker', () => {
  const reader = replyFormat(TEMPLATE, 'hermes').reader('', TOOLS);
  expect(['He', 'llo <', 'b> ', '<tool', '_call>{"name":"now"}</tool_c', 'all>'].map((text) => reader.push(text))).toMatchObject([
    [{ text: 'He' }],
    [{ text: 'llo' }],
    [{ text: ' <b>' }],
    [],
    [],
    [{ kind: 'call', call: { id: expect.stringMatching(/^call_[0-9a-f]{24}$/) as string, name: 'now', arguments: '{}' } }],
  ]);
});

test.each<{ writes: string; format: FormatName | undefined }>([
  { writes: 'tools <tool_call>', format: 'hermes' },
  { writes: 'tools <tool_call><function=', format: 'qwen-xml' },
  { writes: 'tools [TOOL_CALLS]', format: 'mistral' },
  { writes: 'tools ipython', format: 'llama-json' },
  { writes: 'tools <|channel|>', format: 'harmony' },
  { writes: '<tool_call>', format: undefined },
  { writes: 'tools', format: undefined },
])('a template that writes "$writes" is of a model that calls as $format', ({ writes, format }) => {
  expect(formatOf(writes)).toBe(format);
});
