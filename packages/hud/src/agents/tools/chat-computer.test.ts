import { describe, expect, test } from 'vitest';
import { decodePng } from '../../capabilities/png.ts';
import type { JsonObject } from '../../protocol/json.ts';
import { serveSite, startBrowser, withoutChromium } from '../../../test/browser.ts';
import { chatComputer } from './chat-computer.ts';
import { screenView } from './screen-view.ts';
import { resultText } from './tool.ts';

const signal = new AbortController().signal;

const PAGE = `<input id=name style="position:absolute;left:100px;top:100px;width:200px;height:40px">
<div id=seen style="position:absolute;left:100px;top:200px;width:400px;height:100px;background:red"></div>
<div style="height:5000px"></div>
<script>
  const said = [];
  for (const kind of ['click', 'dblclick', 'contextmenu', 'wheel', 'mousemove']) addEventListener(kind, (event) => {
    said.push([kind, event.clientX, event.clientY, event.shiftKey, Math.sign(event.deltaY ?? 0), Math.sign(event.deltaX ?? 0)]);
  }, { passive: true });
</script>`;

describe.skipIf(withoutChromium)('the function computer, on a real browser shown at half its size', () => {
  test('does what its actions say, in pixels of the picture', async () => {
    await using site = await serveSite({ '/': PAGE });
    await using browser = await startBrowser();
    const client = await browser.open();
    const driver = await client.screen();
    const { width, height } = driver.size();
    const tool = chatComputer(screenView(driver, { maxWidth: width / 2, settleMs: 100 }));
    const run = async (args: JsonObject): Promise<string> => {
      const result = await tool.execute(args, { signal });
      expect(result, JSON.stringify(args)).toMatchObject({ isError: false, content: [{ type: 'text' }, { type: 'image' }] });
      return resultText(result);
    };
    const said = async (): Promise<unknown[][]> => {
      const { result } = await client.send('Runtime.evaluate', { expression: 'said.splice(0)', returnByValue: true });
      return ((result as JsonObject).value as unknown[][]).filter(([kind]) => kind !== 'mousemove');
    };

    expect(tool.description).toContain(`${width / 2}x${height / 2} pixels`);
    expect(await run({ action: 'navigate', url: site.url })).toContain(`The page is ${site.url}/.`);
    expect(await run({ action: 'screenshot' })).toContain(`The screen is ${width / 2}x${height / 2}.`);
    await run({ action: 'click', coordinate: [100, 60] });
    await run({ action: 'type', text: 'Ada' });
    await run({ action: 'key', text: 'ctrl+a Delete' });
    await run({ action: 'type', text: 'Eve' });
    const { result } = await client.send('Runtime.evaluate', { expression: 'document.getElementById("name").value', returnByValue: true });
    expect(result).toMatchObject({ value: 'Eve' });
    expect(await said()).toEqual([['click', 200, 120, false, 0, 0]]);
    await run({ action: 'right_click', coordinate: '[150, 200]', text: 'shift' });
    expect(await said()).toEqual([['contextmenu', 300, 400, true, 0, 0]]);
    await run({ action: 'double_click' }); // where the pointer is
    expect((await said()).at(-1)).toEqual(['dblclick', 300, 400, false, 0, 0]);
    await run({ action: 'scroll', coordinate: [150, 200], direction: 'down', amount: 2 });
    expect(await said()).toContainEqual(['wheel', 300, 400, false, 1, 0]);
    await run({ action: 'move', coordinate: [10, 20] });
    expect(await run({ action: 'cursor_position' })).toContain('The pointer is at [10, 20].');
    await run({ action: 'drag', coordinate: [10, 20], to: [60, 20] });
    expect(driver.position()).toEqual({ x: 120, y: 40 });
    await run({ action: 'wait', seconds: 0 });

    const shot = await tool.execute({ action: 'screenshot' }, { signal });
    const picture = decodePng(Buffer.from(shot.content[1]!.data!, 'base64'));
    expect([picture.width, picture.height]).toEqual([width / 2, height / 2]);
  }, 60_000);

  test('wrong arguments are told, and nothing is done', async () => {
    await using browser = await startBrowser();
    const tool = chatComputer(screenView(await (await browser.open()).screen(), { settleMs: 0 }));
    for (const [args, message] of [
      [{}, 'Parameter `action` is required.'],
      [{ action: 'fly' }, "Unknown action 'fly'. There are screenshot, click,"],
      [{ action: 'toString' }, "Unknown action 'toString'."],
      [{ action: 'click', coordinate: [1] }, 'Parameter `coordinate` must be [x, y].'],
      [{ action: 'click', coordinate: '[1, {}]' }, 'Parameter `coordinate` must be [x, y].'],
      [{ action: 'move' }, 'Parameter `coordinate` must be [x, y].'],
      [{ action: 'drag', coordinate: [1, 2] }, 'Parameter `to` must be [x, y].'],
      [{ action: 'scroll', direction: 'in' }, 'Parameter `direction` must be'],
      [{ action: 'scroll', direction: 'up', amount: 1000 }, 'Parameter `amount` must be a number from 1 to 100.'],
      [{ action: 'key', text: 'Hyperspace' }, "Unknown key 'Hyperspace'."],
      [{ action: 'wait', seconds: 1e9 }, 'Parameter `seconds` must be a number from 0 to 100.'],
      [{ action: 'type' }, 'Parameter `text` is required.'],
    ] as const) {
      const result = await tool.execute(args, { signal });
      expect(result.isError, JSON.stringify(args)).toBe(true);
      expect(resultText(result)).toContain(message);
    }
  }, 60_000);
});
