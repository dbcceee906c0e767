/** A screen as one function, for any model that sees pictures. */
import { NOTCH_PX, type Button, type Navigation, type Point, type ScreenDriver } from '../../capabilities/screen.ts';
import { sleep } from '../../host/host.ts';
import { nodeHost } from '../../host/node.ts';
import { HudError } from '../../protocol/errors.ts';
import { parseJson, type JsonObject } from '../../protocol/json.ts';
import type { ToolResult } from '../../protocol/trace.ts';
import { numberArgument, optionalText, pointArgument, textArgument, told } from './arguments.ts';
import { chord, keySequence } from './keys.ts';
import type { ScreenView } from './screen-view.ts';
import type { AgentTool } from './tool.ts';

const MAX_SECONDS = 100;
const MAX_NOTCHES = 100;

/** Every call ends in a screenshot; coordinates are pixels of that picture. */
export function chatComputer(view: ScreenView): AgentTool {
  const { width, height } = view.size();
  const names = actionNames(view.driver);
  return {
    name: 'computer',
    description:
      `Uses a screen of ${width}x${height} pixels with mouse and keyboard, and shows it afterwards. ` +
      'Begin with the action screenshot. Coordinates are pixels of the last picture, from its left and top.',
    inputSchema: schemaOf(names),
    capability: 'screen',
    execute: async (args, { signal }) => await told(async () => await act({ view, args, signal }, names)),
  };
}

interface Acting {
  view: ScreenView;
  args: JsonObject;
  signal: AbortSignal;
}

async function act(acting: Acting, names: readonly string[]): Promise<ToolResult> {
  const { view, args, signal } = acting;
  const name = textArgument(args, 'action');
  const run = names.includes(name) ? (ACTIONS[name] ?? PAGE_ACTIONS[name]) : undefined;
  if (run === undefined) throw new HudError('BAD_ARGUMENT', `Unknown action '${name}'.`, { hint: `There are ${names.join(', ')}.` });
  const said = await run(acting);
  const picture = await view.shot({ signal, isAfterAction: name !== 'screenshot' && name !== 'wait' });
  const { width, height } = view.size();
  const url = await view.driver.navigation?.url({ signal });
  const text = [said ?? `${name}: done.`, `The screen is ${width}x${height}.`, ...(url === undefined ? [] : [`The page is ${url}.`])].join(
    ' ',
  );
  return { content: [{ type: 'text', text }, picture], isError: false };
}

type Action = (acting: Acting) => Promise<string | undefined | void>;

const ACTIONS: Record<string, Action> = {
  screenshot: () => Promise.resolve(),
  click: clicks('left', 1),
  double_click: clicks('left', 2),
  triple_click: clicks('left', 3),
  right_click: clicks('right', 1),
  middle_click: clicks('middle', 1),
  move: async ({ view, args, signal }) => await view.driver.move(placeOf(view, args, 'coordinate'), { signal }),
  drag: async ({ view, args, signal }) =>
    await view.driver.drag([placeOf(view, args, 'coordinate'), placeOf(view, args, 'to')], { signal, ...held(args) }),
  scroll,
  type: async ({ view, args, signal }) => await view.driver.type(textArgument(args, 'text'), { signal }),
  key: async ({ view, args, signal }) => {
    for (const keys of keySequence(textArgument(args, 'text'))) await view.driver.press(keys, { signal });
  },
  wait: async ({ args, signal }) => {
    const seconds = args.seconds === undefined || args.seconds === null ? 1 : numberArgument(args, 'seconds', { min: 0, max: MAX_SECONDS });
    await sleep(nodeHost, seconds * 1000, signal);
  },
  cursor_position: ({ view }) => {
    const { x, y } = view.fromScreen(view.driver.position());
    return Promise.resolve(`The pointer is at [${x}, ${y}].`);
  },
};

/** Only where the screen is a browser's. */
const PAGE_ACTIONS: Record<string, Action> = {
  navigate: async (acting) => await navigationOf(acting).navigate(textArgument(acting.args, 'url'), { signal: acting.signal }),
  back: async (acting) => await navigationOf(acting).back({ signal: acting.signal }),
  forward: async (acting) => await navigationOf(acting).forward({ signal: acting.signal }),
};

function actionNames({ navigation }: ScreenDriver): string[] {
  return [...Object.keys(ACTIONS), ...(navigation === undefined ? [] : Object.keys(PAGE_ACTIONS))];
}

function schemaOf(names: readonly string[]): JsonObject {
  const point = (description: string): JsonObject => ({ type: 'array', items: { type: 'integer' }, minItems: 2, maxItems: 2, description });
  return {
    type: 'object',
    properties: {
      action: { type: 'string', enum: names },
      coordinate: point('[x, y] of clicks, move and scroll, and where drag begins. Without it a click is where the pointer is.'),
      to: point('[x, y] where drag ends.'),
      text: { type: 'string', description: 'What to type. For key: key names, ctrl+s or Return. For clicks: keys held meanwhile.' },
      direction: { type: 'string', enum: Object.keys(DIRECTIONS), description: 'Of scroll.' },
      amount: { type: 'integer', description: 'Notches of the wheel, for scroll.', minimum: 1, maximum: MAX_NOTCHES, default: 3 },
      seconds: { type: 'number', description: 'How long wait waits.', minimum: 0, maximum: MAX_SECONDS },
      ...(names.includes('navigate') ? { url: { type: 'string', description: 'Where navigate goes.' } } : {}),
    },
    required: ['action'],
  };
}

function clicks(button: Button, count: number): Action {
  return async ({ view, args, signal }) => {
    const at = args.coordinate === undefined || args.coordinate === null ? view.driver.position() : placeOf(view, args, 'coordinate');
    await view.driver.click(at, { button, count, signal, ...held(args) });
  };
}

const DIRECTIONS: Record<string, Point> = { up: { x: 0, y: -1 }, down: { x: 0, y: 1 }, left: { x: -1, y: 0 }, right: { x: 1, y: 0 } };

async function scroll({ view, args, signal }: Acting): Promise<void> {
  const name = textArgument(args, 'direction');
  const direction = Object.hasOwn(DIRECTIONS, name) ? DIRECTIONS[name] : undefined;
  if (direction === undefined) throw new HudError('BAD_ARGUMENT', 'Parameter `direction` must be up, down, left or right.');
  const notches = args.amount === undefined || args.amount === null ? 3 : numberArgument(args, 'amount', { min: 1, max: MAX_NOTCHES });
  const at = args.coordinate === undefined || args.coordinate === null ? view.driver.position() : placeOf(view, args, 'coordinate');
  const by = { dx: direction.x * notches * NOTCH_PX, dy: direction.y * notches * NOTCH_PX };
  await view.driver.scroll(at, by, { signal, ...held(args) });
}

/** Some models write the pair as text. */
function placeOf(view: ScreenView, args: JsonObject, name: string): Point {
  const value = args[name];
  const pair = typeof value === 'string' && /^\s*\[[^[\]{}]*\]\s*$/.test(value) ? parseJson(value) : value;
  return view.toScreen(pointArgument({ [name]: pair }, name));
}

function held(args: JsonObject): { modifiers?: string[] } {
  const text = optionalText(args, 'text');
  return text === undefined || text === '' ? {} : { modifiers: chord(text) };
}

function navigationOf({ view }: Acting): Navigation {
  if (view.driver.navigation !== undefined) return view.driver.navigation;
  throw new HudError('BAD_ARGUMENT', 'The screen is no browser.');
}
