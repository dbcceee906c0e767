/** A platform with its gateway before a model server, and a server whose every byte is known. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { ModelServer } from 'hud/testing';
import type { Platform } from '../src/server.ts';
import { ownPlatform } from './platform.fixtures.ts';

export const UPSTREAM_KEYS = { openai: 'sk-of-openai', anthropic: 'sk-of-anthropic', gemini: 'key-of-gemini' };

export interface GatewayFixture extends AsyncDisposable {
  platform: Platform;
  /** `…/gateway` */
  url: string;
  /** Of the first user. */
  key: string;
}

/** @param models whose addresses all three vendors have */
export async function platformBefore(
  models: Pick<ModelServer, 'baseUrls'>,
  settings: Record<string, string> = {},
): Promise<GatewayFixture> {
  const own = await ownPlatform({
    OPENAI_API_KEY: UPSTREAM_KEYS.openai,
    OPENAI_BASE_URL: models.baseUrls.openai,
    ANTHROPIC_API_KEY: UPSTREAM_KEYS.anthropic,
    ANTHROPIC_BASE_URL: models.baseUrls.anthropic,
    GEMINI_API_KEY: UPSTREAM_KEYS.gemini,
    GEMINI_BASE_URL: models.baseUrls.gemini,
    ...settings,
  });
  const { platform } = own;
  const { firstKey: key } = platform;
  if (key === undefined) throw new Error('a new platform has no first key');
  return {
    platform,
    url: `${platform.url}/gateway`,
    key,
    [Symbol.asyncDispose]: own[Symbol.asyncDispose],
  };
}

export interface Seen {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  /** As it was written, repeated names included. */
  rawHeaders: string[];
  body: Buffer;
}

export interface RawServer extends AsyncDisposable {
  url: string;
  baseUrls: ModelServer['baseUrls'];
  seen: Seen[];
}

/** Answers as it is told, and keeps each request byte for byte. */
export async function rawServer(answer: (response: ServerResponse, seen: Seen, request: IncomingMessage) => unknown): Promise<RawServer> {
  const seen: Seen[] = [];
  const server = createServer({ noDelay: true }, (request, response) => {
    void receive(request, response);
  });
  const receive = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url = '', headers, rawHeaders } = request;
    const one = { method, url, headers, rawHeaders, body: await buffer(request) };
    seen.push(one);
    await answer(response, one, request);
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    baseUrls: { openai: `${url}/v1`, anthropic: url, gemini: url },
    seen,
    [Symbol.asyncDispose]: async () => {
      const ended = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await ended;
    },
  };
}
