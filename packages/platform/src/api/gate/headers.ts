/** What every answer tells browsers: run nothing, show it in no frame, keep nothing. */
import type { MiddlewareHandler } from 'hono';
import type { Config } from '../../config.ts';
import { isHttps } from './session-cookie.ts';

const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
  'cache-control': 'no-store',
};

/** An answer that has one of them keeps its own. */
export function securityHeaders(config: Pick<Config, 'HUD_PLATFORM_URL'>): MiddlewareHandler {
  const headers = Object.entries(isHttps(config) ? { ...HEADERS, 'strict-transport-security': 'max-age=31536000' } : HEADERS);
  return async (c, next) => {
    await next();
    for (const [name, value] of headers) if (!c.res.headers.has(name)) c.res.headers.set(name, value);
  };
}
