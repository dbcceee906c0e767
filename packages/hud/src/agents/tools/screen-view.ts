/** A screen as a model sees it: shrunk to a size that models read well, with coordinates that lead back to the real one. */
import { encodePng, crop as cropFrame, resize } from '../../capabilities/png.ts';
import type { Frame, Point, ScreenDriver, Size } from '../../capabilities/screen.ts';
import { sleep } from '../../host/host.ts';
import { nodeHost } from '../../host/node.ts';
import { HudError } from '../../protocol/errors.ts';
import type { ContentBlock } from '../../protocol/trace.ts';
import type { ComputerConfig } from '../config.ts';

const DEFAULT_MAX: Size = { width: 1280, height: 1024 };
const DEFAULT_SETTLE_MS = 500;
const BETWEEN_FRAMES_MS = 50;

export interface ShotOptions {
  signal?: AbortSignal | undefined;
  /** Wait until two frames in a row are the same, `settleMs` at most. @default true */
  settle?: boolean;
  /** Something was just done: while the screen still looks as it was last shown, wait on, for programs answer late. @default false */
  isAfterAction?: boolean;
}

export interface Region extends Point, Size {}

/** All points and sizes are those of the picture that the model was shown, unless said otherwise. */
export interface ScreenView {
  readonly driver: ScreenDriver;
  /** Of the last picture, or of the one that a first shot would give. */
  size(): Size;
  /** The whole screen, shrunk where it is too large, as an `image/png` block. */
  shot(options?: ShotOptions): Promise<ContentBlock>;
  /** A part of the screen at its full resolution, shrunk only where that is larger than a whole shot may be. */
  zoom(region: Region, options?: ShotOptions): Promise<ContentBlock>;
  /** The pixel of the screen; beyond the edge it is the edge's. @throws HudError BAD_ARGUMENT for what is no number */
  toScreen(point: Point): Point;
  /** Where a pixel of the screen is in the picture. */
  fromScreen(point: Point): Point;
  /** Pixels of the picture as a distance on the screen, for scrolling. */
  distance(by: { dx: number; dy: number }): { dx: number; dy: number };
}

export function screenView(driver: ScreenDriver, config: ComputerConfig = {}): ScreenView {
  const max = { width: config.maxWidth ?? DEFAULT_MAX.width, height: config.maxHeight ?? DEFAULT_MAX.height };
  const settleMs = config.settleMs ?? DEFAULT_SETTLE_MS;
  const encodeOnce = encoder();
  let shown: Frame | undefined;
  // The last picture's size, not today's: its coordinates are what the model knows.
  const real = (): Size => (shown === undefined ? driver.size() : { width: shown.width, height: shown.height });
  const size = (): Size => fitted(real(), max);
  const frame = async ({ signal, settle = true, isAfterAction = false }: ShotOptions): Promise<Frame> =>
    settle ? await settled(driver, { settleMs, before: isAfterAction ? shown : undefined, signal }) : await driver.frame({ signal });
  const toScreen = (point: Point): Point => moved(point, size(), real());

  return {
    driver,
    size,
    toScreen,
    fromScreen: (point) => moved(point, real(), size()),
    distance: ({ dx, dy }) => ({
      dx: Math.round((dx * real().width) / size().width),
      dy: Math.round((dy * real().height) / size().height),
    }),
    async shot(options = {}) {
      shown = await frame(options);
      return encodeOnce(shown, size());
    },
    async zoom({ x, y, width, height }, options = {}) {
      const taken = await frame(options);
      const from = toScreen({ x, y });
      const to = toScreen({ x: x + width, y: y + height });
      if (to.x <= from.x || to.y <= from.y) throw new HudError('BAD_ARGUMENT', 'The region is empty, or lies outside of the screen.');
      const part = cropFrame(taken, { x: from.x, y: from.y, width: to.x - from.x, height: to.y - from.y });
      return imageBlock(shrunk(part, fitted(part, max)));
    },
  };
}

/** Never enlarges; keeps the shape. */
function fitted({ width, height }: Size, max: Size): Size {
  const factor = Math.min(1, max.width / width, max.height / height);
  return { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)) };
}

function moved({ x, y }: Point, from: Size, to: Size): Point {
  if (!Number.isFinite(x) || !Number.isFinite(y)) throw new HudError('BAD_ARGUMENT', 'A coordinate is not a number.');
  return { x: clamped((x * to.width) / from.width, to.width), y: clamped((y * to.height) / from.height, to.height) };
}

function clamped(value: number, length: number): number {
  return Math.min(Math.max(Math.round(value), 0), length - 1);
}

interface Settling {
  settleMs: number;
  /** What is not worth showing yet. */
  before: Frame | undefined;
  signal: AbortSignal | undefined;
}

/** The first of two equal frames in a row, or the last one when time is up: a blinking cursor never settles. */
async function settled(driver: ScreenDriver, { settleMs, before, signal }: Settling): Promise<Frame> {
  const until = nodeHost.monotonic() + settleMs;
  let last = await driver.frame({ signal });
  while (nodeHost.monotonic() < until) {
    await sleep(nodeHost, Math.min(BETWEEN_FRAMES_MS, until - nodeHost.monotonic()), signal);
    const next = await driver.frame({ signal });
    if (isSame(last, next) && (before === undefined || !isSame(next, before))) return next;
    last = next;
  }
  return last;
}

function isSame(one: Frame, other: Frame): boolean {
  return one.width === other.width && one.height === other.height && Buffer.compare(one.rgba, other.rgba) === 0;
}

/** Shrinks and compresses, but not the same picture twice in a row. */
function encoder(): (frame: Frame, size: Size) => ContentBlock {
  let last: { frame: Frame; block: ContentBlock } | undefined;
  return (frame, size) => {
    if (last === undefined || !isSame(last.frame, frame)) {
      last = { frame, block: imageBlock(shrunk(frame, size)) };
    }
    return last.block;
  };
}

function shrunk(frame: Frame, size: Size): Frame {
  return frame.width === size.width && frame.height === size.height ? frame : resize(frame, size);
}

/** A browser's frame still has the picture that it came as. */
function imageBlock(frame: Frame): ContentBlock {
  const png = 'png' in frame && frame.png instanceof Uint8Array ? frame.png : encodePng(frame);
  return { type: 'image', data: Buffer.from(png).toString('base64'), mimeType: 'image/png' };
}
