import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { serveSite, startBrowser, withoutChromium, type Browser, type Site } from '../../test/browser.ts';
import { openCdp, type CdpClient } from './cdp.ts';
import type { Frame, Point, ScreenDriver } from './screen.ts';

const TALL = '<div style="height:5000px;width:3000px;background:linear-gradient(red,blue)"></div>';
const LOG = `<script>
  window.log = [];
  for (const type of ['mousedown','mouseup','click','dblclick','contextmenu','keydown'])
    addEventListener(type, (e) => log.push([type, e.key ?? e.button, e.detail ?? 0, [e.ctrlKey && 'ctrl', e.shiftKey && 'shift', e.altKey && 'alt', e.metaKey && 'meta'].filter(Boolean).join('+')].join(' ')), true);
</script>`;
const PAGES: Record<string, string> = {
  '/': '<div style="width:100px;height:50px;background:#ff0000"></div>',
  '/log': `${LOG}<textarea id=t style="width:400px;height:200px;box-sizing:border-box;display:block"></textarea>`,
  '/tall': TALL,
  '/drag': `<div id=box style="position:absolute;left:0;top:0;width:50px;height:50px;background:green"></div><script>
    let on = false; window.moves = 0;
    box.onmousedown = () => on = true; onmouseup = () => on = false;
    onmousemove = (e) => { if (on && e.buttons === 1) { moves++; box.style.left = e.clientX + 'px'; box.style.top = e.clientY + 'px'; } };
  </script>`,
  '/drop': `<div id=item draggable=true style="width:100px;height:50px;background:#cc0">Item</div>
    <div id=zone style="position:absolute;left:300px;top:200px;width:200px;height:200px;background:#0cc">Zone</div><script>
    item.ondragstart = (e) => e.dataTransfer.setData('text/plain', 'carried');
    zone.ondragover = (e) => e.preventDefault();
    zone.ondrop = (e) => { e.preventDefault(); zone.textContent = e.dataTransfer.getData('text/plain'); };
  </script>`,
  '/links': `<a id=a href=/second target=_blank style="display:block;width:200px;height:50px">Open</a>
    <button style="display:block;width:200px;height:50px" onclick="document.title = String(confirm('Sure?'))">Ask</button>`,
  '/second':
    '<p>Second</p><button style="position:absolute;left:0;top:100px;width:100px;height:50px" onclick="window.close()">Close</button>',
};

interface Stage extends AsyncDisposable {
  site: Site;
  browser: Browser;
  client: CdpClient;
  screen: ScreenDriver;
  /** The value of an expression in the first page. */
  ask(expression: string): Promise<unknown>;
}

async function stage(path: string): Promise<Stage> {
  const site = await serveSite(PAGES);
  const browser = await startBrowser({ url: site.url + path });
  const client = await browser.open();
  return {
    site,
    browser,
    client,
    screen: await client.screen(),
    async ask(expression) {
      const { result } = await client.send('Runtime.evaluate', { expression, returnByValue: true });
      return (result as { value?: unknown }).value;
    },
    async [Symbol.asyncDispose]() {
      await browser[Symbol.asyncDispose]();
      await site[Symbol.asyncDispose]();
    },
  };
}

function pixel({ rgba, width }: Frame, { x, y }: Point): number[] {
  const at = (y * width + x) * 4;
  return [...rgba.subarray(at, at + 4)];
}

