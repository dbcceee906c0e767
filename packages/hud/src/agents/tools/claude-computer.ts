/** Claude's own tool for a screen. */
import { NOTCH_PX, type Button, type ClickOptions, type Point } from '../../capabilities/screen.ts';
import { sleep } from '../../host/host.ts';
import { nodeHost } from '../../host/node.ts';
import { HudError } from '../../protocol/errors.ts';
import type { JsonObject } from '../../protocol/json.ts';
import type { ToolResult } from '../../protocol/trace.ts';
import { numberArgument, optionalText, pointArgument, textArgument, told } from './arguments.ts';
import { chord, keySequence } from './keys.ts';
import { matchesModel } from './model-globs.ts';
import type { ScreenView } from './screen-view.ts';
import { textResult, type AgentTool } from './tool.ts';

const MAX_SECONDS = 100;
const MAX_REPEAT = 100;

/** One tool with a field for the action, by model; any other model takes the toolset, one tool for each action. */
const SINGLE_TOOLS = [
  {
    type: 'computer_20251124',
    beta: 'computer-use-2025-11-24',
    models: ['*opus-4-5*', '*opus-4-6*', '*opus-4-7*', '*opus-4-8*', '*sonnet-4-6*'],
    more: { enable_zoom: true },
  },
  {
    type: 'computer_20250124',
    beta: 'computer-use-2025-01-24',
    models: [
      '*sonnet-4-5*',
      '*haiku-4-5*',
      '*opus-4-1*',
      '*opus-4-0*',
      '*opus-4-2025*',
      '*sonnet-4-0*',
      '*sonnet-4-2025*',
      '*opus-4',
      '*sonnet-4',
    ],
    more: {},
  },
] as const;
const TOOLSET = 'computer_toolset_20260801';

export function claudeComputer(view: ScreenView, model: string): AgentTool {
  return {
    name: 'computer',
    description: 'Sees and uses a screen with mouse and keyboard.',
    inputSchema: { type: 'object', properties: { action: { type: 'string' } }, required: ['action'] },
    ...declaration(view, model),
    capability: 'screen',
    execute: async (args, { signal }) => await told(async () => await act({ view, args, signal })),
  };
}

function declaration(view: ScreenView, model: string): Pick<AgentTool, 'native' | 'beta'> {
  const single = SINGLE_TOOLS.find(({ models }) => matchesModel(model, models));
  if (single === undefined) return { native: { type: TOOLSET } };
  const { width, height } = view.size();
  const size = { display_width_px: width, display_height_px: height, display_number: 1 };
  return { native: { type: single.type, name: 'computer', ...size, ...single.more }, beta: single.beta };
}

interface Acting {
  view: ScreenView;
  args: JsonObject;
  signal: AbortSignal;
}

async function act(acting: Acting): Promise<ToolResult> {
  const { view, args, signal } = acting;
  const action = textArgument(args, 'action');
  if (action === 'cursor_position') {
    const { x, y } = view.fromScreen(view.driver.position());
    return textResult(`(${x}, ${y})`);
  }
  if (action === 'zoom') return { content: [await view.zoom(regionOf(args), { signal })], isError: false };
  const run = Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined;
  if (run === undefined) throw new HudError('BAD_ARGUMENT', `Unknown action '${action}'.`);
  await run(acting);
  return { content: [await view.shot({ signal, isAfterAction: !LOOKING.has(action) })], isError: false };
}

/** What changes nothing on the screen by itself. */
const LOOKING: ReadonlySet<string> = new Set(['screenshot', 'wait']);

const clicks =
  (button: Button, count: number) =>
  async ({ view, args, signal }: Acting): Promise<void> =>
    await view.driver.click(placeOf(view, args), { button, count, signal, ...held(args) });

const drags = async ({ view, args, signal }: Acting): Promise<void> => {
  const path = [pointArgument(args, 'start_coordinate'), pointArgument(args, 'coordinate')].map(view.toScreen);
  await view.driver.drag(path, { signal, ...held(args) });
};

const moves = async ({ view, args, signal }: Acting): Promise<void> =>
  await view.driver.move(view.toScreen(pointArgument(args, 'coordinate')), { signal });

