/** Messages of a chat completion, as templates read them. */
import { z } from 'zod';
import { Fault } from '../../fault.ts';
import type { ChatMessage } from '../engine.ts';

const Part = z.looseObject({ type: z.string(), text: z.string().optional() });
const Call = z.looseObject({
  id: z.string().nullish(),
  function: z.looseObject({ name: z.string(), arguments: z.string().nullish() }),
});

export const Message = z.looseObject({
  role: z.string(),
  content: z.union([z.string(), z.array(Part)]).nullish(),
  name: z.string().nullish(),
  reasoning_content: z.string().nullish(),
  reasoning: z.string().nullish(),
  tool_calls: z.array(Call).nullish(),
  tool_call_id: z.string().nullish(),
});

/** @throws Fault 400 for a part that is no text */
export function messageOf(message: z.output<typeof Message>): ChatMessage {
  const { role, content, name, tool_calls: calls, tool_call_id: toolCallId } = message;
  const reasoning = message.reasoning_content ?? message.reasoning;
  const toolCalls = calls?.map(({ id, function: called }) => ({ id: id ?? '', name: called.name, arguments: called.arguments ?? '{}' }));
  return {
    role,
    content: textOf(content ?? ''),
    ...(name != null && { name }),
    ...(reasoning != null && reasoning !== '' && { reasoning }),
    ...(toolCalls !== undefined && toolCalls.length > 0 && { toolCalls }),
    ...(toolCallId != null && { toolCallId }),
  };
}

function textOf(content: string | readonly z.output<typeof Part>[]): string {
  if (typeof content === 'string') return content;
  return content
    .map(({ type, text }) => {
      if (text !== undefined) return text;
      throw new Fault(400, `A message has a part '${type.slice(0, 40)}'; models that are sampled here read text alone.`);
    })
    .join('');
}
