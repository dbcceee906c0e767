/** OpenAI's own tool for a screen: a batch of actions, answered with one screenshot. */
import type { Button, ClickOptions, Point } from '../../capabilities/screen.ts';
import { sleep } from '../../host/host.ts';
import { nodeHost } from '../../host/node.ts';
import { HudError, isHudError, messageOf } from '../../protocol/errors.ts';
import { isPlainObject, type JsonObject } from '../../protocol/json.ts';
import type { ContentBlock, ToolResult } from '../../protocol/trace.ts';
import { numberArgument, textArgument } from './arguments.ts';
import { keyName } from './keys.ts';
import type { ScreenView } from './screen-view.ts';
import { textResult, type AgentTool } from './tool.ts';

const DEFAULT_WAIT_MS = 1_000;
const MAX_WAIT_MS = 100_000;
const BUTTONS: Record<string, Button> = { left: 'left', right: 'right', middle: 'middle', wheel: 'middle' };

export function openaiComputer(view: ScreenView): AgentTool {
  return {
    name: 'computer',
    description: 'Sees and uses a screen with mouse and keyboard.',
    inputSchema: { type: 'object', properties: { actions: { type: 'array', items: { type: 'object' } } }, required: ['actions'] },
    native: { type: 'computer' },
    capability: 'screen',
    execute: async (args, { signal }) => await runBatch(view, actionsOf(args), signal),
  };
}

/** A batch ends at its first failure; it is answered with a screenshot all the same. */
async function runBatch(view: ScreenView, actions: readonly unknown[], signal: AbortSignal): Promise<ToolResult> {
  const texts: ContentBlock[] = [];
  let isError = false;
  for (const [i, action] of actions.entries()) {
    try {
      const said = await act(view, action, signal);
      if (said !== undefined) texts.push({ type: 'text', text: said });
    } catch (error) {
      signal.throwIfAborted();
      if (!isHudError(error) || error.code !== 'BAD_ARGUMENT') throw error;
      isError = true;
      texts.push(...textResult(`Action ${i + 1} of ${actions.length} failed, and none after it was tried: ${messageOf(error)}`).content);
      break;
    }
  }
  const isAfterAction = !actions.every((action) => isPlainObject(action) && LOOKING.has(action.type));
  return { content: [...texts, await view.shot({ signal, isAfterAction })], isError };
}

/** What changes nothing on the screen by itself. */
const LOOKING: ReadonlySet<unknown> = new Set(['screenshot', 'wait', 'response']);

function actionsOf({ actions, action }: JsonObject): unknown[] {
  if (Array.isArray(actions)) return actions as unknown[];
  return action === undefined || action === null ? [] : [action];
}

/** @returns what the action says, if anything */
async function act(view: ScreenView, action: unknown, signal: AbortSignal): Promise<string | undefined> {
  if (!isPlainObject(action)) throw new HudError('BAD_ARGUMENT', 'It is no object.');
  const type = textArgument(action, 'type');
  if (type === 'response') return textArgument(action, 'text');
  const run = Object.hasOwn(ACTIONS, type) ? ACTIONS[type] : undefined;
  if (run === undefined) throw new HudError('BAD_ARGUMENT', `Unknown action '${type}'.`);
  await run({ view, action, signal });
  return undefined;
}

interface Acting {
  view: ScreenView;
  action: JsonObject;
  signal: AbortSignal;
}

const ACTIONS: Record<string, (acting: Acting) => Promise<void>> = {
  screenshot: () => Promise.resolve(),
  click,
  double_click: async ({ view, action, signal }) => await view.driver.click(placeOf(view, action), { count: 2, signal, ...held(action) }),
  move: async ({ view, action, signal }) => await view.driver.move(placeOf(view, action), { signal }),
  type: async ({ view, action, signal }) => await view.driver.type(textArgument(action, 'text'), { signal }),
  keypress: async ({ view, action, signal }) => {
    const keys = keysOf(action);
    if (keys.length === 0) throw new HudError('BAD_ARGUMENT', 'Parameter `keys` must name a key.');
    await view.driver.press(keys, { signal });
  },
  scroll: async ({ view, action, signal }) => {
    const by = view.distance({ dx: pixels(action, 'scroll_x'), dy: pixels(action, 'scroll_y') });
    if (by.dx === 0 && by.dy === 0) return;
    await view.driver.scroll(placeOf(view, action), by, { signal, ...held(action) });
  },
  drag: async ({ view, action, signal }) => {
    const path = Array.isArray(action.path) ? (action.path as unknown[]) : [];
    if (path.length < 2) throw new HudError('BAD_ARGUMENT', 'Parameter `path` must hold two points at least.');
    const points = path.map((point) => placeOf(view, isPlainObject(point) ? point : {}));
    await view.driver.drag(points, { signal, ...held(action) });
  },
  wait: async ({ action, signal }) => {
    const ms = action.ms === undefined || action.ms === null ? DEFAULT_WAIT_MS : numberArgument(action, 'ms', { min: 0, max: MAX_WAIT_MS });
    await sleep(nodeHost, ms, signal);
  },
};

async function click({ view, action, signal }: Acting): Promise<void> {
  const { button: name = 'left' } = action;
  const at = placeOf(view, action);
  if (name === 'back' || name === 'forward') return await view.driver.press(['Alt_L', name === 'back' ? 'Left' : 'Right'], { signal });
  const button = typeof name === 'string' && Object.hasOwn(BUTTONS, name) ? BUTTONS[name] : undefined;
  if (button === undefined) throw new HudError('BAD_ARGUMENT', `Unknown button '${String(name)}'.`);
  await view.driver.click(at, { button, signal, ...held(action) });
}

function placeOf(view: ScreenView, { x, y }: JsonObject): Point {
  if (typeof x !== 'number' || typeof y !== 'number') throw new HudError('BAD_ARGUMENT', 'Parameters `x` and `y` must be numbers.');
  return view.toScreen({ x, y });
}

function pixels(action: JsonObject, name: string): number {
  const value = action[name] ?? 0;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new HudError('BAD_ARGUMENT', `Parameter \`${name}\` must be a number of pixels.`);
}

function held(action: JsonObject): Pick<ClickOptions, 'modifiers'> {
  const modifiers = keysOf(action);
  return modifiers.length === 0 ? {} : { modifiers };
}

/** The model writes keys in capitals: held with others, `A` is the key, not the letter. */
function keysOf({ keys }: JsonObject): string[] {
  if (keys === undefined || keys === null) return [];
  const names = Array.isArray(keys) ? (keys as unknown[]) : [keys];
  if (!names.every((name) => typeof name === 'string')) throw new HudError('BAD_ARGUMENT', 'Parameter `keys` must be a list of names.');
  return names.map((name) => keyName(names.length > 1 && name.length === 1 ? name.toLowerCase() : name));
}
