/** Actions on a web page as function tools for any chat model; each answers with the page as it is afterwards. */
import { sleep } from '../host/host.ts';
import { nodeHost } from '../host/node.ts';
import type { JsonObject } from '../protocol/json.ts';
import { HudError, isHudError } from '../protocol/errors.ts';
import type { ToolResult } from '../protocol/trace.ts';
import type { BrowserPage } from './browser-page.ts';
import { numberArgument, optionalText, textArgument } from './tools/arguments.ts';
import type { ScreenView } from './tools/screen-view.ts';
import { textResult, type AgentTool } from './tools/tool.ts';

/** The tool that ends the run. */
export const DONE = 'done';

const MAX_WAIT_S = 30;
const INDEX = { type: 'integer', minimum: 0, description: 'Number of the element in the last state of the page' };

interface Action {
  description: string;
  properties?: JsonObject;
  /** @default all of them */
  required?: string[];
  /** What is told besides the page's new state. */
  act(args: JsonObject, signal: AbortSignal): Promise<string>;
  /** The state follows. @default true */
  showsState?: boolean;
}

/** @param view shows a picture with each state */
export function browserTools(page: BrowserPage, view?: ScreenView): AgentTool[] {
  return Object.entries(actions(page)).map(([name, action]) => toolOf(name, action, page, view));
}

function toolOf(name: string, action: Action, page: BrowserPage, view: ScreenView | undefined): AgentTool {
  const { description, properties = {}, required = Object.keys(properties), act, showsState = true } = action;
  return {
    name,
    description,
    inputSchema: { type: 'object', properties, required, additionalProperties: false },
    capability: 'screen',
    async execute(args, { signal }) {
      try {
        const said = await act(args, signal);
        if (!showsState) return textResult(said);
        return await withPicture(textResult(`${said}\n\n${await page.state(signal)}`), view, signal);
      } catch (error) {
        if (isBusy(error)) return textResult(BUSY, true);
        if (!isForModel(error)) throw error;
        return textResult(`${error.message}${error.hint === undefined ? '' : ` ${error.hint}`}\n\n${await page.state(signal)}`, true);
      }
    },
  };
}

const BUSY = 'The page does not answer: its scripts are busy. Wait, go back, or open another page.';

/** A command to a page that did not finish while the browser lives. */
function isBusy(error: unknown): boolean {
  return isHudError(error) && error.data?.timeoutMs !== undefined;
}

/** What a model can react to. */
function isForModel(error: unknown): error is HudError {
  return isHudError(error) && (error.code === 'BAD_ARGUMENT' || error.code === 'RPC_ERROR');
}

async function withPicture(result: ToolResult, view: ScreenView | undefined, signal: AbortSignal): Promise<ToolResult> {
  if (view === undefined) return result;
  return { ...result, content: [...result.content, await view.shot({ signal, settle: false })] };
}

function actions(page: BrowserPage): Record<string, Action> {
  const { navigation } = page.screen;
  return {
    look: { description: 'Shows the page as it is now.', act: () => Promise.resolve('The page now:') },
    click: {
      description: 'Clicks an element.',
      properties: { index: INDEX },
      async act(args, signal) {
        await page.click(indexOf(args), signal);
        return `Clicked ${indexOf(args)}.`;
      },
    },
    type: {
      description: 'Types text into a field, in place of what is there.',
      properties: {
        index: INDEX,
        text: { type: 'string' },
        press_enter: { type: 'boolean', description: 'Press Enter afterwards. Default false' },
        clear: { type: 'boolean', description: 'Empty the field first. Default true' },
      },
      required: ['index', 'text'],
      async act(args, signal) {
        const options = { clear: args.clear !== false, pressEnter: args.press_enter === true, signal };
        await page.type(indexOf(args), textArgument(args, 'text'), options);
        return `Typed into ${indexOf(args)}.`;
      },
    },
    select_option: {
      description: 'Chooses an option of a list (combobox with options).',
      properties: { index: INDEX, option: { type: 'string', description: 'Its text' } },
      async act(args, signal) {
        await page.select(indexOf(args), textArgument(args, 'option'), signal);
        return `Chose ${textArgument(args, 'option')}.`;
      },
    },
    navigate: {
      description: 'Opens an address.',
      properties: { url: { type: 'string' } },
      async act(args, signal) {
        const url = resolved(textArgument(args, 'url'), await navigation.url({ signal }));
        await navigation.navigate(url, { signal });
        return `Opened ${url}.`;
      },
    },
    go_back: {
      description: 'Goes back to the page before.',
      async act(_args, signal) {
        await navigation.back({ signal });
        return 'Went back.';
      },
    },
    scroll: {
      description: 'Scrolls by most of a window.',
      properties: { direction: { type: 'string', enum: ['up', 'down', 'left', 'right'] } },
      async act(args, signal) {
        await page.scroll(distanceOf(textArgument(args, 'direction'), page), signal);
        return `Scrolled ${textArgument(args, 'direction')}.`;
      },
    },
    extract: {
      description: 'Gives the whole text of the page, also what is not in view.',
      properties: { start: { type: 'integer', minimum: 0, description: 'Where to go on, in characters. Default 0' } },
      required: [],
      showsState: false,
      act: async (args, signal) => await page.text(args.start === undefined || args.start === null ? 0 : startOf(args), signal),
    },
    wait: {
      description: 'Waits for a page that is still working.',
      properties: { seconds: { type: 'number', minimum: 0, maximum: MAX_WAIT_S } },
      async act(args, signal) {
        await sleep(nodeHost, 1000 * numberArgument(args, 'seconds', { min: 0, max: MAX_WAIT_S }), signal);
        return 'Waited.';
      },
    },
    [DONE]: {
      description: 'Ends the work. Call it alone, after you have seen that everything is done or can not be done.',
      properties: {
        text: { type: 'string', description: 'The answer, or what was done' },
        success: { type: 'boolean', description: 'Was the task achieved?' },
      },
      showsState: false,
      act: (args) =>
        Promise.reject(
          new HudError(
            'BAD_ARGUMENT',
            optionalText(args, 'text') === undefined ? 'It needs a text.' : 'Call it alone, in a turn of its own.',
          ),
        ),
    },
  };
}

function indexOf(args: JsonObject): number {
  return Math.trunc(numberArgument(args, 'index', { min: 0, max: 1_000_000 }));
}

function startOf(args: JsonObject): number {
  return Math.trunc(numberArgument(args, 'start', { min: 0, max: Number.MAX_SAFE_INTEGER }));
}

/** Also relative to the page, and without a scheme. */
function resolved(url: string, base: string): string {
  const text = /^[\w.-]+\.[a-z]{2,}(?:[:/]|$)/i.test(url) ? `https://${url}` : url;
  if (URL.canParse(text)) return text;
  if (URL.canParse(text, base)) return new URL(text, base).href;
  throw new HudError('BAD_ARGUMENT', `'${url}' is no address.`);
}

function distanceOf(direction: string, page: BrowserPage): { dx: number; dy: number } {
  const { width, height } = page.screen.size();
  const distances: Record<string, { dx: number; dy: number }> = {
    up: { dx: 0, dy: -0.8 * height },
    down: { dx: 0, dy: 0.8 * height },
    left: { dx: -0.8 * width, dy: 0 },
    right: { dx: 0.8 * width, dy: 0 },
  };
  const distance = distances[direction];
  if (distance !== undefined) return distance;
  throw new HudError('BAD_ARGUMENT', `There is no direction '${direction}'.`, { hint: 'Scroll up, down, left or right.' });
}
