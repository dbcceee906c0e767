/** Forms in which models call tools. A template shows which of them its model was trained in. */
import { randomUUID } from 'node:crypto';
import { argumentCalls, functionCalls, type ToolTypes } from './marked-calls.ts';
import { isJson, membersOf, objectsIn, stringIn } from './members.ts';

export interface FoundCall {
  name: string;
  /** As written. */
  arguments: string;
  /** Where the form has ids of its own. */
  id?: string;
}

export interface CallFormat {
  /** Where calls begin. */
  readonly opens: readonly string[];
  /** Where they end, by how they began; undefined: with the reply. */
  closes(open: string): string | undefined;
  /** A reply that is an object as a whole may be a call, without any marker. */
  readonly isBare?: boolean;
  /**
   * What stands between the markers.
   * @param isWhole it was closed: what is broken in it is the model's own
   * @returns undefined when it calls nothing: then it is text
   */
  read(block: string, tools: ToolTypes, isWhole: boolean): FoundCall[] | undefined;
  newId(): string;
}

const callId = (): string => `call_${randomUUID().replaceAll('-', '').slice(0, 24)}`;

/** `<tool_call>{"name": …, "arguments": …}</tool_call>` */
const hermes: CallFormat = {
  opens: ['<tool_call>'],
  closes: () => '</tool_call>',
  read: (block, _tools, isWhole) => one(objectCall(block, isWhole)),
  newId: callId,
};

/** `<tool_call><function=name><parameter=key>value</parameter></function></tool_call>`, its outer marker left out by some models. */
const qwenXml: CallFormat = {
  opens: ['<tool_call>', '<function='],
  closes: (open) => (open === '<tool_call>' ? '</tool_call>' : '</function>'),
  read: functionCalls,
  newId: callId,
};

/** `<tool_call>name<arg_key>key</arg_key><arg_value>value</arg_value></tool_call>` */
const glm: CallFormat = { opens: ['<tool_call>'], closes: () => '</tool_call>', read: argumentCalls, newId: callId };

/** `{"name": …, "parameters": …}` as all of the reply, or after a marker; more than one with a semicolon between them. */
const llamaJson: CallFormat = {
  opens: ['<|python_tag|>'],
  closes: () => undefined,
  isBare: true,
  read: (block, tools, isWhole) => {
    const calls = objectsIn(block).map((object) => objectCall(object, isWhole));
    const areCalls = calls.length > 0 && calls.every((call) => call !== undefined && tools.has(call.name));
    return areCalls ? calls.filter((call) => call !== undefined) : undefined;
  },
  newId: callId,
};

/** `[TOOL_CALLS][{"name": …, "arguments": …}]`, and of later models `[TOOL_CALLS]name[ARGS]{…}` */
const mistral: CallFormat = {
  opens: ['[TOOL_CALLS]'],
  closes: () => undefined,
  read: (block, _tools, isWhole) => {
    const calls = block.trimStart().startsWith('[')
      ? objectsIn(block).map((object) => objectCall(object, isWhole))
      : block.split('[TOOL_CALLS]').map((part) => {
          const [, name, id, text] = /^\s*([\w.-]+)\s*(?:\[CALL_ID\]([^[]*))?(?:\[ARGS\])?\s*(\{[\s\S]*)$/.exec(part) ?? [];
          const isRead = name !== undefined && text !== undefined && (isWhole || isJson(text));
          return isRead ? { name, arguments: text.trim(), ...(id && { id }) } : undefined;
        });
    return calls.length === 0 || calls.includes(undefined) ? undefined : calls.filter((call) => call !== undefined);
  },
  // Its templates take no others.
  newId: () => randomUUID().replaceAll('-', '').slice(0, 9),
};

/** Calls between markers of their own, inside those of all of them. */
const deepseek = marked('<｜tool▁calls▁begin｜>', '<｜tool▁calls▁end｜>', (block) =>
  [...block.matchAll(/<｜tool▁call▁begin｜>([\s\S]*?)<｜tool▁sep｜>([\s\S]*?)(?:<｜tool▁call▁end｜>|$)/g)].flatMap(([, first, rest]) => {
    const fenced = /^([^\n]*)\n```(?:json)?\n([\s\S]*?)\n?```\s*$/.exec(rest!);
    const [name, text] = fenced === null ? [first!.trim(), rest!.trim()] : [fenced[1]!.trim(), fenced[2]!];
    return name === '' ? [] : [{ name, arguments: text }];
  }),
);

const kimi = marked('<|tool_calls_section_begin|>', '<|tool_calls_section_end|>', (block) =>
  [...block.matchAll(/<\|tool_call_begin\|>([\s\S]*?)<\|tool_call_argument_begin\|>([\s\S]*?)(?:<\|tool_call_end\|>|$)/g)].flatMap(
    ([, id, text]) => {
      const name = /^(?:functions\.)?(.+?)(?::\d+)?$/.exec(id!.trim())?.[1];
      return name === undefined ? [] : [{ name, arguments: text!.trim(), id: id!.trim() }];
    },
  ),
);

export const FORMATS = { hermes, 'qwen-xml': qwenXml, glm, 'llama-json': llamaJson, mistral, deepseek, kimi } as const;
export type FormatName = keyof typeof FORMATS | 'harmony';

/** Markers of a template, the telling ones first. */
const MARKERS: readonly (readonly [string, FormatName])[] = [
  ['<|channel|>', 'harmony'],
  ['<｜tool▁calls▁begin｜>', 'deepseek'],
  ['<|tool_calls_section_begin|>', 'kimi'],
  ['<arg_key>', 'glm'],
  ['<function=', 'qwen-xml'],
  ['<tool_call>', 'hermes'],
  ['[TOOL_CALLS]', 'mistral'],
  ['ipython', 'llama-json'],
];

/** @returns undefined for a template that offers its model no tools, or in a form that is not known */
export function formatOf(template: string): FormatName | undefined {
  return /\btools\b/.test(template) ? MARKERS.find(([marker]) => template.includes(marker))?.[1] : undefined;
}

function marked(open: string, close: string, read: (block: string) => FoundCall[]): CallFormat {
  const readWhole = (block: string, isWhole: boolean): FoundCall[] | undefined => {
    const calls = read(block);
    return calls.length > 0 && (isWhole || calls.every((call) => isJson(call.arguments))) ? calls : undefined;
  };
  return { opens: [open], closes: () => close, read: (block, _tools, isWhole) => readWhole(block, isWhole), newId: callId };
}

function objectCall(text: string, isWhole: boolean): FoundCall | undefined {
  if (!isWhole && !isJson(text)) return undefined;
  const members = membersOf(text.trim());
  const name = stringIn(members?.get('name'));
  if (members === undefined || name === undefined || name === '') return undefined;
  const written = members.get('arguments') ?? members.get('parameters') ?? '{}';
  const id = stringIn(members.get('id'));
  return { name, arguments: stringIn(written) ?? written, ...(id !== undefined && { id }) };
}

function one(call: FoundCall | undefined): FoundCall[] | undefined {
  return call === undefined ? undefined : [call];
}
