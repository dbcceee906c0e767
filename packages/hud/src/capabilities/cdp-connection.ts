/** One WebSocket that speaks the Chrome DevTools Protocol: commands, events, and a watch over a browser that falls silent. */
import type { WebSocket } from 'ws';
import { withDeadline } from '../host/host.ts';
import { nodeHost } from '../host/node.ts';
import { HudError, messageOf } from '../protocol/errors.ts';
import { isPlainObject, type JsonObject } from '../protocol/json.ts';

export interface SendOptions {
  /** Longest wait for the reply of a browser that lives, in milliseconds. @default 30_000 */
  timeoutMs?: number;
  signal?: AbortSignal | undefined;
  /** Of a target that was attached to. @default the connection's own */
  sessionId?: string | undefined;
}

export interface CdpEvent {
  method: string;
  params: JsonObject;
  sessionId: string | undefined;
}

export type EventListener = (event: CdpEvent) => void;

interface Pending {
  method: string;
  sessionId: string | undefined;
  resolve(result: JsonObject): void;
  reject(reason: unknown): void;
}

const OPEN_MS = 10_000;
const SEND_MS = 30_000;
const CLOSE_MS = 1_000;
const PING_MS = 1_000;
/** Pings in a row without any sign of life, after which the browser counts as dead; each is a turn of our own event loop. */
const SILENT_PINGS = 7;
/** With so many unanswered it may be dead. */
const DOUBTFUL_PINGS = 2;

export class CdpConnection {
  readonly #socket: WebSocket;
  /** For messages: `The browser 'browser'`. */
  readonly #what: string;
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Set<EventListener>();
  #lastId = 0;
  /** Work besides commands that needs the browser to live. */
  #waiting = 0;
  #watch: NodeJS.Timeout | undefined;
  #silentPings = 0;
  #fault: HudError | undefined;
  #closing: Promise<void> | undefined;

  /** @throws HudError CAPABILITY_FAILED when nobody answers within 10 s */
  static async open(url: string, what: string): Promise<CdpConnection> {
    const { WebSocket: Socket } = await import('ws');
    // Screenshots and page contents have no upper size; text that is no UTF-8 must not end the connection.
    const socket = new Socket(url, { maxPayload: 0, perMessageDeflate: false, skipUTF8Validation: true, handshakeTimeout: OPEN_MS });
    const opened = new Promise<void>((resolve, reject) => socket.once('open', resolve).once('error', reject).once('close', reject));
    try {
      await withDeadline(nodeHost, opened, OPEN_MS, () => new Error(`no answer within ${OPEN_MS / 1000} s`));
    } catch (cause) {
      socket.on('error', () => {}); // of the attempt that is being dropped
      socket.terminate();
      throw new HudError('CAPABILITY_FAILED', `${what} can't be reached at ${url}: ${messageOf(cause)}.`, { cause });
    }
    return new CdpConnection(socket, what);
  }

