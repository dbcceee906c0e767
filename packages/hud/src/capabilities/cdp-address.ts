/** Where a browser's page, and the browser itself, are to be reached: discovery over HTTP, at the routed address only. */
import type { Capability } from '../protocol/capability.ts';
import { HudError, messageOf } from '../protocol/errors.ts';
import { isPlainObject } from '../protocol/json.ts';

const HTTP_MS = 10_000;

/**
 * The WebSocket of the page that the capability means: its URL when that is a DevTools one, the page that
 * `params.target_id` names, else the first page, else a new one.
 * @throws HudError CAPABILITY_FAILED
 */
export async function pageAddress(capability: Capability): Promise<string> {
  const { url, params } = capability;
  if (url.includes('/devtools/')) return url.replace(/^http/, 'ws');
  if (typeof params.target_id === 'string' && params.target_id !== '') return atOrigin(`/devtools/page/${params.target_id}`, capability);
  const listed: unknown = await ask(capability, '/json');
  const pages = (Array.isArray(listed) ? listed : []).filter((item) => isPlainObject(item) && item.type === 'page');
  const found = pages.map(debuggerUrl).find((address) => address !== undefined);
  const address = found ?? debuggerUrl(await ask(capability, '/json/new?about:blank', 'PUT'));
  if (address !== undefined) return atOrigin(address, capability);
  throw new HudError('CAPABILITY_FAILED', `The browser '${capability.name}' has no page and opened none.`);
}

/** The WebSocket of the whole browser; undefined where nobody serves `/json/version`. */
export async function browserAddress(capability: Capability): Promise<string | undefined> {
  const address = await ask(capability, '/json/version').then(debuggerUrl, () => undefined); // a proxy that shows one page has none
  return address === undefined ? undefined : atOrigin(address, capability);
}

async function ask(capability: Capability, path: string, method = 'GET'): Promise<unknown> {
  const { host, isSecure } = originOf(capability);
  try {
    const response = await fetch(`http${isSecure ? 's' : ''}://${host}${path}`, { method, signal: AbortSignal.timeout(HTTP_MS) });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return await response.json();
  } catch (cause) {
    const reason = cause instanceof Error && cause.cause !== undefined ? messageOf(cause.cause) : messageOf(cause);
    throw new HudError('CAPABILITY_FAILED', `The browser '${capability.name}' did not answer ${method} ${path}: ${reason}.`, { cause });
  }
}

function debuggerUrl(item: unknown): string | undefined {
  return isPlainObject(item) && typeof item.webSocketDebuggerUrl === 'string' && item.webSocketDebuggerUrl !== ''
    ? item.webSocketDebuggerUrl
    : undefined;
}

/** Browsers behind a tunnel may tell an address of their own machine. */
function atOrigin(address: string, capability: Capability): string {
  const { host, isSecure } = originOf(capability);
  return `${isSecure ? 'wss' : 'ws'}://${host}${address.replace(/^\w+:\/\/[^/]*/, '')}`;
}

function originOf({ name, url }: Capability): { host: string; isSecure: boolean } {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed !== undefined && parsed.host !== '') return { host: parsed.host, isSecure: /^(?:wss|https):$/.test(parsed.protocol) };
  throw new HudError('CAPABILITY_FAILED', `The browser '${name}' has no usable address: ${url}.`);
}
