import { describe, expect, test } from 'vitest';
import type { ToolResult } from '../../protocol/trace.ts';
import { openaiComputer } from './openai-computer.ts';
import { recordingScreen } from '../../../test/recording-screen.ts';
import { screenView } from './screen-view.ts';

/** On a screen twice as large as it is shown. */
async function act(...actions: unknown[]): Promise<{ done: string[]; result: ToolResult; frames: number }> {
  const screen = recordingScreen({ width: 2560, height: 1600 });
  const tool = openaiComputer(screenView(screen, { settleMs: 0 }));
  const result = await tool.execute({ actions }, { signal: new AbortController().signal });
  return { done: screen.done, result, frames: screen.frames };
}

describe("OpenAI's computer", () => {
  test.each([
    [{ type: 'screenshot' }, []],
    [{ type: 'click', x: 10, y: 20, button: 'left' }, ['click 20,40 left x1']],
    [{ type: 'click', x: 10, y: 20, button: 'wheel', keys: null }, ['click 20,40 middle x1']],
    [{ type: 'click', x: 10, y: 20, button: 'right', keys: ['CTRL', 'SHIFT'] }, ['click 20,40 right x1 [Control_L Shift_L]']],
    [{ type: 'click', x: 10, y: 20, button: 'back' }, ['press Alt_L+Left']],
    [{ type: 'double_click', x: 1, y: 2, keys: null }, ['click 2,4 left x2']],
    [{ type: 'move', x: 1, y: 2 }, ['move 2,4']],
    [{ type: 'scroll', x: 5, y: 5, scroll_x: 0, scroll_y: 250 }, ['scroll 10,10 by 0,500']],
    [{ type: 'scroll', x: 5, y: 5, scroll_x: -30, scroll_y: 0, keys: ['shift'] }, ['scroll 10,10 by -60,0 [Shift_L]']],
    [{ type: 'scroll', x: 5, y: 5, scroll_x: 0, scroll_y: 0 }, []],
    [{ type: 'type', text: 'Hi' }, ['type "Hi"']],
    [{ type: 'keypress', keys: ['CTRL', 'A'] }, ['press Control_L+a']],
    [{ type: 'keypress', keys: ['A'] }, ['press A']],
    [{ type: 'keypress', keys: ['ENTER'] }, ['press Return']],
    [
      {
        type: 'drag',
        path: [
          { x: 1, y: 1 },
          { x: 2, y: 2 },
          { x: 3, y: 1 },
        ],
      },
      ['drag 2,2 4,4 6,2'],
    ],
    [{ type: 'wait', ms: 5 }, []],
  ])('%j', async (action, done) => {
    const { done: seen, result } = await act(action);
    expect(seen).toEqual(done);
    expect(result).toMatchObject({ isError: false, content: [{ type: 'image' }] });
  });

  test('a batch is answered with one picture, taken behind the last action', async () => {
    const { done, frames, result } = await act(
      { type: 'click', x: 1, y: 1, button: 'left' },
      { type: 'type', text: 'a' },
      { type: 'screenshot' },
    );
    expect(done).toHaveLength(2);
    expect(frames).toBe(1);
    expect(result.content).toHaveLength(1);
  });

  test('a batch ends at its first failure, and is answered with a picture all the same', async () => {
    const { done, result } = await act({ type: 'type', text: 'a' }, { type: 'custom' }, { type: 'type', text: 'b' });
    expect(done).toEqual(['type "a"']);
    expect(result).toMatchObject({
      isError: true,
      content: [{ text: "Action 2 of 3 failed, and none after it was tried: Unknown action 'custom'." }, { type: 'image' }],
    });
  });

  test.each([
    [{ type: 'click', x: 1 }, '`x` and `y` must be numbers'],
    [{ type: 'click', x: 1, y: 1, button: 'nose' }, "Unknown button 'nose'"],
    [{ type: 'drag', path: [{ x: 1, y: 1 }] }, 'two points'],
    [{ type: 'keypress', keys: [] }, 'must name a key'],
    [{ type: 'keypress', keys: ['NOPE'] }, "Unknown key 'NOPE'"],
    [{ type: 'wait', ms: 1e9 }, '`ms` must be a number'],
    ['click', 'no object'],
  ])('%j is told to be wrong, and touches nothing', async (action, message) => {
    const { done, result } = await act(action);
    expect(done).toEqual([]);
    expect(result).toMatchObject({ isError: true, content: [{ text: expect.stringContaining(message) as string }, { type: 'image' }] });
  });

  test('a response is said, beside the picture', async () => {
    expect((await act({ type: 'response', text: 'Done.' })).result.content).toMatchObject([{ text: 'Done.' }, { type: 'image' }]);
  });

  test('one action in place of a batch is taken too', async () => {
    const screen = recordingScreen({ width: 100, height: 100 });
    const tool = openaiComputer(screenView(screen, { settleMs: 0 }));
    await tool.execute({ action: { type: 'type', text: 'x' } }, { signal: new AbortController().signal });
    expect(screen.done).toEqual(['type "x"']);
  });
});
