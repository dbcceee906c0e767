/** Gemini's own tool for a screen: one declaration, many functions, coordinates from 0 to 999 whatever the screen's size. */
import { isHudError } from '../../protocol/errors.ts';
import type { ContentBlock, ToolResult } from '../../protocol/trace.ts';
import { textArgument } from './arguments.ts';
import { GEMINI_ACTIONS, type Acting } from './gemini-actions.ts';
import type { ScreenView, ShotOptions } from './screen-view.ts';
import type { AgentTool } from './tool.ts';

/** The name that its calls go by here; the model calls the functions themselves. */
export const GEMINI_COMPUTER = 'computer_use';

/** Where a screen is that shows no page. */
export const NO_PAGE = 'about:blank';

export interface GeminiComputerOptions {
  /** @default "browser" */
  environment?: 'browser' | 'desktop' | undefined;
  /** Functions that the model is not offered. */
  excluded?: readonly string[] | undefined;
}

/** Takes `{ action: 'click_at', …arguments }`; `structuredContent` is `{ url }`, which the API wants besides the picture. */
export function geminiComputer(view: ScreenView, { environment = 'browser', excluded = [] }: GeminiComputerOptions = {}): AgentTool {
  const held = new Map<string, boolean>();
  return {
    name: GEMINI_COMPUTER,
    description: 'Sees and uses a screen with mouse and keyboard.',
    inputSchema: { type: 'object', properties: { action: { type: 'string' } }, required: ['action'] },
    native: {
      computerUse: {
        environment: environment === 'browser' ? 'ENVIRONMENT_BROWSER' : 'ENVIRONMENT_DESKTOP',
        ...(excluded.length === 0 ? {} : { excludedPredefinedFunctions: [...excluded] }),
      },
    },
    capability: 'screen',
    async execute(args, { signal }) {
      const failure = await attempt({ view, args, signal, held }, excluded);
      const isAfterAction = args.action !== 'wait_5_seconds' && args.action !== 'open_web_browser' && failure === undefined;
      return await answer(view, failure, { signal, isAfterAction });
    },
  };
}

/** @returns why it could not be done, for the model */
async function attempt(acting: Acting, excluded: readonly string[]): Promise<string | undefined> {
  try {
    const action = textArgument(acting.args, 'action');
    const run = Object.hasOwn(GEMINI_ACTIONS, action) ? GEMINI_ACTIONS[action] : undefined;
    if (run === undefined || excluded.includes(action)) return `There is no function ${action} here.`;
    await run(acting);
    return undefined;
  } catch (error) {
    if (!isHudError(error) || (error.code !== 'BAD_ARGUMENT' && error.code !== 'RPC_ERROR')) throw error;
    return error.hint === undefined ? error.message : `${error.message} ${error.hint}`;
  }
}

/** The screen when it has come to rest, after a failure too. The API demands an address of each; a desktop is on no page. */
async function answer(view: ScreenView, failure: string | undefined, options: ShotOptions): Promise<ToolResult> {
  const picture = await view.shot(options);
  const url = (await view.driver.navigation?.url({ signal: options.signal })) ?? NO_PAGE;
  const said: ContentBlock[] = failure === undefined ? [] : [{ type: 'text', text: failure }];
  return { content: [...said, picture], isError: failure !== undefined, structuredContent: { url } };
}
