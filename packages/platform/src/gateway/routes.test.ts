import { describe, expect, test } from 'vitest';
import { routeOf } from './routes.ts';

const JSON_TYPE = 'application/json';

describe.each(['', '/gateway'])('below %j', (base) => {
  test.each([
    ['POST', '/chat/completions', { dialect: 'openai-chat', path: '/chat/completions' }],
    ['POST', '/v1/chat/completions', { dialect: 'openai-chat', path: '/chat/completions' }],
    ['POST', '/responses', { dialect: 'openai-responses', operation: 'generate', path: '/responses' }],
    ['POST', '/v1/responses/resp_1/cancel', { operation: 'manage', path: '/responses/resp_1/cancel', responseId: 'resp_1' }],
    ['GET', '/responses/resp_1?stream=true', { operation: 'manage', path: '/responses/resp_1', query: '?stream=true' }],
    ['DELETE', '/v1/responses/resp_1', { operation: 'manage' }],
    ['POST', '/embeddings', { dialect: 'embeddings', operation: 'embed' }],
    ['POST', '/v1/embeddings', { dialect: 'embeddings', path: '/embeddings' }],
    ['POST', '/v1/messages?beta=true', { dialect: 'anthropic', path: '/v1/messages', query: '?beta=true' }],
    ['POST', '/v1/messages/count_tokens', { dialect: 'anthropic', operation: 'count' }],
    [
      'POST',
      '/v1beta/models/gemini-2.5-pro:generateContent',
      { dialect: 'gemini', operation: 'generate', model: 'gemini-2.5-pro', path: '/v1beta/models/' },
    ],
    ['POST', '/v1/models/a%2Fb:streamGenerateContent?alt=sse', { model: 'a/b', action: 'streamGenerateContent', query: '?alt=sse' }],
    ['POST', '/v1alpha/models/m:countTokens', { operation: 'count', path: '/v1alpha/models/' }],
    ['POST', '/v1beta/models/m:embedContent', { operation: 'embed' }],
    ['GET', '/models', { dialect: 'models', operation: 'list' }],
    ['GET', '/v1/models/openai%2Fgpt', { operation: 'list', model: 'openai/gpt' }],
    ['GET', '/v1beta/models', { dialect: 'gemini', operation: 'list' }],
  ])('%s %s', (method, url, expected) => expect(routeOf(method, base + url, JSON_TYPE)).toMatchObject(expected));
});

test("a key in Google's place is taken out of the query", () => {
  expect(routeOf('POST', '/v1beta/models/m:generateContent?key=s%20k&alt=sse', JSON_TYPE)).toMatchObject({ key: 's k', query: '?alt=sse' });
  expect(routeOf('POST', '/v1beta/models/m:generateContent?monkey=1', JSON_TYPE)).toMatchObject({ query: '?monkey=1' });
});

test.each([
  ['GET', '/'],
  ['GET', '/jobs'],
  ['POST', '/v2/models/fork'],
  ['GET', '/v1/models/abc/train/status'],
  ['POST', '/v1/models/abc/train/forward-backward'],
  ['POST', '/v1/traces'],
  ['GET', '/gateways'],
  ['GET', '/chat/completions'],
])('%s %s at the root is left to others', (method, url) => expect(routeOf(method, url, JSON_TYPE)).toBeUndefined());

test('a browser that opens /models gets a page, a client its list', () => {
  expect(routeOf('GET', '/models', 'text/html,application/xhtml+xml')).toBeUndefined();
  expect(routeOf('GET', '/models', undefined)).toMatchObject({ operation: 'list' });
  expect(routeOf('GET', '/gateway/models', 'text/html')).toMatchObject({ operation: 'list' });
});

test.each([
  ['GET', '/gateway/chat/completions', 405, 'openai-chat'],
  ['POST', '/gateway/models', 405, 'openai-chat'],
  ['PUT', '/gateway/v1/messages', 405, 'anthropic'],
  ['POST', '/gateway/v1beta/other', 404, 'gemini'],
  ['GET', '/gateway', 404, 'openai-chat'],
])('%s %s is refused with %i in the shape of %s', (method, url, status, dialect) =>
  expect(routeOf(method, url, JSON_TYPE)).toMatchObject({ status, dialect }),
);
