/** Looks at screens for a script, which can't read pictures: for the words on a page that a person would look for, for a window that opens. */
import { setTimeout } from 'node:timers/promises';
import type { Run } from 'hud';
import type { Eyes, Place, Screen } from './session.ts';

const LONGEST_WAIT_MS = 20_000;
const BETWEEN_LOOKS_MS = 50;

/** Runs in the page: the middle of the smallest thing in sight whose label, value or text this is. */
const FIND = `(label) => {
  const names = (e) => [e.getAttribute('aria-label'), e.getAttribute('placeholder'), e.labels?.[0]?.firstChild?.textContent, e.value, e.textContent];
  const size = (e) => { const { width, height } = e.getBoundingClientRect(); return width * height; };
  const [found] = [...document.querySelectorAll('a, button, input, select, td, h1, b, span, p')]
    .filter((e) => names(e).some((name) => name?.trim() === label) && size(e) > 0).sort((a, b) => size(a) - size(b));
  if (!found) return 'is not on ' + location.pathname;
  const { x, y, width, height } = found.getBoundingClientRect();
  const point = [Math.round(x + width / 2), Math.round(y + height / 2)];
  return point[1] < 0 || point[1] >= innerHeight ? 'is out of sight, at ' + point : point;
}`;

export async function pageEyes(run: Run): Promise<Pick<Eyes, 'find'>> {
  const browser = await run.client.open('cdp');
  return {
    async find(label) {
      const expression = `(${FIND})(${JSON.stringify(label)})`;
      const { result } = await browser.send('Runtime.evaluate', { expression, returnByValue: true });
      const { value } = result as { value?: unknown };
      if (Array.isArray(value)) return value as unknown as Place;
      throw new Error(`'${label}' ${String(value)}.`);
    },
  };
}

export async function desktopEyes(run: Run): Promise<Pick<Eyes, 'screen'>> {
  const screen = await (await run.client.open('rfb')).screen();
  return {
    async screen(looks) {
      const until = performance.now() + LONGEST_WAIT_MS;
      for (;;) {
        const seen = lookAt(await screen.frame());
        if (looks(seen)) return seen;
        if (performance.now() > until) throw new Error(`The screen did not come to look so: ${String(looks)}`);
        await setTimeout(BETWEEN_LOOKS_MS);
      }
    },
  };
}

function lookAt({ rgba, width }: { rgba: Uint8Array; width: number }): Screen {
  const kept = Buffer.from(rgba);
  const at = (x: number, y: number): number => 4 * (y * width + x);
  return {
    light([x, y]) {
      const i = at(x, y);
      return Math.round((kept[i]! + kept[i + 1]! + kept[i + 2]!) / 3);
    },
    part([left, top, right, bottom]) {
      let pixels = '';
      for (let y = top; y < bottom; y++) pixels += kept.toString('latin1', at(left, y), at(right, y));
      return pixels;
    },
  };
}
