/** An agent for web pages: any chat model, with actions on numbered elements of the page in place of pixels. */
import { CdpScreen } from '../capabilities/cdp-screen.ts';
import { HudError } from '../protocol/errors.ts';
import { isPlainObject } from '../protocol/json.ts';
import type { Agent } from './agent.ts';
import { BrowserPage } from './browser-page.ts';
import { DONE, browserTools } from './browser-tools.ts';
import { priceOf } from './catalogue.ts';
import type { ToolAgentConfig } from './config.ts';
import type { Conversation, ModelAdapter, ModelTurn } from './model.ts';
import { routeModel } from './routing.ts';
import { toolAgent } from './tool-agent.ts';
import type { Reach } from './tools/reach.ts';
import { screenView } from './tools/screen-view.ts';

type Api = 'claude' | 'openai' | 'openai_compatible' | 'gemini';

export interface BrowserAgentConfig extends ToolAgentConfig {
  /** Whose API the model speaks. @default by the model's name; with a `baseUrl` of your own "openai_compatible" */
  api?: Api;
  /** A picture of the page with each state, for models that see. @default false */
  screenshots?: boolean;
}

const MAX_STEPS = 25;
const PROMPT = `You work in a web browser, one page at a time, by calling tools. Begin with \`look\`.
Each action answers with the page as it is afterwards: its address, its elements by number, and its text.
Numbers hold for the last state only. Read what the page says after each action; when something fails, try another way.
When the task is done, or can't be, call \`done\` alone, with the answer.`;

/**
 * Drives the environment's `cdp` capability; `capabilities.screen` names one of several.
 * @throws HudError AGENT_UNKNOWN for a model that nobody knows, MODEL_KEY_MISSING
 */
export async function browserAgent(config: BrowserAgentConfig = {}): Promise<Agent> {
  const { api, merged } = await routed(config);
  const makeAdapter = await ADAPTERS[api]();
  const price = merged.price ?? priceOf(makeAdapter(merged).model);
  const complete = { maxSteps: MAX_STEPS, ...merged, ...(price === undefined ? {} : { price }) };
  const capabilities = { screen: 'cdp', ...merged.capabilities };
  return toolAgent('browser', { ...complete, capabilities }, (own: BrowserAgentConfig) => browserAdapter(makeAdapter(own), own));
}

/** The model's own tools over screen and shell make way for those of the page. */
export function browserAdapter(adapter: ModelAdapter, { screenshots = false, computer }: BrowserAgentConfig = {}): ModelAdapter {
  return {
    provider: adapter.provider,
    model: adapter.model,
    tools: ({ screen }: Reach) => {
      if (screen instanceof CdpScreen) return browserTools(new BrowserPage(screen), screenshots ? screenView(screen, computer) : undefined);
      throw new HudError(
        'CAPABILITY_NOT_FOUND',
        'The browser agent needs a capability of protocol cdp/1.3, and this environment offers none.',
      );
    },
    begin: ({ systemPrompt, ...init }) =>
      untilDone(adapter.begin({ ...init, systemPrompt: systemPrompt === undefined ? PROMPT : `${PROMPT}\n\n${systemPrompt}` })),
  };
}

/** A turn whose one call is `done` is the last one, and what it says is the answer. */
function untilDone(conversation: Conversation): Conversation {
  return {
    addResults: (results) => conversation.addResults(results),
    addUserText: (text) => conversation.addUserText(text),
    async ask(context): Promise<ModelTurn> {
      const turn = await conversation.ask(context);
      const [call, ...others] = turn.toolCalls ?? [];
      const answer = call?.name === DONE && others.length === 0 && isPlainObject(call.arguments) ? call.arguments.text : undefined;
      return typeof answer === 'string' ? { ...turn, content: answer, done: true } : turn;
    },
  };
}

async function routed(config: BrowserAgentConfig): Promise<{ api: Api; merged: BrowserAgentConfig }> {
  if (config.api !== undefined) return { api: config.api, merged: config };
  if (config.baseUrl !== undefined) return { api: 'openai_compatible', merged: config };
  const { model, ...rest } = config;
  const { type, config: merged } = await routeModel(model ?? 'claude', rest as BrowserAgentConfig);
  if (isApi(type)) return { api: type, merged };
  throw new HudError('AGENT_UNKNOWN', `'${model}' is no chat model.`, { hint: 'Pass --model NAME, or { model: … }.' });
}

function isApi(type: string): type is Api {
  return Object.hasOwn(ADAPTERS, type);
}

/** Loaded on use, as by `create-agent.ts`. */
const ADAPTERS: Record<Api, () => Promise<(config: ToolAgentConfig) => ModelAdapter>> = {
  claude: async () => (await import('./claude.ts')).claudeAdapter,
  openai: async () => (await import('./openai.ts')).openaiAdapter,
  openai_compatible: async () => (await import('./openai-compatible.ts')).openaiCompatibleAdapter,
  gemini: async () => (await import('./gemini.ts')).geminiAdapter,
};
