import { describe, expect, test } from 'vitest';
import { decodePng } from '../../capabilities/png.ts';
import type { Frame } from '../../capabilities/screen.ts';
import type { ContentBlock } from '../../protocol/trace.ts';
import { plain, recordingScreen } from '../../../test/recording-screen.ts';
import { screenView } from './screen-view.ts';

const pictureOf = (block: ContentBlock): Frame => decodePng(Buffer.from(block.data ?? '', 'base64'));
const sizeOf = (block: ContentBlock): string => `${pictureOf(block).width}x${pictureOf(block).height}`;

describe('a view', () => {
  test.each([
    [{ width: 800, height: 600 }, undefined, '800x600'],
    [{ width: 2560, height: 1600 }, undefined, '1280x800'],
    [{ width: 1000, height: 2048 }, undefined, '500x1024'],
    [{ width: 1400, height: 850 }, { maxWidth: 700 }, '700x425'],
    [{ width: 100, height: 100 }, { maxWidth: 1000, maxHeight: 50 }, '50x50'],
  ])('of a screen of %j with %j is %s, never larger', async (size, config, shown) => {
    const view = screenView(recordingScreen(size), config);
    expect(view.size()).toEqual({ width: Number(shown.split('x')[0]), height: Number(shown.split('x')[1]) });
    const shot = await view.shot({ settle: false });
    expect(shot).toMatchObject({ type: 'image', mimeType: 'image/png' });
    expect(sizeOf(shot)).toBe(shown);
  });

  test('leads points back to the screen, rounded and within it', () => {
    const view = screenView(recordingScreen({ width: 2560, height: 1600 }));
    expect(view.toScreen({ x: 100, y: 50 })).toEqual({ x: 200, y: 100 });
    expect(view.toScreen({ x: 10.3, y: 0.2 })).toEqual({ x: 21, y: 0 });
    expect(view.toScreen({ x: 5000, y: -3 })).toEqual({ x: 2559, y: 0 });
    expect(view.fromScreen({ x: 2559, y: 100 })).toEqual({ x: 1279, y: 50 });
    expect(view.distance({ dx: -10, dy: 300 })).toEqual({ dx: -20, dy: 600 });
    expect(() => view.toScreen({ x: NaN, y: 1 })).toThrow('not a number');
  });

  test('goes by the picture that the model saw, when the screen was resized since', async () => {
    const screen = recordingScreen({ width: 400, height: 300 });
    const view = screenView(screen, { maxWidth: 100 });
    screen.pictures = [plain(800, 600, 0)];
    await view.shot({ settle: false });
    expect(view.toScreen({ x: 50, y: 50 })).toEqual({ x: 400, y: 400 });
  });

  test('waits until two pictures in a row are the same', async () => {
    const screen = recordingScreen({ width: 8, height: 8 });
    screen.pictures = [10, 20, 30, 30, 40].map((shade) => plain(8, 8, shade));
    expect(pictureOf(await screenView(screen).shot()).rgba[0]).toBe(30);
    expect(screen.frames).toBe(4);
  });

  test('waits for no longer than it may: some screens never rest', async () => {
    const screen = recordingScreen({ width: 8, height: 8 });
    screen.pictures = Array.from({ length: 250 }, (_, shade) => plain(8, 8, shade));
    const started = performance.now();
    await screenView(screen, { settleMs: 200 }).shot();
    expect(performance.now() - started).toBeLessThan(1000);
    expect(screen.frames).toBeLessThan(10);
  });

  test('after an action, waits on while the screen is still as it was last shown', async () => {
    const screen = recordingScreen({ width: 8, height: 8 });
    const view = screenView(screen, { settleMs: 5000 });
    screen.pictures = [10, 10].map((shade) => plain(8, 8, shade));
    await view.shot();
    screen.pictures = [10, 10, 10, 10, 20, 20].map((shade) => plain(8, 8, shade));
    expect(pictureOf(await view.shot({ isAfterAction: true })).rgba[0]).toBe(20);
    screen.pictures = [20, 20, 20, 30].map((shade) => plain(8, 8, shade));
    expect(pictureOf(await view.shot()).rgba[0]).toBe(20);
  });

  test('after an action without any effect, shows the screen when time is up', async () => {
    const screen = recordingScreen({ width: 8, height: 8 });
    const view = screenView(screen, { settleMs: 100 });
    const before = await view.shot();
    expect(await view.shot({ isAfterAction: true })).toEqual(before);
  });

  test('the signal ends the waiting', async () => {
    const screen = recordingScreen({ width: 8, height: 8 });
    screen.pictures = Array.from({ length: 250 }, (_, shade) => plain(8, 8, shade));
    const aborting = new AbortController();
    const shot = screenView(screen, { settleMs: 60_000 }).shot({ signal: aborting.signal });
    aborting.abort(new Error('enough'));
    await expect(shot).rejects.toThrow('enough');
  });

  test('a part is shown as it is on the screen, not shrunk', async () => {
    const screen = recordingScreen({ width: 2560, height: 1600 });
    const frame = plain(2560, 1600, 0);
    frame.rgba.set([255, 0, 0], (200 * 2560 + 400) * 4);
    screen.pictures = [frame];
    const part = pictureOf(await screenView(screen).zoom({ x: 200, y: 100, width: 50, height: 25 }, { settle: false }));
    expect([part.width, part.height, ...part.rgba.subarray(0, 3)]).toEqual([100, 50, 255, 0, 0]);
    await expect(screenView(screen).zoom({ x: 5000, y: 0, width: 5, height: 5 })).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
  });
});
