/** The functions of Gemini's `computer_use`: those of the 2.5 model, which name places `_at`, and those of the models since. */
import type { Button, Point } from '../../capabilities/screen.ts';
import { sleep } from '../../host/host.ts';
import { nodeHost } from '../../host/node.ts';
import { HudError } from '../../protocol/errors.ts';
import type { JsonObject } from '../../protocol/json.ts';
import { numberArgument, textArgument } from './arguments.ts';
import { chord, keyName } from './keys.ts';
import type { ScreenView } from './screen-view.ts';

export interface Acting {
  view: ScreenView;
  args: JsonObject;
  signal: AbortSignal;
  /** Keys that `key_down` left pressed, and whether an action came in between; screens hold keys only during an action. */
  held: Map<string, boolean>;
}

/** The grid's lines: a place is `n / 1000` of the way across. */
const GRID = 1000;
const MAX_GRID = 999;
const DEFAULT_MAGNITUDE = 800;
const DEFAULT_SCROLL_PX = 300;
const MAX_WAIT_S = 100;
const SEARCH_URL = 'https://www.google.com';

type Action = (acting: Acting) => Promise<void>;

/** What each does before the screen is shown again. */
export const GEMINI_ACTIONS: Record<string, Action> = {
  open_web_browser: () => Promise.resolve(),
  take_screenshot: () => Promise.resolve(),
  click_at: clicks('left', 1),
  click: clicks('left', 1),
  double_click: clicks('left', 2),
  triple_click: clicks('left', 3),
  middle_click: clicks('middle', 1),
  right_click: clicks('right', 1),
  hover_at: moves,
  move: moves,
  mouse_down: async (acting) => {
    await moves(acting);
    await acting.view.driver.mouseDown('left', { signal: acting.signal });
  },
  mouse_up: async (acting) => {
    await moves(acting);
    await acting.view.driver.mouseUp('left', { signal: acting.signal });
  },
  drag_and_drop: drags,
  type_text_at: typesAt,
  type: types,
  scroll_document: scrollsDocument,
  scroll_at: scrollsGrid,
  scroll: scrollsPixels,
  key_combination: async (acting) => await presses(acting, chord(textArgument(acting.args, 'keys'))),
  hotkey: async (acting) => await presses(acting, keyList(acting.args)),
  press_key: async (acting) => await presses(acting, chord(textArgument(acting.args, 'key'))),
  key_down: async ({ args, held }) => void held.set(keyName(textArgument(args, 'key')), false),
  key_up: lets,
  wait_5_seconds: async ({ signal }) => await sleep(nodeHost, 5_000, signal),
  wait: async ({ args, signal }) => await sleep(nodeHost, numberOr(args, 'seconds', 1, MAX_WAIT_S) * 1000, signal),
  go_back: async ({ view: { driver }, signal }) =>
    await (driver.navigation?.back({ signal }) ?? driver.press(['Alt_L', 'Left'], { signal })),
  go_forward: async ({ view: { driver }, signal }) =>
    await (driver.navigation?.forward({ signal }) ?? driver.press(['Alt_L', 'Right'], { signal })),
  search: async (acting) => await goes(acting, SEARCH_URL),
  navigate: async (acting) => await goes(acting, absolute(textArgument(acting.args, 'url').trim())),
};

function clicks(button: Button, count: number): Action {
  return async ({ view, args, signal, held }) =>
    await view.driver.click(placeOf(view, args), { button, count, modifiers: holding(held), signal });
}

async function moves({ view, args, signal }: Acting): Promise<void> {
  await view.driver.move(placeOf(view, args), { signal });
}

/** The ends go by different names in the two sets. */
async function drags({ view, args, signal, held }: Acting): Promise<void> {
  const isOlder = args.destination_x !== undefined;
  const from = placeOf(view, args, isOlder ? ['x', 'y'] : ['start_x', 'start_y']);
  const to = placeOf(view, args, isOlder ? ['destination_x', 'destination_y'] : ['end_x', 'end_y']);
  await view.driver.drag([from, to], { modifiers: holding(held), signal });
}

async function typesAt(acting: Acting): Promise<void> {
  const { view, args, signal } = acting;
  const text = textArgument(args, 'text');
  await view.driver.click(placeOf(view, args), { signal });
  if (args.clear_before_typing !== false) {
    await view.driver.press(['Control_L', 'a'], { signal });
    await view.driver.press(['BackSpace'], { signal });
  }
  await view.driver.type(text, { signal });
  if (args.press_enter === true) await view.driver.press(['Return'], { signal });
}

async function types({ view, args, signal }: Acting): Promise<void> {
  await view.driver.type(textArgument(args, 'text'), { signal });
  if (args.press_enter === true) await view.driver.press(['Return'], { signal });
}

const DIRECTIONS: Record<string, Point> = { up: { x: 0, y: -1 }, down: { x: 0, y: 1 }, left: { x: -1, y: 0 }, right: { x: 1, y: 0 } };

