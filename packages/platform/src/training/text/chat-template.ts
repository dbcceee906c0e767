/** Conversations as the text that a model was trained to read: its own Jinja template. */
import { HudError, messageOf } from 'hud/protocol';
import type { ChatMessage, Conversation, ToolCall } from '../engine.ts';

export interface ChatTemplate {
  /** Of all its templates. */
  readonly source: string;
  /** @throws HudError BAD_ARGUMENT in the template's words */
  render(conversation: Conversation, opens?: { assistant: boolean }): string;
}

export interface TemplateTexts {
  model: string;
  plain: string;
  tools?: string;
  /** Of special tokens, by name. */
  specials: Readonly<Record<string, string>>;
}

/** @throws HudError BAD_CONFIG for a template that is no Jinja */
export async function openTemplate({ model, plain, tools, specials }: TemplateTexts): Promise<ChatTemplate> {
  const { Template } = await import('@huggingface/jinja');
  const parse = (text: string): InstanceType<typeof Template> => {
    try {
      return new Template(text);
    } catch (cause) {
      throw new HudError('BAD_CONFIG', `The chat template of ${model} can't be read: ${messageOf(cause)}.`, { cause });
    }
  };
  const [usual, withTools] = [parse(plain), tools === undefined ? undefined : parse(tools)];
  const source = `${plain}${tools ?? ''}`;
  const dialect = dialectOf(source);
  return {
    source,
    render: (conversation, { assistant } = { assistant: true }) => {
      const offered = conversation.tools?.length ? conversation.tools : null;
      const own = { messages: conversation.messages.map((message) => spoken(message, dialect)), tools: offered, documents: null };
      const variables = { ...conversation.variables, ...specials, ...own, add_generation_prompt: assistant };
      try {
        return ((offered !== null && withTools) || usual).render(variables);
      } catch (cause) {
        const why = messageOf(cause).replace(/\.$/, '');
        throw new HudError('BAD_ARGUMENT', `The chat template of ${model} does not take this conversation: ${why}.`, { cause });
      }
    },
  };
}

/** How a template reads messages, where they differ. */
interface Dialect {
  /** Joins the arguments of calls as text; most read objects. */
  argumentsAreText: boolean;
  /** Asks whether an assistant that only calls has no content; most read empty text. */
  contentMayBeNone: boolean;
  /** Says `thinking` for what most call `reasoning_content`. */
  saysThinking: boolean;
  knowsDeveloper: boolean;
}

function dialectOf(source: string): Dialect {
  const [joined, dumped] = [/\+\s*[\w.[\]'"]*\barguments\b['"\]]*\s*(\+|-?\}\})/, /\barguments\b['"\]]*\s*\|\s*tojson/];
  return {
    argumentsAreText: joined.test(source) && !dumped.test(source),
    contentMayBeNone: /\bcontent\b['"\]]*\s+is\s+(not\s+)?none/i.test(source),
    saysThinking: /message(\.thinking|\[['"]thinking)/.test(source),
    knowsDeveloper: source.includes('developer'),
  };
}

function spoken({ role, content, name, reasoning, toolCalls, toolCallId }: ChatMessage, dialect: Dialect): object {
  const isMute = content === '' && toolCalls !== undefined && dialect.contentMayBeNone;
  const thoughts = dialect.saysThinking && toolCalls !== undefined && content !== '' ? undefined : reasoning;
  return {
    role: roleOf(role, dialect),
    content: isMute ? null : content,
    ...(name !== undefined && { name }),
    ...(thoughts !== undefined && { [dialect.saysThinking ? 'thinking' : 'reasoning_content']: thoughts }),
    ...(toolCalls !== undefined && { tool_calls: toolCalls.map((call) => calledAs(call, dialect)) }),
    ...(toolCallId !== undefined && { tool_call_id: toolCallId }),
  };
}

function roleOf(role: string, { knowsDeveloper }: Dialect): string {
  if (role === 'developer' && !knowsDeveloper) return 'system';
  return role === 'function' ? 'tool' : role;
}

function calledAs({ id, name, arguments: text }: ToolCall, { argumentsAreText }: Dialect): object {
  return { id, type: 'function', function: { name, arguments: argumentsAreText ? text : objectOr(text) } };
}

/** What is no JSON stays as the model wrote it. */
function objectOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
