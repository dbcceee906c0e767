/** How requests reach an MCP server, and how a call learns that its reply can't come any more. The SDK is loaded on use. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { nodeHost } from '../host/node.ts';
import type { Capability } from '../protocol/capability.ts';
import { HudError } from '../protocol/errors.ts';
import { listened, unhurriedFetch } from './unhurried-fetch.ts';

/** What arrived with the last bytes is read within this time. */
const LAST_CALL_MS = 100;

/** One request whose reply is waited for. */
interface Request {
  isSent: boolean;
  onBroken: (reason: Error) => void;
}

/** The SDK gives out neither the id of a request nor the connection that carries its reply: the context tells them. */
const requests = new AsyncLocalStorage<Request>();

/** @throws HudError PACKAGE_MISSING without the SDK */
export async function transportOf({ url, params }: Capability): Promise<Transport> {
  const token = params.auth_token;
  const init = typeof token === 'string' ? { requestInit: { headers: { Authorization: `Bearer ${token}` } } } : {};
  if (params.transport === 'sse') {
    const { SSEClientTransport } = await loadSdk(() => import('@modelcontextprotocol/sdk/client/sse.js'));
    return new SSEClientTransport(new URL(url), { ...init, fetch: unhurriedFetch });
  }
  const { StreamableHTTPClientTransport: HttpTransport } = await loadSdk(
    () => import('@modelcontextprotocol/sdk/client/streamableHttp.js'),
  );
  return new HttpTransport(new URL(url), { ...init, fetch: replyFetch });
}

/** @throws HudError PACKAGE_MISSING */
export async function loadSdk<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    throw new HudError('PACKAGE_MISSING', 'MCP needs the package @modelcontextprotocol/sdk, which is not installed.', {
      hint: 'npm install @modelcontextprotocol/sdk',
      cause,
    });
  }
}

/** Sends one request; `onBroken` is told when the connection of its reply is over, also when all of the reply had come. */
export async function sendWatched<T>(send: () => Promise<T>, onBroken: (reason: Error) => void): Promise<T> {
  return await requests.run({ isSent: false, onBroken }, send);
}

const replyFetch: typeof fetch = async (input, init) => {
  const request = requests.getStore();
  // What else is sent on behalf of a request (a cancellation, an answer to the server) has no reply of its own.
  const isRequest = init?.method === 'POST' && request?.isSent === false;
  if (isRequest) request.isSent = true;
  const response = await unhurriedFetch(input, init);
  if (!isRequest || !response.ok || response.status === 202) return response;
  let isResumable = false;
  return listened(response, {
    onChunk(chunk) {
      isResumable ||= /^id:/m.test(new TextDecoder().decode(chunk));
    },
    onEnd(error) {
      if (isResumable) return; // the SDK asks for the rest
      const reason =
        error === undefined
          ? new Error('the reply ended before its result came')
          : new Error('the connection broke before the result came', { cause: error });
      nodeHost.setTimer(LAST_CALL_MS, () => request.onBroken(reason), { unref: true });
    },
  });
};
