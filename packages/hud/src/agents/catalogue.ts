/** Which API answers a model name: names of agents, aliases, well-known prefixes, then the catalogue. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { decode } from '../protocol/codec.ts';
import { HudError, isHudError, messageOf } from '../protocol/errors.ts';
import { parseJson } from '../protocol/json.ts';
import { readSetting } from './settings.ts';

export const AGENT_TYPES = ['claude', 'openai', 'openai_compatible', 'gemini', 'oracle', 'nop'] as const;
export type AgentType = (typeof AGENT_TYPES)[number];

/** One model of `models.json` or of a platform's catalogue. */
export const CatalogueModel = z.object({
  id: z.string().optional(),
  name: z.string().optional(),
  /** What goes into requests. */
  modelName: z.string(),
  /** An agent type. */
  sdkAgentType: z.string(),
  /** A server of its own. */
  baseUrl: z.string().optional(),
  apiKeyVariable: z.string().optional(),
});
export type CatalogueModel = z.infer<typeof CatalogueModel>;

export interface Resolved {
  type: AgentType;
  /** Absent: the agent type's default. */
  model?: string;
  baseUrl?: string;
  apiKeyVariable?: string;
}

const ALIASES: Record<string, string> = {
  'deepseek-v4': 'deepseek/deepseek-v4-pro',
  'deepseek-v4-pro': 'deepseek/deepseek-v4-pro',
  'deepseek-v4-flash': 'deepseek/deepseek-v4-flash',
  'glm-5.2': 'z-ai/glm-5.2',
  'kimi-2.6': 'moonshotai/kimi-k2.6',
  'kimi-k2.6': 'moonshotai/kimi-k2.6',
  'minimax-m3': 'MiniMax-M3',
  'minimax-m2.7': 'MiniMax-M2.7',
  'minimax-m2.5': 'MiniMax-M2.5',
};

/** Families whose API is known by name; everything else needs a catalogue. */
const PREFIXES: readonly [RegExp, AgentType][] = [
  [/^claude-/i, 'claude'],
  [/^(gpt-|o\d|codex-)/i, 'openai'],
  [/^gemini-/i, 'gemini'],
  [/^[\w.-]+\/[\w.:-]+$/, 'openai_compatible'], // vendor/model, as compatible servers name them
];

const MODEL_FILES = ['models.json', '.hud/models.json'];
const CATALOGUE_MS = 10_000;

/** @throws HudError AGENT_UNKNOWN with the nearest names, BAD_CONFIG for a malformed models.json */
export async function resolveModel(name: string): Promise<Resolved> {
  const local = readModelFiles();
  const found = fromCatalogue(name, local) ?? byName(name);
  if (found !== undefined) return found;
  const remote = await fetchCatalogue();
  const listed = fromCatalogue(name, remote);
  if (listed !== undefined) return listed;
  throw unknownAgent(name, [...local, ...remote]);
}

function byName(name: string): Resolved | undefined {
  const type = name.toLowerCase().replace('-', '_');
  if (isAgentType(type)) return { type };
  const model = ALIASES[name.toLowerCase()] ?? name;
  if (model !== name) return { type: 'openai_compatible', model };
  const prefix = PREFIXES.find(([pattern]) => pattern.test(name));
  return prefix === undefined ? undefined : { type: prefix[1], model: name };
}

export function isAgentType(value: string): value is AgentType {
  return (AGENT_TYPES as readonly string[]).includes(value);
}

function fromCatalogue(name: string, models: readonly CatalogueModel[]): Resolved | undefined {
  const model = models.find((candidate) => [candidate.id, candidate.name, candidate.modelName].includes(name));
  if (model === undefined) return undefined;
  const { sdkAgentType: type, modelName, baseUrl, apiKeyVariable } = model;
  if (!isAgentType(type)) {
    throw new HudError('AGENT_UNKNOWN', `The catalogue says that ${name} is driven by an agent '${type}', which this version does not have.`, {
      hint: `Agents here: ${AGENT_TYPES.join(', ')}.`,
    });
  }
  return { type, model: modelName, ...(baseUrl === undefined ? {} : { baseUrl }), ...(apiKeyVariable === undefined ? {} : { apiKeyVariable }) };
}

/** `models.json` of the project: a list of models, or `{ "items": […] }` as the platform's catalogue has it. */
function readModelFiles(): CatalogueModel[] {
  return MODEL_FILES.flatMap((path) => {
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch {
      return []; // most projects have none
    }
    try {
      return parseCatalogue(parseJson(text));
    } catch (error) {
      throw new HudError('BAD_CONFIG', `${path}: ${messageOf(error)}`, { cause: error });
    }
  });
}

function parseCatalogue(value: unknown): CatalogueModel[] {
  const items = Array.isArray(value) ? value : (value as { items?: unknown } | null)?.items;
  return decode(z.array(CatalogueModel), items, { what: 'The model catalogue', code: 'BAD_CONFIG' });
}

/** Without a platform there is none to ask. */
async function fetchCatalogue(): Promise<CatalogueModel[]> {
  const base = readSetting('HUD_API_URL') ?? readSetting('HUD_BASE_URL');
  const key = readSetting('HUD_API_KEY');
  if (base === undefined || key === undefined) return [];
  const url = `${base.replace(/\/$/, '')}/v2/models`;
  try {
    const response = await fetch(url, { headers: { Authorization: `Bearer ${key}` }, signal: AbortSignal.timeout(CATALOGUE_MS) });
    if (!response.ok) throw new Error(`it answered ${response.status}`);
    return parseCatalogue(await response.json());
  } catch (cause) {
    if (isHudError(cause)) throw cause;
    throw new HudError('MODEL_UNKNOWN', `The model catalogue at ${url} can't be read: ${messageOf(cause)}.`, { cause });
  }
}

function unknownAgent(name: string, models: readonly CatalogueModel[]): HudError {
  const names = new Set([...AGENT_TYPES, ...Object.keys(ALIASES), ...models.flatMap((m) => [m.modelName, m.name, m.id])].filter((n) => n !== undefined));
  const near = [...names].map((candidate) => ({ candidate, ratio: similarity(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ ratio }) => ratio >= 0.5).toSorted((a, b) => b.ratio - a.ratio).slice(0, 3).map(({ candidate }) => candidate);
  return new HudError('AGENT_UNKNOWN', `There is no agent or model '${name}'.${near.length === 0 ? '' : ` Did you mean ${near.join(', ')}?`}`, {
    hint: `Agents: ${AGENT_TYPES.join(', ')}. Models: any claude-…, gpt-…, gemini-… or vendor/model, and those of models.json.`,
  });
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
