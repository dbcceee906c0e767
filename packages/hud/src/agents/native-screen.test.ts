/** Claude's and OpenAI's own tools for screens, end to end: the vendors' SDKs, a scripted model, a real browser and desktop. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serveSite, startBrowser, withoutChromium, type Browser } from '../../test/browser.ts';
import { call, claude, DONE, openai, play } from '../../test/play.ts';
import { declareDesktop, type Desktop } from '../environment/desktop.ts';
import { Environment } from '../environment/environment.ts';
import type { Capability } from '../protocol/capability.ts';

const PAGE = `<button id=b style="position:absolute;left:100px;top:100px;width:200px;height:100px"
  onclick="fetch('/clicked-' + event.detail + (event.shiftKey ? '-shift' : ''))">Buy</button>
  <input id=i style="position:absolute;left:100px;top:300px;width:200px" onchange="fetch('/typed-' + this.value)">
  <div style="height:5000px"></div><script>addEventListener('scroll', () => fetch('/scrolled'), { once: true })</script>`;

describe.skipIf(withoutChromium)('a browser', () => {
  let site: Awaited<ReturnType<typeof serveSite>>;
  let browser: Browser;
  beforeAll(async () => {
    site = await serveSite({ '/': PAGE });
    browser = await startBrowser({ url: site.url, width: 1200, height: 800 });
  }, 60_000);
  afterAll(async () => {
    await browser[Symbol.asyncDispose]();
    await site[Symbol.asyncDispose]();
  });
  const fresh = async (): Promise<Capability[]> => {
    await browser.chromium.fresh();
    site.paths.length = 0;
    return [browser.environment.capability(browser.chromium.name)];
  };
  /** Half as large as the page. */
  const computer = { maxWidth: 600, maxHeight: 400 };

  test('is used by Claude, with coordinates of the picture that it saw', async () => {
    const { run, body, server, results } = await play(
      await fresh(),
      [
        call('computer', { action: 'screenshot' }),
        call('computer', { action: 'double_click', coordinate: [100, 75], text: 'shift' }),
        call('computer', { action: 'left_click', coordinate: [100, 155] }),
        call('computer', { action: 'type', text: 'shoe' }),
        call('computer', { action: 'key', text: 'Tab' }),
        call('computer', { action: 'scroll', coordinate: [300, 200], scroll_direction: 'down', scroll_amount: 5 }),
        call('computer', { action: 'zoom', region: [50, 50, 150, 100] }),
        call('computer', { action: 'nonsense' }),
        DONE,
      ],
      claude({ computer, keepScreenshots: 2 }),
    );
    expect(run).toMatchObject({ class: 'graded', reward: 1 });
    await expect
      .poll(() => site.paths, { timeout: 5000 })
      .toEqual(expect.arrayContaining(['/clicked-1-shift', '/clicked-2-shift', '/typed-shoe', '/scrolled']));
    expect(body(0).tools).toMatchObject([{ type: 'computer_20251124', display_width_px: 600, display_height_px: 400, enable_zoom: true }]);
    expect(server.requests.map(({ headers }) => headers['anthropic-beta'])).toEqual(
      Array.from({ length: 9 }, () => 'computer-use-2025-11-24'),
    );
    const png = (i: number): Buffer => Buffer.from(results[i]?.result.content[0]?.data ?? '', 'base64');
    expect([png(0).readUInt32BE(16), png(0).readUInt32BE(20)]).toEqual([600, 400]);
    expect([png(6).readUInt32BE(16), png(6).readUInt32BE(20)]).toEqual([200, 100]);
    // Never more than three pictures, and what was sent before changes only every second turn.
    const images = server.requests.map(({ messages }) =>
      messages.flatMap(({ toolResults = [] }) => toolResults.map(({ images: n = 0 }) => n)).reduce((a, b) => a + b, 0),
    );
    expect(images).toEqual([0, 1, 2, 3, 2, 3, 2, 3, 3]);
    expect(JSON.stringify(body(8))).toContain('An earlier screenshot is no longer shown.');
    expect(results[7]?.result).toMatchObject({ isError: true, content: [{ text: "Unknown action 'nonsense'." }] });
  }, 60_000);

  test('is used by a later Claude through a toolset, one tool for each action', async () => {
    const { run, body, results } = await play(
      await fresh(),
      [call('computer', { action: 'left_click', coordinate: [100, 75] }), call('computer', { action: 'fly' }), DONE],
      claude({ computer, model: 'claude-next' }),
    );
    expect(run.reward).toBe(1);
    await expect.poll(() => site.paths, { timeout: 5000 }).toContain('/clicked-1');
    expect(body(0).tools).toEqual([{ type: 'computer_toolset_20260801' }]);
    expect(body(1).messages).toMatchObject([
      {},
      {
        role: 'assistant',
        content: [{ type: 'tool_use', name: 'left_click', toolset_name: 'computer', input: { coordinate: [100, 75] } }],
      },
      { role: 'user', content: [{ type: 'tool_result', toolset_name: 'computer', is_error: false, content: [{ type: 'image' }] }] },
    ]);
    expect(results.map(({ call: { name, providerName } }) => [name, providerName])).toEqual([
      ['computer', 'left_click'],
      ['computer', 'fly'],
    ]);
  }, 60_000);

  test('is used by OpenAI in batches, with pixels of the picture that it saw', async () => {
    const { run, body, server } = await play(
      await fresh(),
      [
        call('computer', { actions: [{ type: 'screenshot' }] }),
        call('computer', {
          actions: [
            { type: 'click', x: 100, y: 75, button: 'left', keys: ['SHIFT'] },
            { type: 'click', x: 100, y: 155, button: 'left' },
            { type: 'type', text: 'shoe' },
            { type: 'keypress', keys: ['TAB'] },
            { type: 'scroll', x: 300, y: 200, scroll_x: 0, scroll_y: 200 },
          ],
          pending_safety_checks: [{ id: 'sc_1', code: 'malicious_instructions', message: 'Sure?' }],
        }),
        call('computer', { action: { type: 'fly' } }),
        DONE,
      ],
      openai({ computer }),
    );
    expect(run).toMatchObject({ class: 'graded', reward: 1 });
    await expect
      .poll(() => site.paths, { timeout: 5000 })
      .toEqual(expect.arrayContaining(['/clicked-1-shift', '/typed-shoe', '/scrolled']));
    expect(body(0)).toMatchObject({ tools: [{ type: 'computer' }], truncation: 'auto' });
    const shot = {
      type: 'computer_screenshot',
      image_url: expect.stringMatching(/^data:image\/png;base64,/) as string,
      detail: 'original',
    };
    expect(body(1).input).toEqual([{ type: 'computer_call_output', call_id: 'call_0_0', output: shot }]);
    expect(body(2).input).toEqual([
      {
        type: 'computer_call_output',
        call_id: 'call_1_0',
        output: shot,
        acknowledged_safety_checks: [{ id: 'sc_1', code: 'malicious_instructions', message: 'Sure?' }],
      },
    ]);
    expect(body(3).input).toMatchObject([
      { type: 'computer_call_output', call_id: 'call_2_0', output: shot },
      { role: 'user', content: [{ text: expect.stringContaining("Unknown action 'fly'") as string }] },
    ]);
    expect(server.requests).toHaveLength(4);
  }, 60_000);

  test('a call that came to no picture is answered with the last one', async () => {
    const { body, run } = await play(
      await fresh(),
      [call('computer', { actions: [{ type: 'screenshot' }] }), call('computer', { actions: [{ type: 'wait', ms: 5000 }] }), DONE],
      openai({ computer, toolTimeoutSeconds: 2 }),
    );
    expect(run.reward).toBe(1);
    const output = (index: number): unknown => (body(index).input as { output: unknown }[])[0]?.output;
    expect(output(2)).toEqual(output(1));
    expect(JSON.stringify(body(2))).toContain('did not finish within 2 s');
  }, 60_000);

  test('a safety check that nobody may confirm ends the run, and nothing is done', async () => {
    const { run, server, results } = await play(
      await fresh(),
      [
        call('computer', {
          actions: [{ type: 'click', x: 100, y: 75, button: 'left' }],
          pending_safety_checks: [{ id: 'sc_1', code: 'c', message: 'Really buy?' }],
        }),
      ],
      openai({ computer: { ...computer, onSafetyCheck: 'stop' }, autoRespond: () => Promise.resolve('CONTINUE') }),
    );
    expect(run.trace.content).toContain('Really buy?');
    expect([server.requests.length, results.length]).toEqual([1, 0]);
    expect(site.paths).not.toContain('/clicked-1');
  }, 60_000);
});

