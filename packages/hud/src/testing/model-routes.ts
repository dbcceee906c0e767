/** Which dialect a path belongs to, and the lists of models. */
import type { IncomingHttpHeaders } from 'node:http';
import type { JsonObject } from '../protocol/index.ts';
import { anthropic } from './dialects/anthropic.ts';
import type { Dialect, WireRequest } from './dialects/dialect.ts';
import { gemini } from './dialects/gemini.ts';
import { openAiChat } from './dialects/openai-chat.ts';
import { openAiResponses } from './dialects/openai-responses.ts';

export type Route =
  | ({ dialect: Dialect } & Omit<WireRequest, 'headers' | 'body'>)
  | { list: 'any' | 'gemini' }
  | { dialect: Dialect; status: 404 | 405; message: string };

/** Routes of one server; the Responses dialect among them has a memory. */
export function routesOf(): (method: string, path: string) => Route {
  const byPath: Record<string, Dialect> = {
    '/chat/completions': openAiChat,
    '/responses': openAiResponses(),
    '/messages': anthropic,
  };
  return (method, path) => {
    const pathname = path.split('?')[0] ?? '';
    const bare = pathname.replace(/^\/v1(?=\/)/, '');
    if (method === 'GET' && bare === '/models') return { list: 'any' };
    if (method === 'GET' && pathname === '/v1beta/models') return { list: 'gemini' };
    const named = GEMINI_PATH.exec(pathname);
    const dialect = named ? gemini : byPath[bare];
    if (!dialect) {
      const message = `Nothing is served at ${method} ${pathname}.`;
      return { dialect: pathname.startsWith('/v1beta') ? gemini : openAiChat, status: 404, message };
    }
    if (method !== 'POST') return { dialect, status: 405, message: `${pathname} takes POST, not ${method}.` };
    return { dialect, path, ...(named && { model: named[1], stream: named[2] === 'streamGenerateContent' }) };
  };
}

/** The list in the shape of whoever asks, by the headers: three vendors share one path. */
export function modelList(shape: 'any' | 'gemini', models: readonly string[], headers: IncomingHttpHeaders): JsonObject {
  if (shape === 'gemini' || headers['x-goog-api-key'] !== undefined) {
    const methods = { supportedGenerationMethods: ['generateContent', 'streamGenerateContent'] };
    return { models: models.map((id) => ({ name: `models/${id}`, displayName: id, ...methods })) };
  }
  if (headers['anthropic-version'] !== undefined) {
    const data = models.map((id) => ({ type: 'model', id, display_name: id, created_at: '2026-01-01T00:00:00Z' }));
    return { data, has_more: false, first_id: models[0] ?? null, last_id: models.at(-1) ?? null };
  }
  return { object: 'list', data: models.map((id) => ({ id, object: 'model', created: 1_767_225_600, owned_by: 'scripted' })) };
}

const GEMINI_PATH = /^\/v1(?:beta|alpha)?\/models\/(.+):(generateContent|streamGenerateContent)$/;