describe.skipIf(withoutChromium)('a page as a screen', () => {
  test('a picture is as large as the page, one pixel a CSS pixel', async () => {
    await using on = await stage('/');
    expect(on.screen.size()).toEqual({ width: 1280, height: 800 });
    expect(on.screen).toBe(await on.client.screen());
    const frame = await on.screen.frame();
    expect([frame.width, frame.height]).toEqual([1280, 800]);
    expect(await on.ask('[innerWidth, innerHeight, devicePixelRatio]')).toEqual([1280, 800, 1]);
    expect(pixel(frame, { x: 99, y: 49 })).toEqual([255, 0, 0, 255]);
    expect(pixel(frame, { x: 100, y: 49 })).toEqual([255, 255, 255, 255]);
    expect(on.screen.position()).toEqual({ x: 640, y: 400 });
  });

  test('clicks count up to three, with any button and with modifiers', async () => {
    await using on = await stage('/log');
    await on.screen.click({ x: 500, y: 300 }, { count: 3, intervalMs: 0 });
    expect(await on.ask('log.filter((entry) => /click/.test(entry))')).toEqual(['click 0 1 ', 'click 0 2 ', 'dblclick 0 2 ', 'click 0 3 ']);
    await on.ask('log.length = 0');
    await on.screen.click({ x: 501, y: 301 }, { button: 'right', modifiers: ['Control_L', 'Shift_L'] });
    const log = (await on.ask('log')) as string[];
    expect(log.slice(0, 3)).toEqual(['keydown Control 0 ctrl', 'keydown Shift 0 ctrl+shift', 'mousedown 2 1 ctrl+shift']);
    await on.ask('log.length = 0');
    await on.screen.mouseDown('middle');
    await on.screen.move({ x: 9999, y: -5 });
    expect(on.screen.position()).toEqual({ x: 1279, y: 0 });
    await on.screen.mouseUp('middle');
    expect(await on.ask('log')).toEqual(['mousedown 1 1 ', 'mouseup 1 1 ']);
  });

  test('text is typed with its keys, and what the keyboard lacks is put in', async () => {
    await using on = await stage('/log');
    await on.screen.click({ x: 50, y: 50 });
    const text = `Hello, "World"! {a_b} <1+2=3> @#$%^&*()~|\\?\nZweite Zeile: äöü € 漢字 🎉`;
    await on.screen.type(text.replace('\n', '\r\n'));
    expect(await on.ask('t.value')).toBe(text);
    expect(await on.ask(`log.filter((entry) => entry.startsWith('keydown')).slice(0, 2)`)).toEqual(['keydown H 0 shift', 'keydown e 0 ']);
    await on.screen.type('\t');
    expect(await on.ask('document.activeElement === document.body')).toBe(true);
  });

  test('a long text arrives whole and in its order', async () => {
    await using on = await stage('/log');
    await on.screen.click({ x: 50, y: 50 });
    const text = Array.from({ length: 400 }, (_, i) => `${i}é`).join(' ');
    await on.screen.type(text);
    expect(await on.ask('t.value')).toBe(text);
  });

  test('keys are pressed as chords, by their X names', async () => {
    await using on = await stage('/log');
    await on.screen.click({ x: 50, y: 50 });
    await on.screen.type('abc');
    await on.screen.press(['Control_L', 'a']);
    await on.screen.press(['BackSpace']);
    expect(await on.ask('t.value')).toBe('');
    await on.ask('log.length = 0');
    await on.screen.press(['Shift_L', 'a']);
    await on.screen.press(['plus']);
    await on.screen.press(['U00E9']);
    await on.screen.press(['Return']);
    await on.screen.press(['KP_7'], { holdMs: 5 });
    expect(await on.ask('t.value')).toBe('A+é\n7');
    await on.screen.press(['Super_L', 'F5']);
    expect(await on.ask('log.slice(-2)')).toEqual(['keydown Meta 0 meta', 'keydown F5 0 meta']);
    await expect(on.screen.press(['Control_L', 'NoSuchKey'])).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
    await on.ask('log.length = 0');
    await on.screen.press(['x']);
    expect(await on.ask('log')).toEqual(['keydown x 0 ']);
  });

  test('the wheel scrolls by CSS pixels in both directions', async () => {
    await using on = await stage('/tall');
    await on.screen.scroll({ x: 100, y: 100 }, { dx: 150, dy: 700 });
    await expect.poll(() => on.ask('[scrollX, scrollY]')).toEqual([150, 700]);
    await on.screen.scroll({ x: 100, y: 100 }, { dx: 0, dy: -300 });
    await expect.poll(() => on.ask('[scrollX, scrollY]')).toEqual([150, 400]);
  });

  test('a drag passes its points with the button held', async () => {
    await using on = await stage('/drag');
    await on.screen.drag([
      { x: 10, y: 10 },
      { x: 300, y: 10 },
      { x: 300, y: 200 },
    ]);
    expect(await on.ask('[box.style.left, box.style.top]')).toEqual(['300px', '200px']);
    expect(await on.ask('moves')).toBeGreaterThan(20);
    await on.screen.move({ x: 600, y: 600 });
    expect(await on.ask('box.style.left')).toBe('300px');
    await expect(on.screen.drag([{ x: 1, y: 1 }])).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
  });

  test('what a page lets drag and drop is carried over', async () => {
    await using on = await stage('/drop');
    await on.screen.drag([
      { x: 20, y: 20 },
      { x: 400, y: 300 },
    ]);
    await expect.poll(() => on.ask('zone.textContent')).toBe('carried');
  });

  test('a tab that a click opens is shown, and the one before it when that closes', async () => {
    await using on = await stage('/links');
    await on.screen.click({ x: 20, y: 10 });
    await expect.poll(() => on.screen.navigation?.url()).toBe(`${on.site.url}/second`);
    const frame = await on.screen.frame();
    expect([frame.width, frame.height]).toEqual([1280, 800]);
    await on.screen.click({ x: 20, y: 110 });
    await expect.poll(() => on.screen.navigation?.url()).toBe(`${on.site.url}/links`);
    expect((await on.screen.frame()).width).toBe(1280);
  });

  test('a dialog that a click opens is answered, and the click ends', async () => {
    await using on = await stage('/links');
    await on.screen.click({ x: 20, y: 60 });
    expect(await on.ask('document.title')).toBe('true');
  });

  test('through a proxy that shows one page only, that page is the screen', async () => {
    await using on = await stage('/');
    const { pageId } = await on.client.targets();
    const browserPort = Number(new URL(on.browser.chromium.url).port);
    const proxy = createServer((_request, response) => response.writeHead(404).end());
    proxy.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
      const there = connect(browserPort, '127.0.0.1');
      const headers = Object.entries(request.headers).map(
        ([name, value]) => `${name}: ${name === 'host' ? `127.0.0.1:${browserPort}` : String(value)}\r\n`,
      );
      there.write(`GET ${request.url} HTTP/1.1\r\n${headers.join('')}\r\n`);
      socket.pipe(there).pipe(socket);
      socket.on('error', () => there.destroy());
      there.on('error', () => socket.destroy());
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const url = `ws://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const client = await openCdp({ name: 'proxied', protocol: 'cdp/1.3', url, params: { target_id: pageId } });
    const screen = await client.screen();
    expect(pixel(await screen.frame(), { x: 50, y: 25 })).toEqual([255, 0, 0, 255]);
    await screen.navigation?.navigate(`${on.site.url}/log`);
    await screen.click({ x: 500, y: 300 });
    expect(await on.ask('log.length')).toBe(3);
    await client.close();
    proxy.close();
  });

  test('the last tab closed is followed by a new one', async () => {
    await using on = await stage('/second');
    const targets = await on.client.targets();
    await targets.close(targets.pageId);
    expect((await on.screen.frame()).width).toBe(1280);
    await on.screen.navigation?.navigate(`${on.site.url}/links`);
    expect(await on.screen.navigation?.url()).toBe(`${on.site.url}/links`);
  });

  test('pages are gone to, back and forward; one that does not exist is an error to react to', async () => {
    await using on = await stage('/');
    const { navigation } = on.screen;
    await navigation?.navigate(`${on.site.url}/tall`);
    expect(await navigation?.url()).toBe(`${on.site.url}/tall`);
    await navigation?.back();
    expect(await on.ask('location.pathname')).toBe('/');
    await navigation?.back();
    await navigation?.forward();
    expect(await on.ask('location.pathname')).toBe('/tall');
    await expect(navigation?.navigate('http://nowhere.invalid/')).rejects.toMatchObject({
      code: 'RPC_ERROR',
      message: expect.stringContaining('ERR_NAME_NOT_RESOLVED') as string,
    });
    expect(await navigation?.back().then(() => on.ask('location.pathname'))).toBe('/tall');
  });
});
