/** What the models behind the platform's gateway say, and the file that names them. */
import type { ModelRequest, ModelServer, ModelTurn } from '../packages/hud/src/testing/index.ts';

/** Answers `echo` tasks: right for the tag `right`. Plays the shop as well. */
export const CHAT_MODEL = 'scripted-chat';
/** Answers what the package's rubric asks. */
export const JUDGE_MODEL = 'scripted-judge';
/** Fails with status 400 each time. */
export const BROKEN_MODEL = 'scripted-broken';
/** Calls a tool with arguments that are no JSON, then gives up. */
export const SLOPPY_MODEL = 'scripted-sloppy';
/** May be forked. */
export const OPEN_MODEL = 'scripted-open';
/** Play the shop, each in its vendor's own dialect; one for each kind of agent. */
export const VENDOR_MODELS = { claude: 'claude-sonnet-4-6', openai: 'gpt-5.4', gemini: 'gemini-3-pro-preview' } as const;

export const OWN_MODELS = [CHAT_MODEL, JUDGE_MODEL, BROKEN_MODEL, SLOPPY_MODEL, OPEN_MODEL];

/** USD per million tokens. */
const PRICE = { input: 2, output: 10 };

/** As `HUD_PLATFORM_UPSTREAMS` has it. */
export function upstreamFile({ baseUrls }: ModelServer): unknown {
  const upstream = (name: string, base_url: string, dialects: string[]): object => ({
    name,
    base_url,
    dialects,
    api_key: 'upstream-secret',
  });
  return {
    upstreams: [
      upstream('scripted', baseUrls.openai, ['openai-chat', 'openai-responses']),
      upstream('scripted-claude', baseUrls.anthropic, ['anthropic']),
      upstream('scripted-gemini', baseUrls.gemini, ['gemini']),
    ],
    models: [
      ...OWN_MODELS.map((model_name) => ({ model_name, upstream: 'scripted', price: PRICE, is_trainable: model_name === OPEN_MODEL })),
      ...Object.entries(VENDOR_MODELS).map(([sdk_agent_type, model_name]) => ({
        model_name,
        sdk_agent_type,
        upstream: sdk_agent_type === 'openai' ? 'scripted' : `scripted-${sdk_agent_type}`,
        price: PRICE,
      })),
    ],
  };
}

export function nextTurn({ model, messages, tools }: ModelRequest): ModelTurn {
  const asked = messages.findLast(({ role }) => role === 'user')?.text ?? '';
  if (model === BROKEN_MODEL) return { fault: { status: 400, message: 'this model never works' } };
  if (model === JUDGE_MODEL) {
    const isMet = asked.includes('names Paris');
    return { text: JSON.stringify({ criterion_status: isMet ? 'MET' : 'UNMET', explanation: 'as it is written' }) };
  }
  const task = messages.map(({ text }) => text).join('\n');
  const turn = messages.filter(({ role }) => role === 'assistant').length;
  const script = scriptOf(task, (name) => tools.find((tool) => tool.endsWith(name)) ?? name, model);
  if (script !== undefined) return script[turn] ?? { text: 'Done.' };
  return { text: asked.includes('tag=right') ? 'right' : 'something else' };
}

/** @param tool its name as the agent offers it: of several servers' tools the names have their server's before them */
function scriptOf(task: string, tool: (name: string) => string, model: string): ModelTurn[] | undefined {
  const [, word] = /Write (\S+) into result\.txt/.exec(task) ?? [];
  if (word !== undefined) return [{ toolCalls: [{ name: 'bash', arguments: { command: `echo ${word} > result.txt` } }] }];
  const [, note] = /Errand: keep the note (.*)/.exec(task) ?? [];
  if (note === undefined) return undefined;
  if (model === SLOPPY_MODEL) return [{ text: 'I try.', toolCalls: [{ name: tool('add_note'), arguments: '{"text": ' }] }];
  return [
    { text: 'I look around.', toolCalls: [{ name: tool('look'), arguments: {} }] },
    { toolCalls: [{ name: tool('fail'), arguments: {} }] },
    { toolCalls: [{ name: tool('add_note'), arguments: { text: note } }] },
  ];
}
