import { describe, expect, test } from 'vitest';
import { decodePng } from '../../capabilities/png.ts';
import type { Navigation } from '../../capabilities/screen.ts';
import { HudError } from '../../protocol/errors.ts';
import type { JsonObject } from '../../protocol/json.ts';
import type { ToolResult } from '../../protocol/trace.ts';
import { serveSite, startBrowser, withoutChromium } from '../../../test/browser.ts';
import { recordingScreen } from '../../../test/recording-screen.ts';
import { GEMINI_ACTIONS } from './gemini-actions.ts';
import { geminiComputer } from './gemini-computer.ts';
import { screenView } from './screen-view.ts';
import { resultText } from './tool.ts';

const signal = new AbortController().signal;
const SIZE = { width: 1600, height: 800 };

const VIEW = { maxWidth: 800, settleMs: 0 };

interface Acted {
  done: readonly string[];
  result: ToolResult;
}

async function act(
  args: JsonObject,
  { isBrowser = false, excluded = [] }: { isBrowser?: boolean; excluded?: string[] } = {},
): Promise<Acted> {
  const screen = recordingScreen(SIZE);
  const say = (text: string): Promise<void> => Promise.resolve(void screen.done.push(text));
  const navigation: Navigation = {
    url: () => Promise.resolve('https://page.example/'),
    navigate: (url) => say(`navigate ${url}`),
    back: () => say('back'),
    forward: () => say('forward'),
  };
  const driver = isBrowser ? { ...screen, navigation } : screen;
  return { result: await geminiComputer(screenView(driver, VIEW), { excluded }).execute(args, { signal }), done: screen.done };
}

