/** Calls a platform: one function for every route, typed by the route. */
import { setTimeout as wait } from 'node:timers/promises';
import { platformSettings, type PlatformSettings } from '../host/settings.ts';
import type { Input, Reply, Route, RouteSpec } from '../protocol/api/route.ts';
import { decode, encode } from '../protocol/codec.ts';
import { HudError, messageOf } from '../protocol/errors.ts';
import { parseJson, stringifyJson, type JsonObject } from '../protocol/json.ts';

export interface CallOptions {
  signal?: AbortSignal;
  /** For one try, in milliseconds. @default 60_000 */
  timeoutMs?: number;
  /** Tries after the first, for what may pass: no connection, a timeout, 429, 502, 503, 504. @default 4 */
  retries?: number;
  /** Sent besides. */
  headers?: Record<string, string>;
}

export interface PlatformClientOptions {
  /** @default HUD_API_URL, else HUD_BASE_URL */
  baseUrl?: string;
  /** @default HUD_API_KEY */
  apiKey?: string;
}

export class PlatformClient {
  /** Without a slash at the end. */
  readonly baseUrl: string;
  readonly #apiKey: string | undefined;

  constructor({ baseUrl, apiKey }: { baseUrl: string; apiKey?: string }) {
    this.baseUrl = baseUrl.replace(/\/+$/, '');
    this.#apiKey = apiKey;
  }

  /**
   * @returns the route's reply; a `Response` for one that answers with a stream or bytes
   * @throws HudError PLATFORM_* saying what the platform answered and what to do; CANCELLED's reason when the signal fired
   */
  async call<S extends RouteSpec>(route: Route<S>, input: Input<S>, options: CallOptions = {}): Promise<Reply<S>> {
    const { params = {}, query, body } = input as { params?: Record<string, string>; query?: JsonObject; body?: unknown };
    const path = route.path.replace(/\{(\w+)\}/g, (_all, name: string) => encodeURIComponent(params[name] ?? ''));
    const search = route.query === undefined ? '' : queryText(encode(route.query, (query ?? {}) as never) as JsonObject);
    const init: RequestInit = { method: route.method, headers: { ...options.headers } };
    if (route.body !== undefined) {
      init.body = stringifyJson(encode(route.body, body as never));
      init.headers = { 'content-type': 'application/json', ...options.headers };
    }
    const response = await this.send(path + search, init, options);
    if (route.reply === undefined) return response as Reply<S>;
    const text = await response.text();
    return decode(route.reply, parseJson(text, { lossless: route.isLossless === true }), {
      what: `The answer of ${this.baseUrl}${path}`,
      code: 'PLATFORM_FAILED',
    }) as Reply<S>;
  }

  /**
   * A request with the key, tried again as {@link CallOptions} say. Requests of the platform may all be repeated.
   * @returns a successful response. @throws HudError PLATFORM_*
   */
  async send(path: string, init: RequestInit, options: CallOptions = {}): Promise<Response> {
    const { retries = 4, timeoutMs = 60_000, signal } = options;
    for (let attempt = 0; ; attempt += 1) {
      const outcome = await this.#try(path, init, { timeoutMs, ...(signal === undefined ? {} : { signal }) });
      if (outcome instanceof Response) return outcome;
      if (!outcome.mayPass || attempt >= retries) throw outcome.error;
      const pauseMs = outcome.waitMs ?? 500 * 2 ** attempt * (0.75 + Math.random() / 2);
      await wait(pauseMs, undefined, signal === undefined ? {} : { signal }).catch(() => signal?.throwIfAborted());
    }
  }

