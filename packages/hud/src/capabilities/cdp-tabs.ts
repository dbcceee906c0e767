/** Which tab a screen shows: the page, then whatever it opens; a tab that closes gives way to the one before it. */
import { sleep } from '../host/host.ts';
import { nodeHost } from '../host/node.ts';
import { HudError } from '../protocol/errors.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { SendOptions } from './cdp-connection.ts';
import type { CdpTargets } from './cdp-targets.ts';
import type { Size } from './screen.ts';

/** Longest time in which a tab that goes from one page to the next takes no commands. */
const BETWEEN_PAGES_MS = 3_000;
const POLL_MS = 20;
const STARTS: ReadonlySet<string> = new Set(['Page.frameStartedLoading', 'Page.frameStartedNavigating']);

export class CdpTabs {
  readonly #targets: CdpTargets;
  readonly #size: Size | undefined;
  /** Ids, the shown one last. */
  readonly #stack: string[];
  /** Frames that are loading, by session. */
  readonly #loading = new Map<string, Set<unknown>>();
  readonly #sessions = new Map<string, string>();
  /** The last one that was shown. */
  #shown = '';
  #switching: Promise<void> = Promise.resolve();
  #current: Size;

  /** @param size of each tab, in CSS pixels @default what the page has */
  static async open(targets: CdpTargets, size: Size | undefined): Promise<CdpTabs> {
    const tabs = new CdpTabs(targets, size);
    await tabs.#show();
    return tabs;
  }

  private constructor(targets: CdpTargets, size: Size | undefined) {
    this.#targets = targets;
    this.#size = size;
    this.#current = size ?? { width: 0, height: 0 };
    this.#stack = [targets.pageId];
    targets.watch({
      opened: ({ id, type, openerId }) => {
        if (type !== 'page' || openerId === undefined || !this.#stack.includes(openerId) || this.#stack.includes(id)) return;
        this.#stack.push(id);
      },
      closed: (id) => this.#drop(id),
    });
    targets.connection.listen(({ method, params, sessionId = '' }) => {
      const frames = this.#loading.get(sessionId) ?? new Set();
      if (STARTS.has(method)) this.#loading.set(sessionId, frames.add(params.frameId));
      if (method === 'Page.frameStoppedLoading' || method === 'Page.frameDetached') frames.delete(params.frameId);
    });
  }

  /** Has a frame of the shown tab begun to load, and not come to its end? */
  get isLoading(): boolean {
    return (this.#loading.get(this.#sessions.get(this.#shown) ?? '')?.size ?? 0) > 0;
  }

  get size(): Size {
    return this.#current;
  }

  /** One command to the tab that is shown now; to the next one when that closes meanwhile, unless it is input, which closed it. */
  async send(method: string, params: JsonObject = {}, options: Omit<SendOptions, 'sessionId'> = {}): Promise<JsonObject> {
    const until = nodeHost.monotonic() + BETWEEN_PAGES_MS;
    for (;;) {
      await this.#ready(options.signal);
      const id = this.#shown;
      try {
        return await this.#targets.connection.send(method, params, { ...options, sessionId: this.#sessions.get(id) });
      } catch (error) {
        options.signal?.throwIfAborted();
        if (!this.#targets.connection.isOpen || nodeHost.monotonic() > until) throw error;
        const isClosed = !this.#targets.isAttached(id);
        if (isClosed) this.#drop(id);
        if (isClosed && method.startsWith('Input.')) return {};
        if (!isClosed && !(error instanceof HudError && error.message.includes('Not attached to an active page'))) throw error;
      }
      await sleep(nodeHost, POLL_MS, options.signal);
    }
  }

  /** Settles when the tab to show is shown. One after the other. */
  async #ready(signal: AbortSignal | undefined): Promise<void> {
    const shown = this.#switching.catch(() => {}).then(() => this.#show(signal)); // who asked before heard of its failure
    this.#switching = shown;
    await shown;
  }

  #drop(id: string): void {
    this.#loading.delete(this.#sessions.get(id) ?? '');
    const at = this.#stack.indexOf(id);
    if (at >= 0) this.#stack.splice(at, 1);
    this.#sessions.delete(id);
  }

  /** Brings the last of the stack to the front; none left, a new one is opened. */
  async #show(signal?: AbortSignal): Promise<void> {
    for (let tries = 0; tries < 5; tries++) {
      let id = this.#stack.at(-1);
      if (id !== undefined && id === this.#shown && this.#sessions.has(id)) return;
      if (id === undefined) {
        id = await this.#targets.open('about:blank', { signal });
        if (!this.#stack.includes(id)) this.#stack.push(id);
      }
      try {
        await this.#prepare(id, signal);
        this.#shown = id;
        return;
      } catch (error) {
        signal?.throwIfAborted();
        if (!this.#targets.connection.isOpen) throw error;
        this.#drop(id); // it closed meanwhile
      }
    }
    throw new HudError('CAPABILITY_FAILED', 'The tabs of the browser close as fast as they open.');
  }

  async #prepare(id: string, signal: AbortSignal | undefined): Promise<void> {
    const { connection } = this.#targets;
    if (!this.#sessions.has(id)) {
      const sessionId = await this.#targets.attach(id, { signal });
      const on = { sessionId, signal };
      await connection.send('Page.enable', {}, on);
      const size = this.#size ?? (await viewportOf((method) => connection.send(method, {}, on)));
      await connection.send('Emulation.setDeviceMetricsOverride', { ...size, deviceScaleFactor: 1, mobile: false }, on);
      this.#current = size;
      this.#sessions.set(id, sessionId);
    }
    await connection.send('Page.bringToFront', {}, { sessionId: this.#sessions.get(id), signal });
  }
}

async function viewportOf(send: (method: string) => Promise<JsonObject>): Promise<Size> {
  const { cssLayoutViewport } = await send('Page.getLayoutMetrics');
  const { clientWidth = 0, clientHeight = 0 } = (cssLayoutViewport ?? {}) as { clientWidth?: number; clientHeight?: number };
  // A window without a size, as some browsers without a screen have it, is given one.
  return clientWidth > 0 && clientHeight > 0 ? { width: clientWidth, height: clientHeight } : { width: 1280, height: 800 };
}