/** What is done before the screenshot. */
const ACTIONS: Record<string, (acting: Acting) => Promise<void>> = {
  screenshot: () => Promise.resolve(),
  left_click: clicks('left', 1),
  click: clicks('left', 1),
  right_click: clicks('right', 1),
  middle_click: clicks('middle', 1),
  double_click: clicks('left', 2),
  triple_click: clicks('left', 3),
  mouse_move: moves,
  move: moves,
  left_click_drag: drags,
  drag: drags,
  left_mouse_down: async ({ view, signal }) => await view.driver.mouseDown('left', { signal }),
  left_mouse_up: async ({ view, signal }) => await view.driver.mouseUp('left', { signal }),
  type: async ({ view, args, signal }) => await view.driver.type(textArgument(args, 'text'), { signal }),
  key: pressKeys,
  hold_key: async ({ view, args, signal }) => {
    const [first = []] = keySequence(textArgument(args, 'text'));
    const holdMs = numberArgument(args, 'duration', { min: 0, max: MAX_SECONDS }) * 1000;
    await view.driver.press(first, { holdMs, signal });
  },
  scroll,
  wait: async ({ args, signal }) => await sleep(nodeHost, numberArgument(args, 'duration', { min: 0, max: MAX_SECONDS }) * 1000, signal),
};

async function pressKeys({ view, args, signal }: Acting): Promise<void> {
  const sequence = keySequence(textArgument(args, 'text'));
  const { repeat = 1 } = args;
  if (!Number.isInteger(repeat) || Number(repeat) < 1 || Number(repeat) > MAX_REPEAT) {
    throw new HudError('BAD_ARGUMENT', `Parameter \`repeat\` must be a whole number from 1 to ${MAX_REPEAT}.`);
  }
  for (let time = 0; time < Number(repeat); time++) {
    for (const keys of sequence) await view.driver.press(keys, { signal });
  }
}

const DIRECTIONS: Record<string, Point> = { up: { x: 0, y: -1 }, down: { x: 0, y: 1 }, left: { x: -1, y: 0 }, right: { x: 1, y: 0 } };

/** The model counts notches of a wheel. */
async function scroll({ view, args, signal }: Acting): Promise<void> {
  const name = textArgument(args, 'scroll_direction');
  const direction = Object.hasOwn(DIRECTIONS, name) ? DIRECTIONS[name] : undefined;
  if (direction === undefined) throw new HudError('BAD_ARGUMENT', 'Parameter `scroll_direction` must be up, down, left or right.');
  const { scroll_amount: amount } = args;
  const notches = Number.isInteger(amount) && Number(amount) > 0 ? Math.min(Number(amount), MAX_REPEAT) : 0;
  if (notches === 0) return;
  const by = { dx: direction.x * notches * NOTCH_PX, dy: direction.y * notches * NOTCH_PX };
  await view.driver.scroll(placeOf(view, args), by, { signal, ...held(args) });
}

/** Where it says, else where the pointer is. */
function placeOf(view: ScreenView, args: JsonObject): Point {
  return args.coordinate === undefined || args.coordinate === null
    ? view.driver.position()
    : view.toScreen(pointArgument(args, 'coordinate'));
}

/** On clicks `text` names keys that are held meanwhile. */
function held(args: JsonObject): Pick<ClickOptions, 'modifiers'> {
  const text = optionalText(args, 'text');
  return text === undefined || text === '' ? {} : { modifiers: chord(text) };
}

function regionOf({ region }: JsonObject): { x: number; y: number; width: number; height: number } {
  const corners = Array.isArray(region) ? (region as unknown[]).map(Number) : [];
  const [x0 = NaN, y0 = NaN, x1 = NaN, y1 = NaN] = corners;
  if (corners.length !== 4 || !corners.every(Number.isFinite))
    throw new HudError('BAD_ARGUMENT', 'Parameter `region` must be [x0, y0, x1, y1].');
  return { x: Math.min(x0, x1), y: Math.min(y0, y1), width: Math.abs(x1 - x0), height: Math.abs(y1 - y0) };
}
