/** Where a request comes from: its address, and the page that sent it. */
import { isIP } from 'node:net';
import type { Visitor } from '../../caller.ts';
import type { Config } from '../../config.ts';

/** What tells requests of browsers apart is set by them alone; pages can't. */
export type Origin = 'same' | 'foreign' | 'unknown';

/**
 * `same`: a page of this platform sent it. `foreign`: another site did. `unknown`: no browser of today.
 * @param url of the platform as others see it; behind a proxy `host` may be another
 */
export function originOf({ headers }: Request, url: string | undefined): Origin {
  const site = headers.get('sec-fetch-site');
  if (site !== null) return site === 'same-origin' ? 'same' : site === 'none' ? 'unknown' : 'foreign';
  const origin = headers.get('origin');
  if (origin === null) return 'unknown';
  if (url !== undefined && origin === new URL(url).origin) return 'same';
  return URL.canParse(origin) && new URL(origin).host === headers.get('host') ? 'same' : 'foreign';
}

/** Does the name that was dialled mean this machine? A name that somebody's DNS points here does not. */
export function isLoopbackHost(host: string | null): boolean {
  return host !== null && /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i.test(host);
}

export function isLoopbackAddress(address: string | undefined): boolean {
  return address !== undefined && /^(::ffff:)?127\.|^::1$/.test(address);
}

/** With HUD_PLATFORM_TRUST_PROXY the connection's other end is a proxy, which adds its own client at the end. */
export function addressOf({ peer, forwardedFor }: Visitor, { HUD_PLATFORM_TRUST_PROXY }: Pick<Config, 'HUD_PLATFORM_TRUST_PROXY'>): string {
  const told = HUD_PLATFORM_TRUST_PROXY ? forwardedFor?.split(',').at(-1)?.trim() : undefined;
  return told !== undefined && isIP(told) !== 0 ? told : (peer ?? 'unknown');
}
