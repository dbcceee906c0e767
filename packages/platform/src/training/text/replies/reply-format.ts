/** How a model's replies are read: chosen by what its chat template writes, or by a setting. */
import type { ReplyFormat } from '../../engine.ts';
import { FORMATS, formatOf, type FormatName } from './formats.ts';
import { HarmonyReader } from './harmony.ts';
import { typesOf } from './marked-calls.ts';
import { MarkerReader, THINK, THINK_END } from './reader.ts';

export const TOOL_FORMATS = ['auto', 'none', ...(Object.keys(FORMATS) as (keyof typeof FORMATS)[]), 'harmony'] as const;
export type ToolFormat = (typeof TOOL_FORMATS)[number];

export interface MarkedReplies extends ReplyFormat {
  /** Texts that it goes by: tokens of them are part of what is read. */
  readonly markers: readonly string[];
  /** Those at which a reply ends, besides what the model's files say. */
  readonly ends?: readonly string[];
}

/** @param template of all conversations; `auto` goes by it */
export function replyFormat(template: string, asked: ToolFormat): MarkedReplies {
  const name: FormatName | undefined = asked === 'auto' ? formatOf(template) : asked === 'none' ? undefined : asked;
  if (name === 'harmony') {
    const markers = ['<|start|>', '<|channel|>', '<|constrain|>', '<|message|>', '<|end|>', '<|call|>', '<|return|>'];
    return { callsTools: true, markers, ends: ['<|call|>'], reader: (_prompt, tools) => new HarmonyReader(tools.length > 0) };
  }
  const format = name === undefined ? undefined : FORMATS[name];
  const mayThink = template.includes(THINK_END);
  const inner = name === 'deepseek' ? ['<｜tool▁call▁begin｜>', '<｜tool▁sep｜>', '<｜tool▁call▁end｜>'] : [];
  const ofKimi = name === 'kimi' ? ['<|tool_call_begin|>', '<|tool_call_argument_begin|>', '<|tool_call_end|>'] : [];
  const ofMistral = name === 'mistral' ? ['[ARGS]', '[CALL_ID]'] : [];
  const opens = format?.opens ?? [];
  const closes = opens.flatMap((open) => format?.closes(open) ?? []);
  return {
    callsTools: format !== undefined,
    markers: [...opens, ...closes, ...inner, ...ofKimi, ...ofMistral, THINK, THINK_END],
    reader: (prompt, tools) =>
      new MarkerReader({
        format: tools.length > 0 ? format : undefined,
        tools: typesOf(tools),
        thinks: !mayThink ? 'never' : /<think>\s*$/.test(prompt) ? 'begun' : 'may',
      }),
  };
}
