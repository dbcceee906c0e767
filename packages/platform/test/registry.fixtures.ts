/** A platform of a test's own: the whole process's parts on a free port, with two teams that know nothing of each other. */
import type { Platform } from '../src/index.ts';
import { newTeam, ownPlatform } from './platform.fixtures.ts';

export interface Answer {
  status: number;
  headers: Headers;
  /** The body's text, for what a parser would lose. */
  text: string;
  /** Null when it is no JSON. */
  json: unknown;
}

export type Call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>;

export interface TestPlatform extends AsyncDisposable {
  url: string;
  platform: Platform;
  /** A key for each of two teams. */
  keys: [string, string];
  teams: [string, string];
  /** As the first team; a body that is a text is sent as it is. */
  call: Call;
  /** As the second team. */
  other: Call;
}

export async function testPlatform(settings: Record<string, string> = {}): Promise<TestPlatform> {
  const own = await ownPlatform(settings);
  const { platform } = own;
  const { db } = platform.context;
  const [first, second] = [await newTeam(db, 'first'), await newTeam(db, 'second')];
  return {
    url: platform.url,
    platform,
    keys: [first.key, second.key],
    teams: [first.teamId, second.teamId],
    call: caller(platform.url, first.key),
    other: caller(platform.url, second.key),
    [Symbol.asyncDispose]: own[Symbol.asyncDispose],
  };
}

export function caller(url: string, key: string | undefined): Call {
  return async (method, path, body, headers = {}) => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: parsed(text) };
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