  private constructor(socket: WebSocket, what: string) {
    this.#socket = socket;
    this.#what = what;
    socket.on('message', (data) => this.#onMessage(String(data)));
    socket.on('pong', () => (this.#silentPings = 0));
    socket.on('error', (cause) => this.#fail(`the connection broke (${cause.message})`));
    socket.on('close', () => this.#fail('the connection ended'));
  }

  get isOpen(): boolean {
    return this.#fault === undefined;
  }

  /**
   * One command.
   * @throws HudError RPC_ERROR when the browser refuses it, with its code as `rpcCode`; CAPABILITY_FAILED when the browser
   *   is gone or silent, and, with `data: { timeoutMs }`, when it lives but does not finish; the signal's reason
   */
  async send(method: string, params: JsonObject = {}, { timeoutMs = SEND_MS, signal, sessionId }: SendOptions = {}): Promise<JsonObject> {
    signal?.throwIfAborted();
    if (this.#fault !== undefined) throw this.#fault;
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<JsonObject>();
    const late = `${this.#what} did not finish ${method} within ${timeoutMs / 1000} s.`;
    const onAbort = (): void => reject(signal?.reason);
    const timer = this.#onceLate(timeoutMs, () => reject(new HudError('CAPABILITY_FAILED', late, { data: { timeoutMs } })));
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#pending.set(id, { method, sessionId, resolve, reject });
    this.#keepWatch();
    this.#socket.send(JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) }), (error) => {
      if (error) this.#fail(`the connection broke (${error.message})`);
    });
    try {
      return await promise;
    } finally {
      timer.cancel();
      this.#pending.delete(id);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Hears every event as it arrives; must not throw. Returns what ends it. */
  listen(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Watches over the browser for as long as the work takes, as it does while commands wait. */
  async watchWhile<T>(work: Promise<T>): Promise<T> {
    this.#waiting++;
    this.#keepWatch();
    try {
      return await work;
    } finally {
      this.#waiting--;
    }
  }

  /** Fails what waits for a target that is gone while the browser lives on. */
  failSession(sessionId: string | undefined, reason: string): void {
    for (const call of this.#pending.values()) {
      if (call.sessionId === sessionId) call.reject(new HudError('CAPABILITY_FAILED', `${this.#what}: ${call.method} failed: ${reason}.`));
    }
  }

  /** Unfinished commands fail. May be called twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#fail('the client was closed');
    if (this.#socket.readyState === this.#socket.CLOSED) return;
    const closed = new Promise<void>((resolve) => this.#socket.once('close', () => resolve()));
    this.#socket.close();
    await withDeadline(nodeHost, closed, CLOSE_MS, () => new Error('no goodbye')).catch(() => this.#socket.terminate());
  }

  #onMessage(text: string): void {
    this.#silentPings = 0;
    const message = parse(text);
    if (message === undefined) return; // not readable: a call whose reply it was runs into its deadline, the others go on
    const { id, method, params, sessionId } = message;
    if (typeof id === 'number') return this.#settle(id, message);
    if (typeof method !== 'string') return;
    const event = {
      method,
      params: isPlainObject(params) ? params : {},
      sessionId: typeof sessionId === 'string' ? sessionId : undefined,
    };
    for (const listener of this.#listeners) listener(event);
  }

  #settle(id: number, { error, result }: JsonObject): void {
    const call = this.#pending.get(id);
    if (call === undefined) return; // late, and not waited for any more
    if (!isPlainObject(error)) return call.resolve(isPlainObject(result) ? result : {});
    const { code, message, data } = error;
    const why = [message, data].filter((part) => typeof part === 'string').join(': ') || JSON.stringify(error);
    const options = { data: { method: call.method }, ...(typeof code === 'number' ? { rpcCode: code } : {}) };
    call.reject(
      new HudError('RPC_ERROR', `${this.#what} refused ${call.method}: ${why}${code === undefined ? '' : ` (${String(code)})`}.`, options),
    );
  }

  /** Pings for as long as anybody waits, or an answer is outstanding: a stopped process keeps its sockets open and says nothing. */
  #keepWatch(): void {
    if (this.#watch !== undefined || this.#fault !== undefined) return;
    this.#silentPings = 0;
    this.#watch = setInterval(() => {
      if (this.#pending.size + this.#waiting + this.#silentPings === 0) return this.#endWatch();
      if (this.#silentPings >= SILENT_PINGS) return this.#fail(`no sign of life for ${(SILENT_PINGS * PING_MS) / 1000} s`);
      this.#silentPings++;
      this.#socket.ping(undefined, undefined, () => {}); // a broken connection reports itself as such
    }, PING_MS);
  }

  /** A browser that may be dead is not called slow: then the watch has the last word. */
  #onceLate(ms: number, tell: () => void): { cancel(): void } {
    const onTime = (): void => {
      if (this.#silentPings >= DOUBTFUL_PINGS) timer = setTimeout(onTime, PING_MS);
      else tell();
    };
    let timer = setTimeout(onTime, ms);
    return { cancel: () => clearTimeout(timer) };
  }

  #endWatch(): void {
    clearInterval(this.#watch);
    this.#watch = undefined;
  }

  /** The first reason stays; everything unfinished, and everything later, fails with it. */
  #fail(reason: string): void {
    if (this.#fault !== undefined) return;
    this.#fault = new HudError('CAPABILITY_FAILED', `${this.#what} is gone: ${reason}.`);
    this.#endWatch();
    for (const call of this.#pending.values()) call.reject(this.#fault);
    for (const listener of this.#listeners) listener({ method: 'Inspector.detached', params: { reason }, sessionId: undefined });
    if (this.#closing === undefined) this.#socket.terminate();
  }
}

function parse(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isPlainObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
