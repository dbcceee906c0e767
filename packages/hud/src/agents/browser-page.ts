/** The page that a browser shows, as text with numbered elements, and what can be done with those. */
import type { CdpScreen } from '../capabilities/cdp-screen.ts';
import { sleep } from '../host/host.ts';
import { nodeHost } from '../host/node.ts';
import { HudError, isHudError } from '../protocol/errors.ts';
import type { JsonObject } from '../protocol/json.ts';
import {
  TEXT_SCRIPT,
  locateScript,
  selectAllScript,
  selectScript,
  setValueScript,
  snapshotScript,
  type PageSnapshot,
} from './browser-script.ts';

const STATE_TEXT_CHARS = 3_000;
const EXTRACT_CHARS = 20_000;
/** One look at a page; one whose scripts run for longer counts as busy. */
const LOOK_MS = 5_000;
const LOAD_MS = 10_000;
const POLL_MS = 50;
/** Longest wait until the page stops changing. */
const SETTLE_MS = 1_000;
const NOTICE_MS = 60;

interface Spot {
  x: number;
  y: number;
  kind: string;
}

/** Every method throws HudError BAD_ARGUMENT for an element that can't be acted on, in words for the model. */
export class BrowserPage {
  readonly screen: CdpScreen;
  /** The script world in which the last state was taken. */
  #world: number | undefined;

  constructor(screen: CdpScreen) {
    this.screen = screen;
  }

  /** The page once it stopped changing, as the model is shown it. */
  async state(signal: AbortSignal): Promise<string> {
    await this.#settled(signal);
    let last = stateText(await this.#snapshot(signal));
    const until = nodeHost.monotonic() + SETTLE_MS;
    while (nodeHost.monotonic() < until) {
      await sleep(nodeHost, POLL_MS, signal);
      const next = stateText(await this.#snapshot(signal));
      if (next === last) return next;
      last = next;
    }
    return last;
  }

  async click(index: number, signal: AbortSignal): Promise<void> {
    await this.screen.click(await this.#locate(index, signal), { signal });
  }

  async type(index: number, text: string, options: { clear: boolean; pressEnter: boolean; signal: AbortSignal }): Promise<void> {
    const { clear, pressEnter, signal } = options;
    const spot = await this.#locate(index, signal);
    if ((await this.#run(setValueScript(index, text), signal)) !== true) {
      await this.screen.click(spot, { signal });
      if (clear && (await this.#run(selectAllScript(index), signal)) === true) await this.screen.press(['Delete'], { signal });
      await this.screen.type(text, { signal });
    }
    if (pressEnter) await this.screen.press(['Return'], { signal });
  }

  async select(index: number, option: string, signal: AbortSignal): Promise<void> {
    const problem = await this.#run(selectScript(index, option), signal);
    if (typeof problem === 'string') throw new HudError('BAD_ARGUMENT', problem);
  }

  /** A part of the whole text. @param start in characters */
  async text(start: number, signal: AbortSignal): Promise<string> {
    await this.#snapshot(signal);
    const text = String(await this.#run(TEXT_SCRIPT, signal));
    const rest = text.length - start - EXTRACT_CHARS;
    return (
      text.slice(start, start + EXTRACT_CHARS) + (rest > 0 ? `\n[${rest} more characters; go on with start=${start + EXTRACT_CHARS}]` : '')
    );
  }

  async scroll(by: { dx: number; dy: number }, signal: AbortSignal): Promise<void> {
    const { width, height } = this.screen.size();
    await this.screen.scroll({ x: width / 2, y: height / 2 }, by, { signal });
  }

  async #locate(index: number, signal: AbortSignal): Promise<Spot> {
    const found = (await this.#run(locateScript(index), signal)) as Spot | { problem: string } | undefined;
    if (found === undefined || 'problem' in found) {
      throw new HudError('BAD_ARGUMENT', found?.problem ?? 'The page can not be acted on.', { hint: 'Choose from the page as it is now.' });
    }
    return found;
  }

  /** A click may begin a navigation a moment later; a page that never stops loading is used as it is. */
  async #settled(signal: AbortSignal): Promise<void> {
    await sleep(nodeHost, NOTICE_MS, signal);
    const until = nodeHost.monotonic() + LOAD_MS;
    while (this.screen.tabs.isLoading && nodeHost.monotonic() < until) await sleep(nodeHost, POLL_MS, signal);
  }

  /** Once more when the page changed to another one meanwhile. */
  async #snapshot(signal: AbortSignal): Promise<PageSnapshot> {
    for (let tries = 0; ; tries++) {
      try {
        this.#world = await this.#enterPage(signal);
        return (await this.#run(snapshotScript(STATE_TEXT_CHARS), signal)) as PageSnapshot;
      } catch (error) {
        signal.throwIfAborted();
        if (tries >= 3 || !isHudError(error) || error.code === 'CAPABILITY_FAILED') throw error;
        await this.#settled(signal);
      }
    }
  }

  async #enterPage(signal: AbortSignal): Promise<number> {
    const { tabs } = this.screen;
    const { frameTree } = await tabs.send('Page.getFrameTree', {}, { signal, timeoutMs: LOOK_MS });
    const frameId = (frameTree as { frame: { id: string } }).frame.id;
    const { executionContextId } = await tabs.send(
      'Page.createIsolatedWorld',
      { frameId, worldName: 'hud' },
      { signal, timeoutMs: LOOK_MS },
    );
    return Number(executionContextId);
  }

  async #run(expression: string, signal: AbortSignal): Promise<unknown> {
    const params: JsonObject = { expression, returnByValue: true, ...(this.#world === undefined ? {} : { contextId: this.#world }) };
    let reply: JsonObject;
    try {
      reply = await this.screen.tabs.send('Runtime.evaluate', params, { signal, timeoutMs: LOOK_MS });
    } catch (error) {
      if (!isHudError(error) || error.code !== 'RPC_ERROR') throw error;
      throw new HudError('BAD_ARGUMENT', 'The page has changed since it was last shown.', { hint: 'Look at it again.', cause: error });
    }
    const { result, exceptionDetails } = reply;
    if (exceptionDetails !== undefined) {
      const { exception, text } = exceptionDetails as { exception?: { description?: string }; text?: string };
      throw new HudError('BAD_ARGUMENT', `The page did not take that: ${exception?.description?.split('\n')[0] ?? text ?? ''}`);
    }
    return (result as JsonObject | undefined)?.value;
  }
}

function stateText({ url, title, scroll, elements, text, isCut }: PageSnapshot): string {
  const below = scroll.height - scroll.top - scroll.visible;
  const more = [scroll.top > 0 ? `${scroll.top} px above` : '', below > 1 ? `${below} px below` : ''].filter((part) => part !== '');
  return [
    `URL: ${url}`,
    `Title: ${title}`,
    ...(more.length === 0 ? [] : [`Scrolled: ${more.join(', ')}`]),
    elements.length === 0 ? 'Nothing on the page can be acted on.' : 'Elements:',
    ...elements.map((element, index) => `[${index}] ${element}`),
    `Text:\n${text}${isCut ? '\n[cut; extract gives all of it]' : ''}`,
  ].join('\n');
}