  async #try(
    path: string,
    init: RequestInit,
    { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal },
  ): Promise<Response | Failure> {
    const limit = AbortSignal.timeout(timeoutMs);
    const headers = new Headers(init.headers);
    if (this.#apiKey !== undefined) headers.set('authorization', `Bearer ${this.#apiKey}`);
    try {
      const response = await fetch(`${this.baseUrl}${path}`, {
        ...init,
        headers,
        signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
      });
      return response.ok ? response : await refused(response, this.baseUrl);
    } catch (cause) {
      signal?.throwIfAborted();
      return {
        error: unreachable(this.baseUrl, limit.aborted ? `it did not answer within ${timeoutMs / 1000} s` : reasonOf(cause), cause),
        mayPass: true,
      };
    }
  }
}

/** @throws HudError PLATFORM_MISSING when the settings name no platform, PLATFORM_REFUSED when there is no key */
export function openPlatform(options: PlatformClientOptions = {}): PlatformClient {
  const settings: Partial<PlatformSettings> = platformSettings();
  const baseUrl = options.baseUrl ?? settings.apiUrl;
  const apiKey = options.apiKey ?? settings.apiKey;
  if (baseUrl === undefined) {
    throw new HudError('PLATFORM_MISSING', 'No platform is set.', {
      hint: 'Start one with `hud platform`, or name one: `hud set HUD_BASE_URL=https://…`, then `hud login`.',
    });
  }
  if (apiKey === undefined) {
    throw new HudError('PLATFORM_REFUSED', `There is no key for the platform at ${baseUrl}.`, {
      hint: 'Run `hud login`, or `hud set HUD_API_KEY=…`.',
    });
  }
  return new PlatformClient({ baseUrl, apiKey });
}

interface Failure {
  error: HudError;
  mayPass: boolean;
  waitMs?: number;
}

const PASSING = [429, 502, 503, 504];

async function refused(response: Response, baseUrl: string): Promise<Failure> {
  const text = await response.text().catch(() => '');
  const detail = detailOf(text) ?? `${response.status} ${response.statusText}`;
  const after = Number(response.headers.get('retry-after') ?? Number.NaN);
  const [code, hint] = MEANINGS[response.status] ?? ['PLATFORM_FAILED', undefined];
  return {
    error: new HudError(code, `The platform at ${baseUrl} answered ${response.status}: ${detail}`, {
      ...(hint === undefined ? {} : { hint }),
      data: { status: response.status, detail, ...(Number.isFinite(after) ? { retryAfterS: after } : {}) },
    }),
    mayPass: PASSING.includes(response.status),
    ...(Number.isFinite(after) ? { waitMs: Math.min(after, 60) * 1000 } : {}),
  };
}

const MEANINGS: Readonly<Record<number, readonly ['PLATFORM_REFUSED' | 'PLATFORM_NOT_FOUND' | 'PLATFORM_FAILED', string | undefined]>> = {
  401: ['PLATFORM_REFUSED', 'The key is unknown, expired or revoked: run `hud login`.'],
  402: ['PLATFORM_REFUSED', 'A budget is used up: `hud models usage` shows which, an admin can raise it.'],
  403: ['PLATFORM_REFUSED', 'Another key, or another role in the team, may do it.'],
  404: ['PLATFORM_NOT_FOUND', undefined],
};

/** `{"detail": "…"}`, or what else the body says. */
function detailOf(text: string): string | undefined {
  try {
    const { detail } = JSON.parse(text) as { detail?: unknown };
    if (typeof detail === 'string') return detail;
    return detail === undefined ? text.slice(0, 500) : JSON.stringify(detail).slice(0, 500);
  } catch {
    return text === '' ? undefined : text.slice(0, 200);
  }
}

function unreachable(baseUrl: string, reason: string, cause: unknown): HudError {
  return new HudError('PLATFORM_UNREACHABLE', `The platform at ${baseUrl} can't be reached: ${reason}.`, {
    hint: 'Is it running? `hud platform` starts one on this machine; HUD_BASE_URL says where it is.',
    cause,
  });
}

/** `fetch` hides the system's reason one level down. */
function reasonOf(error: unknown): string {
  const { cause } = error as { cause?: unknown };
  return messageOf(cause ?? error);
}

function queryText(query: JsonObject): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined && one !== null) search.append(name, String(one));
  }
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}
