/** Clicks, drags, wheels and typing as pointer and key events of RFB. */
import { sleep } from '../host/host.ts';
import { nodeHost } from '../host/node.ts';
import { HudError } from '../protocol/errors.ts';
import { keysymOf, keysymsOfText } from './keysyms.ts';
import { keyEvent, pointerEvent } from './rfb-messages.ts';
import type { RfbClient } from './rfb.ts';
import { NOTCH_PX, type Button, type ClickOptions, type Frame, type Point, type ScreenDriver, type Size, type Wait } from './screen.ts';

const BUTTONS: Record<Button, number> = { left: 1, middle: 2, right: 4 };
const WHEEL = { up: 8, down: 16, left: 32, right: 64 };
const MAX_NOTCHES = 500;
const CLICK_INTERVAL_MS = 100;
/** Programs recognise a drag by its pace. */
const DRAG_PAUSE_MS = 200;
const DRAG_STEP_MS = 25;
const DRAG_STEP_PX = 16;
const DRAG_MAX_STEPS = 24;
/** Typed at once; then the server's answer is waited for, so that it can't be flooded. */
const KEYS_PER_ANSWER = 16;

export class RfbScreen implements ScreenDriver {
  readonly kind = 'rfb';
  readonly #client: RfbClient;
  #at: Point | undefined;
  /** The mask of those held by `mouseDown`. */
  #held = 0;

  constructor(client: RfbClient) {
    this.#client = client;
  }

  size(): Size {
    return this.#client.size();
  }

  position(): Point {
    const { width, height } = this.size();
    return this.#at ?? { x: Math.floor(width / 2), y: Math.floor(height / 2) };
  }

  async frame(options: Wait = {}): Promise<Frame> {
    return await this.#client.frame(options);
  }

  async move(to: Point, options: Wait = {}): Promise<void> {
    await this.#client.send([this.#pointer(to, this.#held)], options);
  }

  async click(at: Point, options: ClickOptions = {}): Promise<void> {
    const mask = BUTTONS[options.button ?? 'left'];
    await this.#clicks(at, Array<number>(options.count ?? 1).fill(mask), options.intervalMs ?? CLICK_INTERVAL_MS, options);
  }

  async mouseDown(button: Button, options: Wait = {}): Promise<void> {
    this.#held |= BUTTONS[button];
    await this.#client.send([this.#pointer(this.position(), this.#held)], options);
  }

  async mouseUp(button: Button, options: Wait = {}): Promise<void> {
    this.#held &= ~BUTTONS[button];
    await this.#client.send([this.#pointer(this.position(), this.#held)], options);
  }

  async scroll(at: Point, by: { dx: number; dy: number }, options: ClickOptions = {}): Promise<void> {
    const turns = [...notches(by.dy, WHEEL.up, WHEEL.down), ...notches(by.dx, WHEEL.left, WHEEL.right)];
    await this.#clicks(at, turns, 0, options);
  }

  async drag(path: readonly Point[], options: ClickOptions = {}): Promise<void> {
    const [start, ...rest] = path.map((point) => this.#clamp(point));
    if (start === undefined || rest.length === 0) throw new HudError('BAD_ARGUMENT', 'A drag needs two points at least.');
    const mask = this.#held | BUTTONS[options.button ?? 'left'];
    const pause = (ms: number): Promise<void> => sleep(nodeHost, ms, options.signal);
    await this.#withModifiers(options, async () => {
      await this.move(start, options);
      await pause(DRAG_PAUSE_MS);
      try {
        await this.#client.send([this.#pointer(start, mask)], options);
        await pause(DRAG_PAUSE_MS);
        for (const step of stepsAlong([start, ...rest])) {
          await this.#client.send([this.#pointer(step, mask)], options);
          await pause(DRAG_STEP_MS);
        }
        await pause(DRAG_PAUSE_MS);
      } finally {
        await this.#client.send([this.#pointer(this.position(), this.#held)]);
      }
    });
  }

  async type(text: string, options: Wait = {}): Promise<void> {
    const keysyms = keysymsOfText(text);
    for (let i = 0; i < keysyms.length; i += KEYS_PER_ANSWER) {
      const events = keysyms.slice(i, i + KEYS_PER_ANSWER).flatMap((keysym) => [keyEvent(keysym, true), keyEvent(keysym, false)]);
      await this.#client.send(events, options);
    }
  }

  async press(keys: readonly string[], options: Wait & { holdMs?: number } = {}): Promise<void> {
    const keysyms = keys.map(keysymOf);
    const down = keysyms.map((keysym) => keyEvent(keysym, true));
    const up = keysyms.toReversed().map((keysym) => keyEvent(keysym, false));
    const { holdMs = 0 } = options;
    if (holdMs <= 0) return await this.#client.send([...down, ...up], options);
    options.signal?.throwIfAborted();
    try {
      await this.#client.send(down, options);
      await sleep(nodeHost, holdMs, options.signal);
    } finally {
      await this.#client.send(up);
    }
  }

  /** Moves, then presses and releases each button, all at once but for the intervals. */
  async #clicks(at: Point, masks: readonly number[], intervalMs: number, options: ClickOptions): Promise<void> {
    await this.#withModifiers(options, async () => {
      let messages = [this.#pointer(at, this.#held)];
      for (const [i, mask] of masks.entries()) {
        messages.push(this.#pointer(at, this.#held | mask), this.#pointer(at, this.#held));
        if (i === masks.length - 1 || intervalMs <= 0) continue;
        await this.#client.send(messages, options);
        await sleep(nodeHost, intervalMs, options.signal);
        messages = [];
      }
      await this.#client.send(messages, options);
    });
  }

  async #withModifiers({ modifiers = [], signal }: ClickOptions, work: () => Promise<void>): Promise<void> {
    const keysyms = modifiers.map(keysymOf);
    signal?.throwIfAborted();
    if (keysyms.length === 0) return await work();
    try {
      await this.#client.send(
        keysyms.map((keysym) => keyEvent(keysym, true)),
        { signal },
      );
      await work();
    } finally {
      await this.#client.send(keysyms.toReversed().map((keysym) => keyEvent(keysym, false)));
    }
  }

  #pointer(to: Point, mask: number): Buffer {
    this.#at = this.#clamp(to);
    this.#client.pointTo(this.#at);
    return pointerEvent(this.#at, mask);
  }

  #clamp({ x, y }: Point): Point {
    if (!Number.isFinite(x) || !Number.isFinite(y)) throw new HudError('BAD_ARGUMENT', `${x},${y} is no point of the screen.`);
    const { width, height } = this.size();
    return { x: Math.min(width - 1, Math.max(0, Math.round(x))), y: Math.min(height - 1, Math.max(0, Math.round(y))) };
  }
}

function notches(px: number, back: number, forth: number): number[] {
  if (!(Math.abs(px) > 0)) return [];
  const count = Math.min(MAX_NOTCHES, Math.max(1, Math.round(Math.abs(px) / NOTCH_PX)));
  return Array<number>(count).fill(px < 0 ? back : forth);
}

/** Points between, one each 16 px, 24 at most a segment, with the end of each. */
function stepsAlong(path: readonly Point[]): Point[] {
  return path.slice(1).flatMap((to, i) => {
    const from = path[i]!;
    const count = Math.min(DRAG_MAX_STEPS, Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / DRAG_STEP_PX)));
    return Array.from({ length: count }, (_, step) => {
      const share = (step + 1) / count;
      return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
    });
  });
}
