/** For tests of how actions are mapped: a screen that writes down what is done to it. Its pictures are scripted. */
import type { Frame, Point, ScreenDriver } from '../src/capabilities/screen.ts';

export interface RecordingScreen extends ScreenDriver {
  /** `click 10,20 left x2 [Shift_L]`, in order. */
  readonly done: string[];
  /** How many frames were asked for. */
  frames: number;
  /** The next pictures; the last one stays. */
  pictures: Frame[];
}

export function recordingScreen({ width, height }: { width: number; height: number }): RecordingScreen {
  const done: string[] = [];
  let position: Point = { x: Math.floor(width / 2), y: Math.floor(height / 2) };
  const at = ({ x, y }: Point): string => `${x},${y}`;
  const write = (text: string, modifiers: readonly string[] = []): Promise<void> => {
    done.push(modifiers.length === 0 ? text : `${text} [${modifiers.join(' ')}]`);
    return Promise.resolve();
  };
  const go = (to: Point): Point => (position = to);
  const screen: RecordingScreen = {
    kind: 'rfb',
    done,
    frames: 0,
    pictures: [plain(width, height, 0)],
    size: () => ({ width, height }),
    position: () => position,
    frame: () => {
      screen.frames++;
      const [next] = screen.pictures.length > 1 ? screen.pictures.splice(0, 1) : screen.pictures;
      return Promise.resolve(next as Frame);
    },
    move: (to) => write(`move ${at(go(to))}`),
    click: (to, { button = 'left', count = 1, modifiers } = {}) => write(`click ${at(go(to))} ${button} x${count}`, modifiers),
    mouseDown: (button) => write(`down ${button}`),
    mouseUp: (button) => write(`up ${button}`),
    scroll: (to, { dx, dy }, { modifiers } = {}) => write(`scroll ${at(go(to))} by ${dx},${dy}`, modifiers),
    drag: (path, { modifiers } = {}) => write(`drag ${path.map(at).join(' ')}`, modifiers),
    type: (text) => write(`type ${JSON.stringify(text)}`),
    press: (keys, { holdMs } = {}) => write(`press ${keys.join('+')}${holdMs === undefined ? '' : ` for ${holdMs}`}`),
  };
  return screen;
}

/** A picture of one shade of gray, 0–255. */
export function plain(width: number, height: number, shade: number): Frame {
  const rgba = new Uint8Array(width * height * 4).fill(shade);
  for (let i = 3; i < rgba.length; i += 4) rgba[i] = 255;
  return { width, height, rgba };
}
