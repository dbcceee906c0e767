/** The file of HUD_PLATFORM_UPSTREAMS: model servers of one's own, and what they serve. */
import { readFileSync, unwatchFile, watchFile, type StatsListener } from 'node:fs';
import { HudError, decode, messageOf, parseJson, uuid5 } from 'hud/protocol';
import { z } from 'zod';
import type { Dialect, ServedModel, Upstream } from '../seams.ts';

const DIALECTS = ['openai-chat', 'openai-responses', 'anthropic', 'gemini', 'embeddings'] as const;
const DialectName = z.enum(DIALECTS);
const Usd = z.number().nonnegative();

/** Of one million tokens, in USD. */
const PriceRow = z.strictObject({
  input: Usd,
  output: Usd,
  cachedInput: Usd.optional(),
  cacheWrite: Usd.optional(),
});

const UpstreamRow = z.strictObject({
  name: z.string().min(1),
  dialects: z.array(DialectName).min(1).default(['openai-chat', 'embeddings']),
  /** As the vendor's SDK takes it: with `/v1` for OpenAI's dialects, which Anthropic's and Gemini's leave out. */
  baseUrl: z.url({ protocol: /^https?$/ }),
  apiKey: z.string().min(1).optional(),
  /** The environment variable that holds the key. */
  apiKeyVariable: z.string().min(1).optional(),
  headers: z.record(z.string(), z.string()).default({}),
  maxConcurrent: z.int().min(1).optional(),
});

const ModelRow = z.strictObject({
  modelName: z.string().min(1),
  /** @default `model_name` */
  name: z.string().min(1).optional(),
  /** One of the file, or `openai`, `anthropic`, `gemini`, `openrouter` of the settings. */
  upstream: z.string().min(1),
  /** @default `model_name` */
  upstreamModel: z.string().min(1).optional(),
  /** @default 'openai_compatible' */
  sdkAgentType: z.enum(['claude', 'openai', 'gemini', 'openai_compatible']).default('openai_compatible'),
  isTrainable: z.boolean().default(false),
  price: PriceRow.optional(),
  contextTokens: z.int().min(1).optional(),
  maxOutputTokens: z.int().min(1).optional(),
});

const UpstreamFile = z.strictObject({
  upstreams: z.array(UpstreamRow).default([]),
  models: z.array(ModelRow).default([]),
});

export interface OwnModels {
  upstreams: Upstream[];
  models: ServedModel[];
}

/** How often the file is looked at, in milliseconds. */
const LOOK_MS = 1_000;

/**
 * @param known names of upstreams that models may name besides those of the file
 * @throws HudError BAD_CONFIG that names the file and the field
 */
export function readUpstreamFile(path: string, known: readonly string[], env: Readonly<Record<string, string | undefined>>): OwnModels {
  const broken = (why: string, cause?: unknown): HudError =>
    new HudError('BAD_CONFIG', `${path} can't be used: ${why}`, { hint: 'It is the file of HUD_PLATFORM_UPSTREAMS.', cause });
  let rows: z.output<typeof UpstreamFile>;
  try {
    const value: unknown = parseJson(readFileSync(path, 'utf8'));
    rows = decode(UpstreamFile, value, { what: 'The list of model servers', code: 'BAD_CONFIG' });
  } catch (cause) {
    throw broken(messageOf(cause), cause);
  }
  const upstreams = rows.upstreams.map((row) => toUpstream(row, env, broken));
  const names = [...known, ...upstreams.map(({ name }) => name)];
  const again = repeated(upstreams.map(({ name }) => name)) ?? repeated(rows.models.map(({ modelName }) => modelName));
  if (again !== undefined) throw broken(`'${again}' is there twice.`);
  const models = rows.models.map(({ modelName, name, upstreamModel, ...row }): ServedModel => {
    if (!names.includes(row.upstream))
      throw broken(`the model '${modelName}' names the upstream '${row.upstream}'; there are ${names.join(', ') || 'none'}.`);
    return {
      ...row,
      id: uuid5(modelName),
      modelName,
      name: name ?? modelName,
      provider: row.upstream,
      upstreamModel: upstreamModel ?? modelName,
    };
  });
  return { upstreams, models };
}

/** @param changed called after the file has changed. @returns ends it */
export function watchUpstreamFile(path: string, changed: () => void): () => void {
  const listener: StatsListener = (now, before) => {
    if (now.mtimeMs !== before.mtimeMs || now.size !== before.size || now.ino !== before.ino) changed();
  };
  watchFile(path, { interval: LOOK_MS, persistent: false }, listener);
  return () => unwatchFile(path, listener);
}

function toUpstream(
  row: z.output<typeof UpstreamRow>,
  env: Readonly<Record<string, string | undefined>>,
  broken: (why: string) => HudError,
): Upstream {
  const { name, dialects, baseUrl, apiKeyVariable, headers, maxConcurrent } = row;
  if (row.apiKey !== undefined && apiKeyVariable !== undefined) throw broken(`'${name}' has both api_key and api_key_variable; give one.`);
  const apiKey = apiKeyVariable === undefined ? row.apiKey : env[apiKeyVariable];
  if (apiKeyVariable !== undefined && (apiKey === undefined || apiKey === ''))
    throw broken(`'${name}' takes its key from ${apiKeyVariable}, which is not set.`);
  const lowered = Object.fromEntries(Object.entries(headers).map(([key, value]) => [key.toLowerCase(), value]));
  return {
    name,
    dialects,
    baseUrls: baseUrls(baseUrl, dialects),
    headers: lowered,
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(maxConcurrent === undefined ? {} : { maxConcurrent }),
  };
}

/** One address serves every dialect: that of OpenAI's SDK ends in `/v1`, the others add the version themselves. */
function baseUrls(baseUrl: string, dialects: readonly Dialect[]): Upstream['baseUrls'] {
  const base = baseUrl.replace(/\/+$/, '');
  const bare = base.replace(/\/v1$/, '');
  return Object.fromEntries(dialects.map((dialect) => [dialect, dialect === 'anthropic' || dialect === 'gemini' ? bare : base]));
}

function repeated(names: readonly string[]): string | undefined {
  return names.find((name, i) => names.indexOf(name) !== i);
}
