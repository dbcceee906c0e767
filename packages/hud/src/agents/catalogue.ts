/** Which API answers a model name: names of agents, aliases, well-known prefixes, then the catalogue. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { decode } from '../protocol/codec.ts';
import { HudError, messageOf } from '../protocol/errors.ts';
import { parseJson } from '../protocol/json.ts';
import { MODEL_ALIASES } from '../protocol/model-aliases.ts';
import { gatewayUrl, readSetting } from '../host/settings.ts';
import { Price } from './config.ts';

export const AGENT_TYPES = ['claude', 'openai', 'openai_compatible', 'gemini', 'browser', 'claude_code', 'codex', 'oracle', 'nop'] as const;
export type AgentType = (typeof AGENT_TYPES)[number];

/** One model of `models.json` or of a platform's catalogue. */
export const CatalogueModel = z.object({
  id: z.string().nullish(),
  name: z.string().nullish(),
  /** What goes into requests. */
  modelName: z.string(),
  /** An agent type; a model without one is listed for other uses. */
  sdkAgentType: z.string().nullish(),
  /** A server of its own. */
  baseUrl: z.string().optional(),
  /** The setting that holds that server's key. @default that server gets no key, the vendor's least of all */
  apiKeyVariable: z.string().optional(),
  price: Price.optional(),
});
export type CatalogueModel = z.infer<typeof CatalogueModel>;

export interface Resolved {
  type: AgentType;
  /** Absent: the agent type's default. */
  model?: string;
  baseUrl?: string;
  apiKeyVariable?: string;
  /** Only the gateway has it. */
  via?: 'gateway';
}

/** Families whose API is known by name; everything else needs a catalogue. */
const PREFIXES: readonly [RegExp, AgentType][] = [
  [/^claude-/i, 'claude'],
  [/^(gpt-|o\d|codex-)/i, 'openai'],
  [/^gemini-/i, 'gemini'],
  [/^[\w.-]+\/[\w.:-]+$/, 'openai_compatible'], // vendor/model, as compatible servers name them
];

const MODEL_FILES = ['models.json', '.hud/models.json'];
const CATALOGUE_MS = 10_000;

/**
 * @param file a catalogue of the caller's, in place of `models.json` and `.hud/models.json`
 * @throws HudError AGENT_UNKNOWN with the nearest names, BAD_CONFIG for a malformed catalogue
 */
export async function resolveModel(name: string, file?: string): Promise<Resolved> {
  const local = readCatalogue(file);
  const found = fromCatalogue(name, local) ?? byName(name);
  if (found !== undefined) return found;
  const remote = await fetchCatalogue();
  const listed = fromCatalogue(name, remote);
  if (listed !== undefined) return { type: listed.type, ...(listed.model === undefined ? {} : { model: listed.model }), via: 'gateway' };
  throw unknownAgent(name, [...local, ...remote]);
}

/** What a model costs, where the local catalogue says so. */
export function priceOf(model: string | undefined, file?: string): Price | undefined {
  return model === undefined ? undefined : find(model, readCatalogue(file))?.price;
}

function byName(name: string): Resolved | undefined {
  const type = name.toLowerCase().replace('-', '_');
  if (isAgentType(type)) return { type };
  const model = MODEL_ALIASES[name.toLowerCase()] ?? name;
  const known = model === name ? PREFIXES.find(([pattern]) => pattern.test(name))?.[1] : 'openai_compatible';
  if (known === undefined) return undefined;
  return { type: known, model, ...(known === 'openai_compatible' && isGatewayOnly() ? { via: 'gateway' as const } : {}) };
}

/** OpenAI itself serves no other vendor's models, so its key alone leads nowhere. */
function isGatewayOnly(): boolean {
  return readSetting('OPENAI_BASE_URL') === undefined && gatewayUrl() !== undefined && readSetting('HUD_API_KEY') !== undefined;
}

export function isAgentType(value: string): value is AgentType {
  return (AGENT_TYPES as readonly string[]).includes(value);
}

function find(name: string, models: readonly CatalogueModel[]): CatalogueModel | undefined {
  const meant = MODEL_ALIASES[name.toLowerCase()] ?? name;
  return models.find(({ id, name: shown, modelName }) =>
    [id, shown, modelName].some((candidate) => candidate === name || candidate === meant),
  );
}

