/** Makes a running browser clean: a context of its own for the one page that is left, everything else closed and forgotten. */
import { once } from 'node:events';
import { HudError, messageOf } from '../protocol/errors.ts';
import { isPlainObject, type JsonObject } from '../protocol/json.ts';

interface FirstPage {
  url: string;
  width: number;
  height: number;
}

type Call = (method: string, params?: JsonObject, sessionId?: string) => Promise<JsonObject>;

const CLEAN_MS = 10_000;
const LOAD_MS = 10_000;
const POLL_MS = 20;

/** @throws HudError CAPABILITY_FAILED when the browser does not answer within `limitMs`, or can't open the page */
export async function cleanBrowser(port: number, page: FirstPage, limitMs: number = CLEAN_MS): Promise<void> {
  const signal = AbortSignal.timeout(limitMs);
  try {
    const { webSocketDebuggerUrl } = (await (await fetch(`http://127.0.0.1:${port}/json/version`, { signal })).json()) as JsonObject;
    await withBrowser(String(webSocketDebuggerUrl), signal, async (call) => {
      const { browserContextIds: old } = await call('Target.getBrowserContexts');
      const { browserContextId } = await call('Target.createBrowserContext');
      const targetId = await openPage(call, page, String(browserContextId), signal);
      for (const id of Array.isArray(old) ? old : []) await call('Target.disposeBrowserContext', { browserContextId: String(id) });
      await closeOthers(call, targetId);
      await call('Storage.clearCookies');
    });
  } catch (cause) {
    throw new HudError('CAPABILITY_FAILED', `Chromium could not be made clean: ${messageOf(cause)}`, { cause });
  }
}

async function openPage(call: Call, { url, width, height }: FirstPage, browserContextId: string, signal: AbortSignal): Promise<string> {
  const { targetId } = await call('Target.createTarget', { url: 'about:blank', browserContextId, width, height, newWindow: true });
  // The size above is the window's; what is asked for is the page's, for clients that set no size of their own.
  const { windowId } = await call('Browser.getWindowForTarget', { targetId: String(targetId) });
  await call('Browser.setContentsSize', { windowId: Number(windowId), width, height });
  if (url === 'about:blank') return String(targetId);
  const { sessionId } = await call('Target.attachToTarget', { targetId: String(targetId), flatten: true });
  const page = async (method: string, params: JsonObject = {}): Promise<JsonObject> => await call(method, params, String(sessionId));
  const { errorText } = await page('Page.navigate', { url });
  if (typeof errorText === 'string' && errorText !== '') throw new Error(`${url} can't be opened: ${errorText}.`);
  const until = performance.now() + LOAD_MS;
  while (performance.now() < until && !signal.aborted) {
    const { result } = await page('Runtime.evaluate', { expression: 'document.readyState', returnByValue: true });
    if (isPlainObject(result) && result.value === 'complete') break;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  await page('Page.resetNavigationHistory');
  await call('Target.detachFromTarget', { sessionId: String(sessionId) });
  return String(targetId);
}

async function closeOthers(call: Call, kept: string): Promise<void> {
  const { targetInfos } = await call('Target.getTargets');
  const pages = (Array.isArray(targetInfos) ? targetInfos : []).filter(isPlainObject).filter(({ type }) => type === 'page');
  for (const { targetId } of pages) {
    if (targetId !== kept) await call('Target.closeTarget', { targetId: String(targetId) });
  }
}

/** A connection for a few calls, all under one deadline. */
async function withBrowser(url: string, signal: AbortSignal, work: (call: Call) => Promise<void>): Promise<void> {
  const { WebSocket } = await import('ws');
  const socket = new WebSocket(url, { maxPayload: 0 });
  const waiting = new Map<number, (reply: JsonObject) => void>();
  const { promise: lost, reject } = Promise.withResolvers<never>();
  lost.catch(() => {}); // told to whoever calls meanwhile
  socket.on('close', () => reject(new Error('the connection ended')));
  socket.on('error', reject);
  signal.addEventListener('abort', () => reject(new Error('no answer in time')), { once: true });
  socket.on('message', (data) => {
    const reply = JSON.parse(String(data)) as JsonObject;
    waiting.get(Number(reply.id))?.(reply);
  });
  let lastId = 0;
  const call: Call = async (method, params = {}, sessionId) => {
    const id = ++lastId;
    const replied = new Promise<JsonObject>((resolve) => waiting.set(id, resolve));
    socket.send(JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) }));
    const { result, error } = await Promise.race([replied, lost]);
    waiting.delete(id);
    if (isPlainObject(error)) throw new Error(`${method}: ${String(error.message)}`);
    return isPlainObject(result) ? result : {};
  };
  try {
    await Promise.race([once(socket, 'open'), lost]);
    await work(call);
  } finally {
    socket.terminate();
  }
}