describe("Gemini's functions on a screen of 1600 x 800, shown at half its size", () => {
  test.each<[JsonObject, string[]]>([
    [{ action: 'open_web_browser' }, []],
    [{ action: 'take_screenshot', intent: 'look' }, []],
    [{ action: 'click_at', x: 0, y: 0 }, ['click 0,0 left x1']],
    [{ action: 'click_at', x: 500, y: 250 }, ['click 800,200 left x1']],
    [{ action: 'click_at', x: 333, y: 333 }, ['click 533,266 left x1']],
    [{ action: 'click', x: 999, y: 999, intent: 'end' }, ['click 1598,799 left x1']],
    [{ action: 'click', x: 5000, y: -3 }, ['click 1599,0 left x1']],
    [{ action: 'double_click', x: 1, y: 1 }, ['click 2,1 left x2']],
    [{ action: 'triple_click', x: 1, y: 1 }, ['click 2,1 left x3']],
    [{ action: 'right_click', x: 1, y: 1 }, ['click 2,1 right x1']],
    [{ action: 'middle_click', x: 1, y: 1 }, ['click 2,1 middle x1']],
    [{ action: 'hover_at', x: 10, y: 10 }, ['move 16,8']],
    [{ action: 'move', x: 10, y: 10 }, ['move 16,8']],
    [{ action: 'mouse_down', x: 10, y: 10 }, ['move 16,8', 'down left']],
    [{ action: 'mouse_up', x: 20, y: 10 }, ['move 32,8', 'up left']],
    [{ action: 'drag_and_drop', x: 100, y: 100, destination_x: 200, destination_y: 300 }, ['drag 160,80 320,240']],
    [{ action: 'drag_and_drop', start_x: 100, start_y: 100, end_x: 200, end_y: 300 }, ['drag 160,80 320,240']],
    [
      { action: 'type_text_at', x: 500, y: 500, text: 'hi' },
      ['click 800,400 left x1', 'press Control_L+a', 'press BackSpace', 'type "hi"'],
    ],
    [
      { action: 'type_text_at', x: 500, y: 500, text: 'hi', clear_before_typing: false, press_enter: true },
      ['click 800,400 left x1', 'type "hi"', 'press Return'],
    ],
    [{ action: 'type', text: 'hi', press_enter: true }, ['type "hi"', 'press Return']],
    [{ action: 'scroll_document', direction: 'down' }, ['press Next']],
    [{ action: 'scroll_document', direction: 'up' }, ['press Prior']],
    [{ action: 'scroll_document', direction: 'right' }, ['scroll 800,400 by 800,0']],
    [{ action: 'scroll_at', x: 500, y: 500, direction: 'down' }, ['scroll 800,400 by 0,640']],
    [{ action: 'scroll_at', x: 500, y: 500, direction: 'left', magnitude: 250 }, ['scroll 800,400 by -400,0']],
    [{ action: 'scroll_at', x: 500, y: 500, direction: 'up', magnitude: 0 }, []],
    [{ action: 'scroll', x: 500, y: 500, direction: 'down' }, ['scroll 800,400 by 0,600']],
    [{ action: 'scroll', x: 500, y: 500, direction: 'up', magnitude_in_pixels: 100 }, ['scroll 800,400 by 0,-200']],
    [{ action: 'key_combination', keys: 'Control+A' }, ['press Control_L+a']],
    [{ action: 'key_combination', keys: 'Enter' }, ['press Return']],
    [{ action: 'hotkey', keys: ['ctrl', 'shift', 'T'] }, ['press Control_L+Shift_L+t']],
    [{ action: 'press_key', key: 'PageDown' }, ['press Next']],
    [{ action: 'wait', seconds: 0 }, []],
    [{ action: 'go_back' }, ['press Alt_L+Left']],
    [{ action: 'go_forward' }, ['press Alt_L+Right']],
    [{ action: 'navigate', url: 'a.example/x' }, ['press Control_L+l', 'type "https://a.example/x"', 'press Return']],
    [{ action: 'search' }, ['press Control_L+l', 'type "https://www.google.com"', 'press Return']],
  ])('%j', async (args, expected) => {
    const { done, result } = await act(args);
    expect(result.isError).toBe(false);
    expect(done).toEqual(expected);
  });

  test.each<[JsonObject, string]>([
    [{ action: 'go_back' }, 'back'],
    [{ action: 'go_forward' }, 'forward'],
    [{ action: 'navigate', url: 'about:blank' }, 'navigate about:blank'],
    [{ action: 'navigate', url: ' a.example ' }, 'navigate https://a.example'],
    [{ action: 'navigate', url: 'http://a.example' }, 'navigate http://a.example'],
    [{ action: 'search' }, 'navigate https://www.google.com'],
  ])('%j goes by the browser where there is one', async (args, expected) => {
    const { done, result } = await act(args, { isBrowser: true });
    expect(done).toEqual([expected]);
    expect(result.structuredContent).toEqual({ url: 'https://page.example/' });
  });

  test('every function ends in a picture; without a page its address is blank', async () => {
    const { result } = await act({ action: 'click_at', x: 1, y: 1 });
    expect(result.content).toMatchObject([{ type: 'image', mimeType: 'image/png' }]);
    const { width, height } = decodePng(Buffer.from(result.content[0]!.data!, 'base64'));
    expect({ width, height }).toEqual({ width: 800, height: 400 });
    expect(result.structuredContent).toEqual({ url: 'about:blank' });
  });

  test('a key that is held down goes with what follows, until it is let go', async () => {
    const screen = recordingScreen(SIZE);
    const tool = geminiComputer(screenView(screen, VIEW));
    for (const args of [
      { action: 'key_down', key: 'shift' },
      { action: 'click', x: 0, y: 0 },
      { action: 'press_key', key: 'End' },
      { action: 'key_up', key: 'shift' },
      { action: 'click', x: 0, y: 0 },
      { action: 'key_down', key: 'a' },
      { action: 'key_up', key: 'a' },
    ]) {
      await tool.execute(args, { signal });
    }
    expect(screen.done).toEqual([
      'click 0,0 left x1 [Shift_L]',
      'press Shift_L+End',
      'click 0,0 left x1',
      'press a', // nothing came in between: it was meant to be pressed
    ]);
  });

  test.each<[JsonObject, string]>([
    [{}, 'Parameter `action` is required.'],
    [{ action: 'fly' }, 'There is no function fly here.'],
    [{ action: 'constructor' }, 'There is no function constructor here.'],
    [{ action: 'click_at', x: 1 }, 'Parameter `y` must be a number from 0 to 999.'],
    [{ action: 'click_at', x: '1', y: 1 }, 'Parameter `x` must be a number from 0 to 999.'],
    [{ action: 'scroll_at', x: 1, y: 1, direction: 'in' }, 'Parameter `direction` must be up, down, left or right.'],
    [{ action: 'scroll_at', x: 1, y: 1, direction: 'up', magnitude: -1 }, 'Parameter `magnitude` must be a number from 0 to 1000.'],
    [{ action: 'key_combination', keys: 'Hyperspace' }, "Unknown key 'Hyperspace'."],
    [{ action: 'hotkey', keys: [] }, 'Parameter `keys` must be a list of key names.'],
    [{ action: 'navigate', url: '' }, 'Parameter `url` must not be empty.'],
    [{ action: 'type' }, 'Parameter `text` is required.'],
  ])('%j is told to be wrong, with the screen as it is', async (args, message) => {
    const { done, result } = await act(args);
    expect(done).toEqual([]);
    expect(result).toMatchObject({
      isError: true,
      content: [{ type: 'text' }, { type: 'image' }],
      structuredContent: { url: 'about:blank' },
    });
    expect(resultText(result)).toContain(message);
  });

  test('what is excluded is told to the API, and not done', async () => {
    const { done, result } = await act({ action: 'navigate', url: 'a' }, { excluded: ['navigate'] });
    expect(done).toEqual([]);
    expect(result.isError).toBe(true);
    const tool = geminiComputer(screenView(recordingScreen(SIZE)), { excluded: ['navigate'], environment: 'desktop' });
    expect(tool.native).toEqual({ computerUse: { environment: 'ENVIRONMENT_DESKTOP', excludedPredefinedFunctions: ['navigate'] } });
  });

  test('waiting can be interrupted; a lost screen ends the run', async () => {
    const tool = geminiComputer(screenView(recordingScreen(SIZE), VIEW));
    const stop = new AbortController();
    const waiting = tool.execute({ action: 'wait_5_seconds' }, { signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    const lost = { ...recordingScreen(SIZE), click: () => Promise.reject(new HudError('CAPABILITY_FAILED', 'gone')) };
    await expect(geminiComputer(screenView(lost, VIEW)).execute({ action: 'click', x: 1, y: 1 }, { signal })).rejects.toThrow('gone');
  });

  test.each([
    'open_web_browser click_at hover_at type_text_at scroll_document scroll_at wait_5_seconds go_back go_forward search navigate ' +
      'key_combination drag_and_drop',
    'click double_click triple_click middle_click right_click mouse_down mouse_up move type drag_and_drop wait press_key key_down ' +
      'key_up hotkey take_screenshot scroll go_back go_forward navigate',
  ])('the functions of one generation of models are all there: %s', (names) => {
    expect(names.split(' ').filter((name) => !Object.hasOwn(GEMINI_ACTIONS, name))).toEqual([]);
  });
});

const PAGE = `<input id=name style="position:absolute;left:100px;top:100px;width:200px;height:40px" value="old">
<button style="position:absolute;left:100px;top:200px;width:200px;height:40px"
  onclick="location.href = '/done?' + document.getElementById('name').value">Go</button>`;

describe.skipIf(withoutChromium)("Gemini's functions, on a real browser", () => {
  test('fills in a form, goes back and forward, and tells the address each time', async () => {
    await using site = await serveSite({ '/': PAGE, '/done?Ada': 'Thanks' });
    await using browser = await startBrowser();
    const driver = await (await browser.open()).screen();
    const { width, height } = driver.size();
    const tool = geminiComputer(screenView(driver, { settleMs: 200 }));
    const grid = (x: number, y: number): { x: number; y: number } => ({
      x: Math.round((x * 1000) / width),
      y: Math.round((y * 1000) / height),
    });
    const run = async (args: JsonObject): Promise<unknown> => (await tool.execute(args, { signal })).structuredContent;

    expect(await run({ action: 'navigate', url: site.url })).toEqual({ url: `${site.url}/` });
    await run({ action: 'type_text_at', ...grid(200, 120), text: 'Ada' });
    expect(await run({ action: 'click_at', ...grid(200, 220) })).toEqual({ url: `${site.url}/done?Ada` });
    expect(site.paths).toContain('/done?Ada');
    expect(await run({ action: 'go_back' })).toEqual({ url: `${site.url}/` });
    expect(await run({ action: 'go_forward' })).toEqual({ url: `${site.url}/done?Ada` });
    const failed = await tool.execute({ action: 'navigate', url: 'http://127.0.0.1:1/' }, { signal });
    expect(failed).toMatchObject({ isError: true, content: [{ type: 'text' }, { type: 'image' }] });
  }, 60_000);
});
