/** A browser's page as a screen: pictures, pointer, keys and navigation, in CSS pixels at a scale of 1. */
import { sleep } from '../host/host.ts';
import { nodeHost } from '../host/node.ts';
import { HudError, isHudError } from '../protocol/errors.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { CdpClient } from './cdp.ts';
import { COMMANDING, SHIFT, characterKey, keyOf, modifierBit, needsShift, type Key } from './cdp-keys.ts';
import { navigationOf } from './cdp-navigation.ts';
import { CdpTabs } from './cdp-tabs.ts';
import { decodePng } from './png.ts';
import type { Button, ClickOptions, Frame, Navigation, Point, ScreenDriver, Size, Wait } from './screen.ts';

/** A frame that still has the picture which the browser sent. */
export interface CdpFrame extends Frame {
  png: Uint8Array;
}

const BUTTON_BITS: Record<Button, number> = { left: 1, right: 2, middle: 4 };
/** Of the first tries for a picture; 30 s in all. A busy machine may need more than the first for a real one. */
const CAPTURE_PATIENCE_MS = [2_000, 4_000, 8_000];
const LAST_CAPTURE_MS = 16_000;
/** Without a window there is nobody who would understand these. */
const HISTORY_KEYS: Readonly<Record<string, 'back' | 'forward'>> = {
  'Alt_L+Left': 'back',
  'Alt_R+Left': 'back',
  'Alt_L+Right': 'forward',
  'Alt_R+Right': 'forward',
};
const CLICK_INTERVAL_MS = 100;
const DRAG_STEP_PX = 16;
const DRAG_STEPS = 24;
const DRAG_PAUSE_MS = 25;
/** Keys in flight at once: the browser takes them in their order. */
const TYPED_AT_ONCE = 32;

/** `params.width` and `params.height` of the capability say how large; otherwise the page stays as it is. */
export async function openScreen(client: CdpClient): Promise<CdpScreen> {
  const { width, height } = client.capability.params;
  const size = typeof width === 'number' && typeof height === 'number' ? { width, height } : undefined;
  const targets = await client.targets();
  return new CdpScreen(await CdpTabs.open(targets, size));
}

/** Made by {@link openScreen}. */
export class CdpScreen implements ScreenDriver {
  readonly kind = 'cdp';
  /** For whoever wants more of the shown page than its picture. */
  readonly tabs: CdpTabs;
  readonly navigation: Navigation;
  #position: Point;
  /** Bits of what is held down. */
  #buttons = 0;
  #modifiers = 0;

  constructor(tabs: CdpTabs) {
    this.tabs = tabs;
    this.navigation = navigationOf(tabs);
    this.#position = { x: Math.floor(tabs.size.width / 2), y: Math.floor(tabs.size.height / 2) };
  }

  size(): Size {
    return { ...this.tabs.size };
  }

  position(): Point {
    return { ...this.#position };
  }

  async frame({ signal }: Wait = {}): Promise<CdpFrame> {
    const png = Buffer.from(await this.#capture(signal), 'base64');
    return { ...decodePng(png), png };
  }

  /** Chromium forgets a request that arrives while the page changes; asked again, it answers at once. */
  async #capture(signal: AbortSignal | undefined): Promise<string> {
    for (const timeoutMs of CAPTURE_PATIENCE_MS) {
      try {
        return await this.#captureOnce(timeoutMs, signal);
      } catch (error) {
        if (!isHudError(error) || error.data?.timeoutMs !== timeoutMs) throw error;
      }
    }
    return await this.#captureOnce(LAST_CAPTURE_MS, signal);
  }

  async #captureOnce(timeoutMs: number, signal: AbortSignal | undefined): Promise<string> {
    const { data } = await this.tabs.send('Page.captureScreenshot', { format: 'png' }, { signal, timeoutMs });
    return String(data);
  }

  async move(to: Point, options: Wait = {}): Promise<void> {
    this.#position = this.#inside(to);
    await this.#mouse('mouseMoved', { button: buttonOf(this.#buttons) }, options);
  }