const NO_DESKTOP = ['Xtigervnc', 'openbox', 'xterm', 'xdotool'].find((name) => !existsSync(`/usr/bin/${name}`));

describe.skipIf(NO_DESKTOP === undefined ? false : `needs ${NO_DESKTOP}`)('a desktop', () => {
  const environment = new Environment('desktop');
  const desktop: Desktop = declareDesktop(environment, {
    width: 1600,
    height: 1000,
    apps: [{ command: 'xterm', args: ['-T', 'term', '-geometry', '100x30+0+0', '-e', 'sh'], window: 'term' }],
  });
  beforeAll(async () => await environment.start(), 60_000);
  afterAll(async () => await environment.stop());
  const capability = (): Capability[] => [environment.capability(desktop.name)];
  const written = (name: string): Promise<string> => readFile(join(desktop.home, name), 'utf8').catch(() => '');

  test('is used by Claude with mouse and keyboard', async () => {
    const { run, body, results } = await play(
      capability(),
      [
        call('computer', { action: 'left_click', coordinate: [200, 150] }),
        call('computer', { action: 'type', text: `echo "It's <42> & £" > claude.txt\n` }),
        call('computer', { action: 'key', text: 'ctrl+c' }),
        call('computer', { action: 'cursor_position' }),
        DONE,
      ],
      claude(),
    );
    expect(run).toMatchObject({ class: 'graded', reward: 1 });
    await expect.poll(() => written('claude.txt'), { timeout: 5000 }).toBe("It's <42> & £\n");
    expect(body(0).tools).toMatchObject([{ display_width_px: 1280, display_height_px: 800 }]);
    expect(results[3]?.result.content).toEqual([{ type: 'text', text: '(200, 150)' }]);
  }, 60_000);

  test('is used by OpenAI in a batch', async () => {
    const { run } = await play(
      capability(),
      [
        call('computer', {
          actions: [
            { type: 'click', x: 200, y: 150, button: 'left' },
            { type: 'type', text: 'echo batch > openai.txt' },
            { type: 'keypress', keys: ['ENTER'] },
          ],
        }),
        DONE,
      ],
      openai(),
    );
    expect(run).toMatchObject({ class: 'graded', reward: 1 });
    await expect.poll(() => written('openai.txt'), { timeout: 5000 }).toBe('batch\n');
  }, 60_000);
});
