/** The catalogue as each vendor's SDK lists models. */
import type { IncomingHttpHeaders } from 'node:http';
import { Refusal } from '../refusals.ts';
import type { Dialect, ServedModel } from '../seams.ts';

/** There is no such date for a model of somebody else's. */
const CREATED = 1_767_225_600;

/** Three vendors share `/v1/models`: whose SDK asks, its headers tell. */
export function listDialect(dialect: Dialect, headers: IncomingHttpHeaders): 'openai' | 'anthropic' | 'gemini' {
  if (dialect === 'gemini' || headers['x-goog-api-key'] !== undefined) return 'gemini';
  return headers['anthropic-version'] === undefined ? 'openai' : 'anthropic';
}

/** @throws Refusal 404 */
export function modelReply(
  shape: 'openai' | 'anthropic' | 'gemini',
  models: readonly ServedModel[],
  one: { asked: string; model: ServedModel | undefined } | undefined,
): object {
  const write = SHAPES[shape];
  if (one !== undefined) {
    if (one.model === undefined)
      throw new Refusal(404, `There is no model '${one.asked.slice(0, 100)}'. See /gateway/models.`, { code: 'model_not_found' });
    return write(one.model);
  }
  const items = models.map(write);
  if (shape === 'gemini') return { models: items };
  if (shape === 'openai') return { object: 'list', data: items };
  return { data: items, has_more: false, first_id: models[0]?.modelName ?? null, last_id: models.at(-1)?.modelName ?? null };
}

const SHAPES: Record<'openai' | 'anthropic' | 'gemini', (model: ServedModel) => object> = {
  openai: ({ modelName, provider }) => ({ id: modelName, object: 'model', created: CREATED, owned_by: provider }),
  anthropic: ({ modelName, name }) => ({
    type: 'model',
    id: modelName,
    display_name: name,
    created_at: new Date(CREATED * 1_000).toISOString(),
  }),
  gemini: ({ modelName, name, contextTokens, maxOutputTokens }) => ({
    name: `models/${modelName}`,
    displayName: name,
    ...(contextTokens === undefined ? {} : { inputTokenLimit: contextTokens }),
    ...(maxOutputTokens === undefined ? {} : { outputTokenLimit: maxOutputTokens }),
    supportedGenerationMethods: ['generateContent', 'countTokens'],
  }),
};
