/**
 * The contract of a screen that an agent sees and touches; `rfb-screen.ts` and `cdp-screen.ts` are its two back ends.
 * Everything is in the screen's own pixels, left and top first; scaling to a model's view is the tools' business.
 */
import type { CapabilityClient } from './open.ts';

export interface Size {
  width: number;
  height: number;
}

export interface Point {
  x: number;
  y: number;
}

export interface Frame extends Size {
  /** RGBA, row by row from the top, 4 bytes a pixel. */
  rgba: Uint8Array;
}

export type Button = 'left' | 'middle' | 'right';

export interface Wait {
  signal?: AbortSignal | undefined;
}

export interface ClickOptions extends Wait {
  /** @default "left" */
  button?: Button;
  /** @default 1 */
  count?: number;
  /** Between the clicks of one call, in milliseconds. @default 100 */
  intervalMs?: number;
  /** Keys held meanwhile, as keysym names. */
  modifiers?: readonly string[];
}

/** Pages, for screens that are a browser's; addresses are absolute. */
export interface Navigation {
  url(options?: Wait): Promise<string>;
  navigate(url: string, options?: Wait): Promise<void>;
  back(options?: Wait): Promise<void>;
  forward(options?: Wait): Promise<void>;
}

/**
 * Every method waits until the other side has taken what it sent, and throws HudError CAPABILITY_FAILED within 10 s
 * when that side is gone, BAD_ARGUMENT for a key that does not exist; points beyond the edge are moved to it.
 * Keys are X keysym names: `a`, `Return`, `Control_L`, `F5`.
 */
export interface ScreenDriver {
  readonly kind: 'rfb' | 'cdp';
  /** As of now; a desktop may be resized under way. */
  size(): Size;
  /** Where the pointer is; the middle of the screen until it was moved. */
  position(): Point;
  /** The whole screen as it is now. */
  frame(options?: Wait): Promise<Frame>;
  move(to: Point, options?: Wait): Promise<void>;
  click(at: Point, options?: ClickOptions): Promise<void>;
  mouseDown(button: Button, options?: Wait): Promise<void>;
  mouseUp(button: Button, options?: Wait): Promise<void>;
  /** Pixels, positive to the right and down; a screen that knows only notches takes one for each {@link NOTCH_PX}, at least one. */
  scroll(at: Point, by: { dx: number; dy: number }, options?: ClickOptions): Promise<void>;
  /** Presses at the first point, passes the others, lets go at the last; two points at least. */
  drag(path: readonly Point[], options?: ClickOptions): Promise<void>;
  /** Types text; a line break is Return, a tab is Tab. */
  type(text: string, options?: Wait): Promise<void>;
  /** Presses the keys in their order and lets go in the reverse order. @param holdMs between the two @default 0 */
  press(keys: readonly string[], options?: Wait & { holdMs?: number }): Promise<void>;
  readonly navigation?: Navigation;
}

/** What one notch of a wheel scrolls. */
export const NOTCH_PX = 100;

/** A capability client that has one; the same driver each time. */
export interface ScreenSource extends CapabilityClient {
  screen(): Promise<ScreenDriver>;
}

export function hasScreen(client: CapabilityClient): client is ScreenSource {
  return 'screen' in client && typeof client.screen === 'function';
}