function fromCatalogue(name: string, models: readonly CatalogueModel[]): Resolved | undefined {
  const model = find(name, models);
  if (model === undefined) return undefined;
  const { sdkAgentType: type, modelName, baseUrl, apiKeyVariable } = model;
  if (typeof type !== 'string' || !isAgentType(type)) {
    const driver = typeof type === 'string' ? `is driven by an agent '${type}', which this version does not have` : 'is driven by no agent';
    throw new HudError('AGENT_UNKNOWN', `The catalogue says that ${name} ${driver}.`, { hint: `Agents here: ${AGENT_TYPES.join(', ')}.` });
  }
  return {
    type,
    model: modelName,
    ...(baseUrl === undefined ? {} : { baseUrl }),
    ...(apiKeyVariable === undefined ? {} : { apiKeyVariable }),
  };
}

/** A list of models, or `{ "items": […] }` as the platform's catalogue has it. */
function readCatalogue(file: string | undefined): CatalogueModel[] {
  return (file === undefined ? MODEL_FILES : [file]).flatMap((path) => {
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (cause) {
      if (file === undefined) return []; // most projects have none
      throw new HudError('BAD_CONFIG', `The model catalogue ${path} can't be read: ${messageOf(cause)}`, { cause });
    }
    try {
      return parseCatalogue(parseJson(text));
    } catch (cause) {
      throw new HudError('BAD_CONFIG', `${path}: ${messageOf(cause)}`, { cause });
    }
  });
}

function parseCatalogue(value: unknown): CatalogueModel[] {
  const items = Array.isArray(value) ? value : (value as { items?: unknown } | null)?.items;
  return decode(z.array(CatalogueModel), items, { what: 'The model catalogue', code: 'BAD_CONFIG' });
}

const fetched = new Map<string, Promise<CatalogueModel[]>>();

/** Without a platform there is none to ask; an answer is kept for the life of the process. */
async function fetchCatalogue(): Promise<CatalogueModel[]> {
  const base = readSetting('HUD_API_URL') ?? readSetting('HUD_BASE_URL');
  const key = readSetting('HUD_API_KEY');
  if (base === undefined || key === undefined) return [];
  const url = `${base.replace(/\/$/, '')}/v2/models`;
  let models = fetched.get(url);
  if (models === undefined) {
    models = download(url, key);
    fetched.set(url, models);
    models.catch(() => fetched.delete(url));
  }
  return await models;
}

async function download(url: string, key: string): Promise<CatalogueModel[]> {
  try {
    const response = await fetch(url, { headers: { Authorization: `Bearer ${key}` }, signal: AbortSignal.timeout(CATALOGUE_MS) });
    if (!response.ok) throw new Error(`it answered ${response.status}`);
    return parseCatalogue(await response.json());
  } catch (cause) {
    throw new HudError('MODEL_UNKNOWN', `The model catalogue at ${url} can't be read: ${messageOf(cause)}.`, {
      hint: 'Check HUD_API_KEY and HUD_BASE_URL, or list the model in models.json.',
      cause,
    });
  }
}

function unknownAgent(name: string, models: readonly CatalogueModel[]): HudError {
  const names = new Set(
    [...AGENT_TYPES, ...Object.keys(MODEL_ALIASES), ...models.flatMap((m) => [m.modelName, m.name, m.id])].filter(
      (n) => typeof n === 'string',
    ),
  );
  const near = [...names]
    .map((candidate) => ({ candidate, ratio: similarity(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ ratio }) => ratio >= 0.5)
    .toSorted((a, b) => b.ratio - a.ratio)
    .slice(0, 3)
    .map(({ candidate }) => candidate);
  return new HudError(
    'AGENT_UNKNOWN',
    `There is no agent or model '${name}'.${near.length === 0 ? '' : ` Did you mean ${near.join(', ')}?`}`,
    {
      hint: `Agents: ${AGENT_TYPES.join(', ')}. Models: any claude-…, gpt-…, gemini-… or vendor/model, and those of models.json.`,
    },
  );
}

/** Shared pairs of neighbouring letters, by Dice's coefficient: 1 is equal. */
function similarity(a: string, b: string): number {
  if (a === b) return 1;
  const pairs = (text: string): string[] => Array.from({ length: Math.max(0, text.length - 1) }, (_, i) => text.slice(i, i + 2));
  const rest = pairs(b);
  let shared = 0;
  for (const pair of pairs(a)) {
    const at = rest.indexOf(pair);
    if (at < 0) continue;
    shared += 1;
    rest.splice(at, 1);
  }
  return (2 * shared) / Math.max(1, pairs(a).length + pairs(b).length);
}
