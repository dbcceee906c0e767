import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../protocol/json.ts';
import type { ToolResult } from '../../protocol/trace.ts';
import { claudeComputer } from './claude-computer.ts';
import { recordingScreen } from '../../../test/recording-screen.ts';
import { screenView } from './screen-view.ts';

/** On a screen twice as large as it is shown. */
async function act(args: JsonObject): Promise<{ done: string[]; result: ToolResult }> {
  const screen = recordingScreen({ width: 2560, height: 1600 });
  const tool = claudeComputer(screenView(screen, { settleMs: 0 }), 'claude-sonnet-4-6');
  const result = await tool.execute(args, { signal: new AbortController().signal });
  return { done: screen.done, result };
}

describe("Claude's computer", () => {
  test.each([
    [{ action: 'screenshot' }, []],
    [{ action: 'left_click', coordinate: [10, 20] }, ['click 20,40 left x1']],
    [{ action: 'click', coordinate: [10, 20] }, ['click 20,40 left x1']],
    [{ action: 'right_click', coordinate: [10, 20] }, ['click 20,40 right x1']],
    [{ action: 'middle_click', coordinate: [10, 20] }, ['click 20,40 middle x1']],
    [{ action: 'double_click' }, ['click 1280,800 left x2']],
    [{ action: 'triple_click', coordinate: [0, 0] }, ['click 0,0 left x3']],
    [{ action: 'left_click', coordinate: [1, 1], text: 'ctrl+shift' }, ['click 2,2 left x1 [Control_L Shift_L]']],
    [{ action: 'mouse_move', coordinate: [1279, 799] }, ['move 2558,1598']],
    [{ action: 'left_mouse_down' }, ['down left']],
    [{ action: 'left_mouse_up' }, ['up left']],
    [{ action: 'left_click_drag', start_coordinate: [1, 2], coordinate: [3, 4] }, ['drag 2,4 6,8']],
    [{ action: 'type', text: 'Hi + bye\n' }, ['type "Hi + bye\\n"']],
    [{ action: 'key', text: 'ctrl+a Delete' }, ['press Control_L+a', 'press Delete']],
    [{ action: 'key', text: 'ctrl++', repeat: 2 }, ['press Control_L+plus', 'press Control_L+plus']],
    [{ action: 'hold_key', text: 'shift a', duration: 0.5 }, ['press Shift_L for 500']],
    [{ action: 'scroll', coordinate: [5, 5], scroll_direction: 'down', scroll_amount: 3 }, ['scroll 10,10 by 0,300']],
    [{ action: 'scroll', scroll_direction: 'up', scroll_amount: 1 }, ['scroll 1280,800 by 0,-100']],
    [{ action: 'scroll', scroll_direction: 'left', scroll_amount: 2, text: 'shift' }, ['scroll 1280,800 by -200,0 [Shift_L]']],
    [{ action: 'scroll', scroll_direction: 'right', scroll_amount: 'lots' }, []],
    [{ action: 'wait', duration: 0.01 }, []],
  ])('%j', async (args, done) => {
    const { done: seen, result } = await act(args);
    expect(seen).toEqual(done);
    expect(result).toMatchObject({ isError: false, content: [{ type: 'image' }] });
  });

  test('says where the pointer is, as the model sees it', async () => {
    expect((await act({ action: 'cursor_position' })).result).toEqual({ content: [{ type: 'text', text: '(640, 400)' }], isError: false });
  });

  test('zooms into a region, whichever corner comes first', async () => {
    const { result } = await act({ action: 'zoom', region: [20, 10, 10, 5] });
    const png = Buffer.from(result.content[0]?.data ?? '', 'base64');
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([20, 10]);
  });

  test.each([
    [{ action: 'fly' }, "Unknown action 'fly'."],
    [{}, 'Parameter `action` is required.'],
    [{ action: 'mouse_move' }, 'Parameter `coordinate` must be [x, y].'],
    [{ action: 'left_click', coordinate: ['a', 1] }, 'Parameter `coordinate` must be [x, y].'],
    [{ action: 'left_click_drag', coordinate: [1, 1] }, 'Parameter `start_coordinate` must be [x, y].'],
    [{ action: 'key', text: 'hyper+nope' }, "Unknown key 'hyper'."],
    [{ action: 'key', text: 'a', repeat: 101 }, 'Parameter `repeat` must be a whole number from 1 to 100.'],
    [{ action: 'wait', duration: 1e6 }, 'Parameter `duration` must be a number from 0 to 100.'],
    [{ action: 'scroll', scroll_direction: 'in', scroll_amount: 1 }, 'Parameter `scroll_direction` must be up, down, left or right.'],
    [{ action: 'zoom', region: [1, 2, 3] }, 'Parameter `region` must be [x0, y0, x1, y1].'],
    [{ action: 'zoom', region: [5, 5, 5, 5] }, 'The region is empty'],
  ])('%j is told to be wrong, and touches nothing', async (args, message) => {
    const { done, result } = await act(args);
    expect(done).toEqual([]);
    expect(result).toMatchObject({ isError: true, content: [{ text: expect.stringContaining(message) as string }] });
  });

  test.each([
    ['claude-sonnet-4-6', 'computer_20251124', 'computer-use-2025-11-24', true],
    ['claude-opus-4-8', 'computer_20251124', 'computer-use-2025-11-24', true],
    ['Claude-Sonnet-4-5-20250929', 'computer_20250124', 'computer-use-2025-01-24', undefined],
    ['anthropic/claude-haiku-4-5', 'computer_20250124', 'computer-use-2025-01-24', undefined],
  ])('%s is given %s', (model, type, beta, zoom) => {
    const tool = claudeComputer(screenView(recordingScreen({ width: 2560, height: 1600 })), model);
    expect(tool).toMatchObject({ beta, native: { type, display_width_px: 1280, display_height_px: 800, display_number: 1 } });
    expect(tool.native?.enable_zoom).toBe(zoom);
  });

  test.each(['claude-opus-5', 'unknown', ''])('a model %j, later than those, is given the toolset', (model) => {
    const tool = claudeComputer(screenView(recordingScreen({ width: 2560, height: 1600 })), model);
    expect(tool.native).toEqual({ type: 'computer_toolset_20260801' });
    expect(tool.beta).toBeUndefined();
  });
});