/** A page up or down; half a screen to the side. */
async function scrollsDocument({ view: { driver }, args, signal }: Acting): Promise<void> {
  const { x, y } = directionOf(args);
  if (y !== 0) return await driver.press([y < 0 ? 'Prior' : 'Next'], { signal });
  const { width, height } = driver.size();
  await driver.scroll(middleOf({ width, height }), { dx: x * Math.round(width / 2), dy: 0 }, { signal });
}

/** The distance is counted on the grid, too. */
async function scrollsGrid({ view, args, signal, held }: Acting): Promise<void> {
  const { x, y } = directionOf(args);
  const magnitude = numberOr(args, 'magnitude', DEFAULT_MAGNITUDE, GRID);
  const { width, height } = view.driver.size();
  const by = { dx: x * Math.round((magnitude * width) / GRID), dy: y * Math.round((magnitude * height) / GRID) };
  if (by.dx === 0 && by.dy === 0) return;
  await view.driver.scroll(placeOf(view, args), by, { modifiers: holding(held), signal });
}

/** The distance is in pixels of the picture. */
async function scrollsPixels({ view, args, signal, held }: Acting): Promise<void> {
  const { x, y } = directionOf(args);
  const pixels = numberOr(args, 'magnitude_in_pixels', DEFAULT_SCROLL_PX, Number.MAX_SAFE_INTEGER);
  const by = view.distance({ dx: x * pixels, dy: y * pixels });
  if (by.dx === 0 && by.dy === 0) return;
  await view.driver.scroll(placeOf(view, args), by, { modifiers: holding(held), signal });
}

/** The model writes `Control+A` and means the key, not the capital letter. */
async function presses({ view, signal, held }: Acting, keys: readonly string[]): Promise<void> {
  const all = [...holding(held), ...keys];
  const named = all.map((key) => (all.length > 1 && /^[A-Z]$/.test(key) ? key.toLowerCase() : key));
  await view.driver.press(named, { signal });
}

function holding(held: Map<string, boolean>): string[] {
  for (const key of held.keys()) held.set(key, true);
  return [...held.keys()];
}

/** A key that nothing was done with was meant to be pressed. */
async function lets({ view, args, signal, held }: Acting): Promise<void> {
  const key = keyName(textArgument(args, 'key'));
  const isUnused = held.get(key) === false;
  held.delete(key);
  if (isUnused) await view.driver.press([key], { signal });
}

function keyList({ keys }: JsonObject): string[] {
  if (typeof keys === 'string') return chord(keys);
  const names = Array.isArray(keys) ? (keys as unknown[]).filter((key) => typeof key === 'string') : [];
  if (names.length === 0) throw new HudError('BAD_ARGUMENT', 'Parameter `keys` must be a list of key names.');
  return names.map(keyName);
}

/** By the browser's own means, else by the address bar of what runs on the desktop. */
async function goes({ view: { driver }, signal }: Acting, url: string): Promise<void> {
  if (driver.navigation !== undefined) return await driver.navigation.navigate(url, { signal });
  await driver.press(['Control_L', 'l'], { signal });
  await driver.type(url, { signal });
  await driver.press(['Return'], { signal });
}

function absolute(url: string): string {
  if (url === '') throw new HudError('BAD_ARGUMENT', 'Parameter `url` must not be empty.');
  const hasScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(url) || /^(about|data|file|chrome):/i.test(url);
  return hasScheme ? url : `https://${url}`;
}

/** From the grid to the pixel of the screen, rounded; beyond the edge it is the edge's. */
function placeOf({ driver }: ScreenView, args: JsonObject, [nameX, nameY]: readonly [string, string] = ['x', 'y']): Point {
  const { width, height } = driver.size();
  return { x: pixelOf(args, nameX, width), y: pixelOf(args, nameY, height) };
}

function pixelOf(args: JsonObject, name: string, length: number): number {
  const value = args[name];
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw new HudError('BAD_ARGUMENT', `Parameter \`${name}\` must be a number from 0 to ${MAX_GRID}.`);
  }
  return Math.min(Math.max(Math.round((value * length) / GRID), 0), length - 1);
}

function directionOf(args: JsonObject): Point {
  const name = textArgument(args, 'direction');
  const direction = Object.hasOwn(DIRECTIONS, name) ? DIRECTIONS[name] : undefined;
  if (direction === undefined) throw new HudError('BAD_ARGUMENT', 'Parameter `direction` must be up, down, left or right.');
  return direction;
}

function middleOf({ width, height }: { width: number; height: number }): Point {
  return { x: Math.floor(width / 2), y: Math.floor(height / 2) };
}

function numberOr(args: JsonObject, name: string, fallback: number, max: number): number {
  return args[name] === undefined || args[name] === null ? fallback : numberArgument(args, name, { min: 0, max });
}
