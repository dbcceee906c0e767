/** Which API a path belongs to: those of the vendors' SDKs, below `/gateway` and, where nothing else lives, at the root. */
import type { Dialect, Operation } from './seams.ts';

export interface GatewayRoute {
  dialect: Dialect;
  operation: Operation | 'list';
  /** What stands after the dialect's base URL at an upstream; for Gemini only up to `/models/`. */
  path: string;
  /** Of the path: a model's name, as it was sent. */
  model?: string;
  /** Gemini: what the model is to do. */
  action?: string;
  /** A reply of the Responses API that the path names. */
  responseId?: string;
  /** Without secrets, with its `?`; empty when there is none. */
  query: string;
  /** A key that came in the query, as Google's does. */
  key?: string;
}

/** What a request asked for is not served here. */
export interface NoRoute {
  dialect: Dialect;
  status: 404 | 405;
  message: string;
}

export const PREFIX = '/gateway';

const GEMINI = /^\/(v1|v1beta|v1alpha)\/models\/(.+):(generateContent|streamGenerateContent|countTokens|embedContent|batchEmbedContents)$/;
const GEMINI_LIST = /^\/(?:v1beta|v1alpha)\/models(?:\/(.+))?$/;
const LIST = /^(?:\/v1)?\/models(?:\/([^/]+(?:\/[^/]+)?))?$/;
const RESPONSE = /^(?:\/v1)?\/responses\/([\w.:-]+)(\/cancel|\/input_items)?$/;
const POSTED: Readonly<Record<string, Pick<GatewayRoute, 'dialect' | 'operation' | 'path'>>> = {
  '/chat/completions': { dialect: 'openai-chat', operation: 'generate', path: '/chat/completions' },
  '/responses': { dialect: 'openai-responses', operation: 'generate', path: '/responses' },
  '/responses/compact': { dialect: 'openai-responses', operation: 'generate', path: '/responses/compact' },
  '/responses/input_tokens': { dialect: 'openai-responses', operation: 'count', path: '/responses/input_tokens' },
  '/embeddings': { dialect: 'embeddings', operation: 'embed', path: '/embeddings' },
  '/v1/messages': { dialect: 'anthropic', operation: 'generate', path: '/v1/messages' },
  '/v1/messages/count_tokens': { dialect: 'anthropic', operation: 'count', path: '/v1/messages/count_tokens' },
};

/** @returns undefined when the path is nothing of the gateway's, but for others to answer */
export function routeOf(method: string, url: string, accept: string | undefined): GatewayRoute | NoRoute | undefined {
  const mark = url.indexOf('?');
  const whole = (mark < 0 ? url : url.slice(0, mark)).replace(/^\/\/+/, '/');
  const { query, key } = readQuery(mark < 0 ? '' : url.slice(mark + 1));
  const isBelow = whole.startsWith(PREFIX) && (whole.length === PREFIX.length || whole[PREFIX.length] === '/');
  const path = isBelow ? whole.slice(PREFIX.length).replace(/^\/\/+/, '/') : whole;
  const found = method === 'POST' ? posted(path) : read(method, path);
  if (found !== undefined) {
    // A browser that opens /models at the root wants a page of the UI.
    if (!isBelow && method === 'GET' && accept?.includes('text/html') === true) return undefined;
    return { ...found, query, ...(key === undefined ? {} : { key }) };
  }
  if (!isBelow) return undefined;
  const dialect = dialectOf(path);
  const isOther = posted(path) !== undefined || read('GET', path) !== undefined;
  return isOther
    ? { dialect, status: 405, message: `${path} does not take ${method}.` }
    : { dialect, status: 404, message: `The gateway serves nothing at ${method} ${path}. See /gateway/models for its models.` };
}

function posted(path: string): Omit<GatewayRoute, 'query'> | undefined {
  const plain = POSTED[path] ?? (path.startsWith('/v1/') ? POSTED[path.slice(3)] : undefined);
  if (plain !== undefined) return plain;
  const gemini = GEMINI.exec(path);
  if (gemini !== null) {
    const [, version = '', model = '', action = ''] = gemini;
    return {
      dialect: 'gemini',
      operation: GEMINI_OPERATIONS[action] ?? 'generate',
      path: `/${version}/models/`,
      model: decoded(model),
      action,
    };
  }
  return response('POST', path);
}

function read(method: string, path: string): Omit<GatewayRoute, 'query'> | undefined {
  if (method === 'GET') {
    const gemini = GEMINI_LIST.exec(path);
    if (gemini !== null) return { dialect: 'gemini', operation: 'list', path, ...named(gemini[1]) };
    const list = LIST.exec(path);
    if (list !== null) return { dialect: 'models', operation: 'list', path, ...named(list[1]) };
  }
  return method === 'GET' || method === 'DELETE' ? response(method, path) : undefined;
}

function response(method: string, path: string): Omit<GatewayRoute, 'query'> | undefined {
  const match = RESPONSE.exec(path);
  if (match === null) return undefined;
  const [, responseId = '', suffix = ''] = match;
  const isServed = method === 'POST' ? suffix === '/cancel' : suffix === '' || (method === 'GET' && suffix === '/input_items');
  return isServed ? { dialect: 'openai-responses', operation: 'manage', path: `/responses/${responseId}${suffix}`, responseId } : undefined;
}

const GEMINI_OPERATIONS: Readonly<Record<string, Operation>> = {
  countTokens: 'count',
  embedContent: 'embed',
  batchEmbedContents: 'embed',
};

function dialectOf(path: string): Dialect {
  if (path.startsWith('/v1beta') || path.startsWith('/v1alpha')) return 'gemini';
  return path.startsWith('/v1/messages') ? 'anthropic' : 'openai-chat';
}

function named(model: string | undefined): { model?: string } {
  return model === undefined ? {} : { model: decoded(model) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a percent sign that escapes nothing: then the name has it
  }
}

/** Google's SDKs may send the key as `key=`: it goes no further. */
function readQuery(query: string): { query: string; key?: string } {
  if (query === '') return { query: '' };
  if (!query.includes('key=')) return { query: `?${query}` };
  const pairs = query.split('&');
  const rest = pairs.filter((pair) => !pair.startsWith('key='));
  const key = pairs.find((pair) => pair.startsWith('key='))?.slice(4);
  return { query: rest.length === 0 ? '' : `?${rest.join('&')}`, ...(key === undefined ? {} : { key: decoded(key) }) };
}
