/** Targets of a browser: tabs above all, and whatever else can be attached to. */
import { HudError } from '../protocol/errors.ts';
import { isPlainObject, type JsonObject } from '../protocol/json.ts';
import type { CdpConnection, SendOptions } from './cdp-connection.ts';

export interface CdpTarget {
  id: string;
  /** `page`, `iframe`, `worker`, … */
  type: string;
  url: string;
  title: string;
  /** Of the target that opened it. */
  openerId?: string;
}

export class CdpTargets {
  /** Carries the sessions of attached targets. */
  readonly connection: CdpConnection;
  /** The page that the client itself speaks to. */
  readonly pageId: string;
  readonly #sessions = new Map<string, string>();

  /** @throws HudError CAPABILITY_FAILED */
  static async open(connection: CdpConnection, pageId: string | undefined): Promise<CdpTargets> {
    const targets = new CdpTargets(connection, pageId ?? '');
    await connection.send('Target.setDiscoverTargets', { discover: true });
    if (pageId !== undefined) return targets;
    const page = (await targets.list()).find(({ type }) => type === 'page');
    if (page !== undefined) return new CdpTargets(connection, page.id);
    throw new HudError('CAPABILITY_FAILED', 'The browser has no page.');
  }

  private constructor(connection: CdpConnection, pageId: string) {
    this.connection = connection;
    this.pageId = pageId;
    connection.listen(({ method, params }) => {
      const sessionId = typeof params.sessionId === 'string' ? params.sessionId : this.#sessions.get(String(params.targetId));
      if (sessionId === undefined) return;
      if (method === 'Target.targetCrashed') connection.failSession(sessionId, 'the page crashed');
      if (method !== 'Target.detachedFromTarget') return;
      connection.failSession(sessionId, 'the page was closed');
      for (const [id, session] of this.#sessions) if (session === sessionId) this.#sessions.delete(id);
    });
  }

  async list(options: SendOptions = {}): Promise<CdpTarget[]> {
    const { targetInfos } = await this.connection.send('Target.getTargets', {}, options);
    return (Array.isArray(targetInfos) ? targetInfos.filter(isPlainObject) : []).map(targetOf);
  }

  /** Opens a tab. @returns its id */
  async open(url = 'about:blank', options: SendOptions = {}): Promise<string> {
    const { targetId } = await this.connection.send('Target.createTarget', { url }, options);
    return String(targetId);
  }

  /** @returns the id of the session with it, the same one as long as that lasts */
  async attach(targetId: string, options: SendOptions = {}): Promise<string> {
    const known = this.#sessions.get(targetId);
    if (known !== undefined) return known;
    const { sessionId } = await this.connection.send('Target.attachToTarget', { targetId, flatten: true }, options);
    this.#sessions.set(targetId, String(sessionId));
    return String(sessionId);
  }

  isAttached(targetId: string): boolean {
    return this.#sessions.has(targetId);
  }

  async close(targetId: string, options: SendOptions = {}): Promise<void> {
    await this.connection.send('Target.closeTarget', { targetId }, options);
  }

  /** Hears of tabs as they open and close; must not throw. Returns what ends it. */
  watch(listener: { opened(target: CdpTarget): void; closed(targetId: string): void }): () => void {
    return this.connection.listen(({ method, params }) => {
      if (method === 'Target.targetCreated' && isPlainObject(params.targetInfo)) listener.opened(targetOf(params.targetInfo));
      if (method === 'Target.targetDestroyed') listener.closed(String(params.targetId));
    });
  }
}

function targetOf({ targetId, type, url, title, openerId }: JsonObject): CdpTarget {
  return {
    id: String(targetId),
    type: String(type),
    url: String(url),
    title: String(title),
    ...(typeof openerId === 'string' ? { openerId } : {}),
  };
}