  async click(at: Point, options: ClickOptions = {}): Promise<void> {
    const { button = 'left', count = 1, intervalMs = CLICK_INTERVAL_MS, signal } = options;
    await this.move(at, { signal });
    await this.#holding(options, async () => {
      for (let clickCount = 1; clickCount <= count; clickCount++) {
        if (clickCount > 1) await sleep(nodeHost, intervalMs, signal);
        await this.#button('mousePressed', button, { signal, clickCount });
        await this.#button('mouseReleased', button, { signal, clickCount });
      }
    });
  }

  async mouseDown(button: Button, { signal }: Wait = {}): Promise<void> {
    await this.#button('mousePressed', button, { signal, clickCount: 1 });
  }

  async mouseUp(button: Button, { signal }: Wait = {}): Promise<void> {
    await this.#button('mouseReleased', button, { signal, clickCount: 1 });
  }

  async scroll(at: Point, { dx, dy }: { dx: number; dy: number }, options: ClickOptions = {}): Promise<void> {
    await this.move(at, options);
    await this.#holding(options, async () => {
      await this.#mouse('mouseWheel', { deltaX: dx, deltaY: dy }, options);
    });
  }

  async drag(path: readonly Point[], options: ClickOptions = {}): Promise<void> {
    const { button = 'left', signal } = options;
    const [first, ...others] = path;
    if (first === undefined || others.length === 0) throw new HudError('BAD_ARGUMENT', 'A drag needs two points at least.');
    await this.move(first, { signal });
    await this.#holding(options, async () => {
      await this.#button('mousePressed', button, { signal, clickCount: 1 });
      try {
        for (const point of others) await this.#glide(point, signal);
      } finally {
        await this.#button('mouseReleased', button, { signal: undefined, clickCount: 1 });
      }
    });
  }

  async type(text: string, { signal }: Wait = {}): Promise<void> {
    const characters = [...text.replaceAll('\r\n', '\n')];
    for (let at = 0; at < characters.length; at += TYPED_AT_ONCE) {
      await all(characters.slice(at, at + TYPED_AT_ONCE).map((character) => this.#enter(character, signal)));
    }
  }

  async press(keys: readonly string[], { signal, holdMs = 0 }: Wait & { holdMs?: number } = {}): Promise<void> {
    keys.forEach((name) => keyOf(name)); // nothing is pressed when one of them does not exist
    const turn = HISTORY_KEYS[keys.join('+')];
    if (turn !== undefined) return await this.navigation[turn]({ signal });
    await this.#held(keys, signal, async () => await sleep(nodeHost, holdMs, signal));
  }

  /** With the modifiers of a click held. */
  async #holding({ modifiers = [], signal }: ClickOptions, act: () => Promise<void>): Promise<void> {
    modifiers.forEach((name) => keyOf(name));
    await this.#held(modifiers, signal, act);
  }

  /** Whatever happens meanwhile, every key that went down comes up, the last one first. */
  async #held(names: readonly string[], signal: AbortSignal | undefined, act: () => Promise<void>): Promise<void> {
    const down: Key[] = [];
    try {
      for (const name of names) {
        const key = keyOf(name, (this.#modifiers & SHIFT) !== 0);
        down.push(key);
        this.#modifiers |= modifierBit(key);
        await this.#keyDown(key, this.#modifiers, signal);
      }
      await act();
    } finally {
      for (const key of down.toReversed()) {
        this.#modifiers &= ~modifierBit(key);
        await this.#keyUp(key, this.#modifiers);
      }
    }
  }

  /** A character of the keyboard is pressed, any other one is put in as text. */
  async #enter(character: string, signal: AbortSignal | undefined): Promise<void> {
    const name = { '\n': 'Return', '\r': 'Return', '\t': 'Tab' }[character];
    const key = name === undefined ? characterKey(character) : keyOf(name);
    if (key === undefined) return void (await this.tabs.send('Input.insertText', { text: character }, { signal }));
    const modifiers = needsShift(character) ? SHIFT : 0;
    await all([this.#keyDown(key, modifiers, signal), this.#keyUp(key, modifiers)]);
  }

  async #keyDown({ text, ...key }: Key, modifiers: number, signal: AbortSignal | undefined): Promise<void> {
    const entered = text === undefined || (modifiers & COMMANDING) !== 0 ? {} : { text, unmodifiedText: text };
    await this.tabs.send(
      'Input.dispatchKeyEvent',
      { type: 'text' in entered ? 'keyDown' : 'rawKeyDown', ...key, ...entered, modifiers },
      { signal },
    );
  }

  async #keyUp({ text: _text, ...key }: Key, modifiers: number): Promise<void> {
    await this.tabs.send('Input.dispatchKeyEvent', { type: 'keyUp', ...key, modifiers });
  }

  async #button(type: 'mousePressed' | 'mouseReleased', button: Button, options: Wait & { clickCount: number }): Promise<void> {
    if (type === 'mousePressed') this.#buttons |= BUTTON_BITS[button];
    else this.#buttons &= ~BUTTON_BITS[button];
    await this.#mouse(type, { button, clickCount: options.clickCount }, options);
  }

  async #mouse(type: string, more: JsonObject, { signal }: Wait): Promise<void> {
    const event = { type, ...this.#position, buttons: this.#buttons, modifiers: this.#modifiers, ...more };
    await this.tabs.send('Input.dispatchMouseEvent', event, { signal });
  }

  /** In small steps, as pages that watch the pointer expect them. */
  async #glide(to: Point, signal: AbortSignal | undefined): Promise<void> {
    const from = this.#position;
    const steps = Math.min(Math.max(Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / DRAG_STEP_PX), 1), DRAG_STEPS);
    for (let step = 1; step <= steps; step++) {
      await this.move({ x: from.x + ((to.x - from.x) * step) / steps, y: from.y + ((to.y - from.y) * step) / steps }, { signal });
      await sleep(nodeHost, DRAG_PAUSE_MS, signal);
    }
  }

  #inside({ x, y }: Point): Point {
    const { width, height } = this.tabs.size;
    return { x: Math.min(Math.max(Math.round(x), 0), width - 1), y: Math.min(Math.max(Math.round(y), 0), height - 1) };
  }
}

function buttonOf(bits: number): Button | 'none' {
  return (['left', 'right', 'middle'] as const).find((button) => (bits & BUTTON_BITS[button]) !== 0) ?? 'none';
}

/** Waits for all of them, then throws the first failure. */
async function all(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
