/** A live client of one browser over the Chrome DevTools Protocol: commands, events, targets, frames, and its screen. */
import type { Capability } from '../protocol/capability.ts';
import { HudError } from '../protocol/errors.ts';
import type { JsonObject } from '../protocol/json.ts';
import { browserAddress, pageAddress } from './cdp-address.ts';
import { CdpConnection, type CdpEvent, type EventListener, type SendOptions } from './cdp-connection.ts';
import { answerDialogs, type DialogPolicy, type RecordedDialog } from './cdp-dialogs.ts';
import { openScreen } from './cdp-screen.ts';
import { CdpTargets } from './cdp-targets.ts';
import type { ScreenDriver, ScreenSource } from './screen.ts';

export type { CdpEvent, SendOptions } from './cdp-connection.ts';
export type { DialogPolicy, RecordedDialog } from './cdp-dialogs.ts';
export type { CdpTarget } from './cdp-targets.ts';

export interface OnceOptions {
  /** @default the first event of that name */
  where?: (event: CdpEvent) => boolean;
  /** Longest wait, in milliseconds. @default 30_000 */
  timeoutMs?: number;
  signal?: AbortSignal | undefined;
  /** @default the page's own */
  sessionId?: string | undefined;
}

export interface CdpFrameInfo {
  id: string;
  /** Absent in the main frame. */
  parentId?: string;
  url: string;
  name: string;
}

const ONCE_MS = 30_000;

/** @throws HudError CAPABILITY_FAILED when the browser can't be reached, RPC_ERROR when what was reached is no page */
export async function openCdp(capability: Capability): Promise<CdpClient> {
  const address = await pageAddress(capability);
  const connection = await CdpConnection.open(address, `The browser '${capability.name}'`);
  try {
    for (const domain of ['Page', 'Runtime', 'DOM']) await connection.send(`${domain}.enable`);
  } catch (error) {
    await connection.close();
    throw error;
  }
  return new CdpClient(capability, connection, address);
}

/** Speaks to one page; to others, and to tabs that open later, through {@link CdpClient.targets}. */
export class CdpClient implements ScreenSource {
  readonly capability: Capability;
  readonly #page: CdpConnection;
  readonly #address: string;
  readonly #dialogs: RecordedDialog[] = [];
  readonly #listeners = new Set<EventListener>();
  #policy: DialogPolicy = 'accept';
  #targets: Promise<CdpTargets> | undefined;
  #screen: Promise<ScreenDriver> | undefined;
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(capability: Capability, page: CdpConnection, address: string) {
    this.capability = capability;
    this.#page = page;
    this.#address = address;
    this.#hear(page);
  }

  /** The last 100 dialogs that pages opened, with what was answered. */
  get dialogs(): readonly RecordedDialog[] {
    return this.#dialogs;
  }

  /** What dialogs are answered from now on: nobody else could, and an open one stops its page. @param policy at first "accept" */
  onDialog(policy: DialogPolicy): void {
    this.#policy = policy;
  }

  /**
   * One command to the page, or with `sessionId` to an attached target.
   * @throws HudError RPC_ERROR when the browser refuses it, with its code as `rpcCode`; CAPABILITY_FAILED when the browser is
   *   gone, or silent for 7 s, and, with `data: { timeoutMs }`, when it lives but does not finish; the signal's reason
   */
  async send(method: string, params: JsonObject = {}, options: SendOptions = {}): Promise<JsonObject> {
    return await (await this.#connectionOf(options.sessionId)).send(method, params, options);
  }

  /** Hears each event of that name, of the page and of attached targets, as it arrives; must not throw. Returns what ends it. */
  on(method: string, listener: EventListener): () => void {
    const heard = (event: CdpEvent): void => {
      if (event.method === method) listener(event);
    };
    this.#listeners.add(heard);
    return () => void this.#listeners.delete(heard);
  }

  /** The next event of that name. @throws HudError CAPABILITY_FAILED when there is none in time; the signal's reason */
  async once(method: string, { where = () => true, timeoutMs = ONCE_MS, signal, sessionId }: OnceOptions = {}): Promise<CdpEvent> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<CdpEvent>();
    const late = `The browser '${this.capability.name}' sent no ${method} within ${timeoutMs / 1000} s.`;
    const timer = setTimeout(() => reject(new HudError('CAPABILITY_FAILED', late, { data: { timeoutMs } })), timeoutMs);
    const onAbort = (): void => reject(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    const gone = `The page of the browser '${this.capability.name}' is gone.`;
    const ends = [
      this.on(method, (event) => {
        if (event.sessionId === sessionId && where(event)) resolve(event);
      }),
      this.on('Inspector.detached', () => reject(new HudError('CAPABILITY_FAILED', gone))),
    ];
    try {
      return await this.#page.watchWhile(promise);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      for (const end of ends) end();
    }
  }

  /** Frames of the page, the main one first. Those of other sites are targets of their own. */
  async frames(options: SendOptions = {}): Promise<CdpFrameInfo[]> {
    const { frameTree } = await this.send('Page.getFrameTree', {}, options);
    return flattened(frameTree as FrameTree);
  }

  /** Tabs and other targets of the whole browser; asked for the first time, it connects to that. */
  targets(): Promise<CdpTargets> {
    this.#targets ??= this.#openTargets();
    this.#targets.catch(() => (this.#targets = undefined)); // whoever asked hears of it, the next one tries again
    return this.#targets;
  }

  /** The page, and whatever tab it opens, as a screen of CSS pixels. The same one each time. */
  screen(): Promise<ScreenDriver> {
    this.#screen ??= openScreen(this);
    this.#screen.catch(() => (this.#screen = undefined));
    return this.#screen;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const targets = await this.#targets?.catch(() => undefined);
    await Promise.all([this.#page.close(), targets?.connection.close()]);
  }

  async #connectionOf(sessionId: string | undefined): Promise<CdpConnection> {
    return sessionId === undefined ? this.#page : (await this.targets()).connection;
  }

  async #openTargets(): Promise<CdpTargets> {
    const pageId = /\/devtools\/page\/([^/?#]+)/.exec(this.#address)?.[1];
    const address = await browserAddress(this.capability);
    if (address === undefined || address === this.#address) return await CdpTargets.open(this.#page, pageId);
    const connection = await CdpConnection.open(address, `The browser '${this.capability.name}'`);
    this.#hear(connection);
    return await CdpTargets.open(connection, pageId);
  }

  #hear(connection: CdpConnection): void {
    connection.listen((event) => {
      for (const listener of this.#listeners) listener(event);
    });
    answerDialogs(connection, { policy: () => this.#policy, record: this.#dialogs });
  }
}

interface FrameTree {
  frame: { id: string; parentId?: string; url: string; name?: string };
  childFrames?: FrameTree[];
}

function flattened({ frame: { id, parentId, url, name = '' }, childFrames = [] }: FrameTree): CdpFrameInfo[] {
  return [{ id, url, name, ...(parentId === undefined ? {} : { parentId }) }, ...childFrames.flatMap(flattened)];
}
