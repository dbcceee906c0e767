/** Which model a request means and which server has it: the file's models, aliases, then the vendors' well-known names. */
import type { IncomingHttpHeaders } from 'node:http';
import { HudError, MODEL_ALIASES, messageOf, uuid5 } from 'hud/protocol';
import type { Config } from '../../config.ts';
import type { Log } from '../../log.ts';
import { KNOWN_MODELS, knownModel } from './known-models.ts';
import { Refusal } from '../refusals.ts';
import type { Dialect, Samplers, ServedModel, Upstream } from '../seams.ts';
import { readUpstreamFile, watchUpstreamFile, type OwnModels } from './upstream-file.ts';
import { VENDORS, bringsKeys, callersUpstream, vendorUpstreams, type Vendor } from './upstreams.ts';

export interface Destination {
  model: ServedModel;
  upstream: Upstream;
}

export interface Models {
  /** Every model that is listed; more can be asked for by their vendors' names. */
  catalogue(): readonly ServedModel[];
  /** By id, name, or what requests say; aliases count. */
  find(name: string): ServedModel | undefined;
  /**
   * @throws Refusal 404 naming near ones, 400 when its server does not speak the dialect
   */
  route(name: string, dialect: Dialect, headers: IncomingHttpHeaders): Destination;
  /** Servers, those of the file first. */
  upstream(name: string): Upstream | undefined;
  close(): void;
}

/** By the beginning of the name: whose model it is, and what that server calls it. */
const FAMILIES: readonly { pattern: RegExp; vendor: Vendor; upstreamModel: (name: string) => string }[] = [
  { pattern: /^claude-/, vendor: 'anthropic', upstreamModel: (name) => name },
  { pattern: /^(gpt-|o\d|codex-|chatgpt-|text-embedding-|computer-use-)/, vendor: 'openai', upstreamModel: (name) => name },
  { pattern: /^gemini-/, vendor: 'gemini', upstreamModel: (name) => name },
  { pattern: /^anthropic\/claude-/, vendor: 'anthropic', upstreamModel: afterSlash },
  { pattern: /^openai\/(gpt-|o\d|codex-)/, vendor: 'openai', upstreamModel: afterSlash },
  { pattern: /^(google|gemini)\/gemini-/, vendor: 'gemini', upstreamModel: afterSlash },
  { pattern: /^[\w.-]+\/[\w.:-]+$/, vendor: 'openrouter', upstreamModel: (name) => name },
  { pattern: /^MiniMax-/, vendor: 'openrouter', upstreamModel: (name) => `minimax/${name.toLowerCase()}` },
];

const AGENT_TYPES: Readonly<Record<Vendor, ServedModel['sdkAgentType']>> = {
  anthropic: 'claude',
  openai: 'openai',
  gemini: 'gemini',
  openrouter: 'openai_compatible',
};

/** Names by prefix that were asked for; a client that makes up names must not fill the memory. */
const MOST_REMEMBERED = 1_000;

export interface OpenModelsOptions {
  /** @default the process's */
  env?: Readonly<Record<string, string | undefined>>;
  /** Whose bases are served as well. */
  samplers?: Samplers | undefined;
}

/** @throws HudError BAD_CONFIG for a file that can't be used; later changes of that kind are logged and change nothing */
export function openModels(config: Config, log: Log, { env = process.env, samplers }: OpenModelsOptions = {}): Models {
  const vendors = vendorUpstreams(config);
  const path = config.HUD_PLATFORM_UPSTREAMS;
  const read = (): Directory => {
    const own = path === undefined ? { upstreams: [], models: [] } : readUpstreamFile(path, VENDORS, env);
    return new Directory(vendors, samplers === undefined ? own : withSamplers(own, samplers));
  };
  let directory = read();
  const reread = (): void => {
    try {
      directory = read();
      log.info('model servers read again', { models: directory.models.length });
    } catch (error) {
      log.error('model servers stay as they were', { reason: error instanceof HudError ? error.message : messageOf(error) });
    }
  };
  let listed = samplers?.bases;
  /** As it is, or anew once the bases are others: an engine may have been out of reach at the start. */
  const current = (): Directory => {
    const bases = samplers?.bases;
    if (bases !== listed) {
      listed = bases;
      reread();
    }
    return directory;
  };
  const unwatch = path === undefined ? undefined : watchUpstreamFile(path, reread);
  return {
    catalogue: () => current().models,
    find: (name) => current().find(name),
    route: (name, dialect, headers) => current().route(name, dialect, headers, config),
    upstream: (name) => current().upstreams.get(name),
    close: () => unwatch?.(),
  };
}

/** A model of the file keeps its name. */
function withSamplers({ upstreams, models }: OwnModels, samplers: Samplers): OwnModels {
  const taken = new Set(models.map(({ modelName }) => modelName));
  return {
    upstreams: [...upstreams, ownUpstream(samplers)],
    models: [...models, ...samplers.bases.filter(({ modelName }) => !taken.has(modelName))],
  };
}

/** Not a server, but named as one. */
export function ownUpstream({ upstream: name }: Samplers): Upstream {
  return { name, dialects: ['openai-chat'], baseUrls: { 'openai-chat': 'engine:' }, headers: {}, isOwn: true };
}

/** One reading of settings and file. */
class Directory {
  readonly upstreams: ReadonlyMap<string, Upstream>;
  readonly models: readonly ServedModel[];
  readonly #byName = new Map<string, ServedModel>();
  readonly #guessed = new Map<string, ServedModel>();

  constructor(vendors: readonly Upstream[], own: OwnModels) {
    this.upstreams = new Map([...vendors, ...own.upstreams].map((upstream) => [upstream.name, upstream]));
    const listed = new Set(own.models.map(({ modelName }) => modelName));
    const known = VENDORS.filter((vendor) => this.upstreams.has(vendor)).flatMap((vendor) =>
      vendor === 'openrouter' ? [] : KNOWN_MODELS[vendor].map(({ modelName }) => served(vendor, modelName, modelName)),
    );
    this.models = [...own.models, ...known.filter(({ modelName }) => !listed.has(modelName))];
    for (const model of this.models.toReversed()) {
      for (const name of [model.name, dashed(model.id), model.id, model.modelName]) this.#byName.set(name, model);
    }
    for (const model of this.models) this.#byName.set(model.modelName, model);
  }

  find(name: string): ServedModel | undefined {
    const asked = this.#byName.get(name);
    if (asked !== undefined) return asked;
    const alias = MODEL_ALIASES[name.toLowerCase()];
    return alias === undefined ? undefined : this.#byName.get(alias);
  }

  route(name: string, dialect: Dialect, headers: IncomingHttpHeaders, config: Config): Destination {
    const callers = bringsKeys(headers) ? (vendor: Vendor) => callersUpstream(vendor, headers, config) : () => undefined;
    const model = this.find(name) ?? this.#guess(name, callers);
    const upstream = model === undefined ? undefined : (callers(model.upstream as Vendor) ?? this.upstreams.get(model.upstream));
    if (model === undefined || upstream === undefined) throw this.#unknown(name, model);
    if (upstream.baseUrls[dialect] === undefined) throw wrongDialect(model, upstream, dialect);
    return { model, upstream };
  }

  /** By the name's beginning, at the first vendor that there is a key for. */
  #guess(name: string, callers: (vendor: Vendor) => Upstream | undefined): ServedModel | undefined {
    const meant = MODEL_ALIASES[name.toLowerCase()] ?? name;
    const family = FAMILIES.find(
      ({ pattern, vendor }) => pattern.test(meant) && (callers(vendor) !== undefined || this.upstreams.has(vendor)),
    );
    if (family === undefined) return undefined;
    const { vendor } = family;
    const key = `${vendor} ${meant}`;
    let model = this.#guessed.get(key);
    if (model === undefined) {
      model = served(vendor, meant, family.upstreamModel(meant));
      if (this.#guessed.size >= MOST_REMEMBERED) this.#guessed.clear();
      this.#guessed.set(key, model);
    }
    return model;
  }

  #unknown(name: string, model: ServedModel | undefined): Refusal {
    const shown = name.length > 100 ? `${name.slice(0, 100)}…` : name;
    const needed = FAMILIES.find(({ pattern }) => pattern.test(MODEL_ALIASES[name.toLowerCase()] ?? name))?.vendor ?? model?.upstream;
    const near = this.#near(name);
    const hint =
      needed !== undefined && !this.upstreams.has(needed)
        ? ` It is a model of ${needed}, and the platform has no key of it: set ${needed.toUpperCase()}_API_KEY, or send one in X-${needed}-Key.`
        : near.length > 0
          ? ` Did you mean ${near.join(', ')}?`
          : ' See /gateway/models for those there are.';
    return new Refusal(404, `There is no model '${shown}'.${hint}`, { code: 'model_not_found' });
  }

  #near(name: string): string[] {
    const names = [...new Set([...this.models.map(({ modelName }) => modelName), ...Object.keys(MODEL_ALIASES)])];
    return names
      .map((other) => ({ other, likeness: likeness(name.toLowerCase().slice(0, 100), other.toLowerCase()) }))
      .filter((pair) => pair.likeness >= 0.5)
      .toSorted((a, b) => b.likeness - a.likeness)
      .slice(0, 3)
      .map(({ other }) => other);
  }
}

function served(vendor: Vendor, modelName: string, upstreamModel: string): ServedModel {
  const known = knownModel(upstreamModel);
  return {
    id: uuid5(modelName),
    modelName,
    name: known?.name ?? modelName,
    provider: vendor,
    sdkAgentType: AGENT_TYPES[vendor],
    isTrainable: false,
    upstream: vendor,
    upstreamModel,
    ...(known && { price: known.price, contextTokens: known.contextTokens, maxOutputTokens: known.maxOutputTokens }),
  };
}

export function wrongDialect(model: ServedModel, upstream: Upstream, dialect: Dialect): Refusal {
  return new Refusal(
    400,
    `'${model.modelName}' is served by ${upstream.name}, which does not speak ${dialect}. It speaks ${upstream.dialects.join(', ')}.`,
    {
      code: 'unsupported_dialect',
    },
  );
}

function afterSlash(name: string): string {
  return name.slice(name.indexOf('/') + 1);
}

function dashed(id: string): string {
  return id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** Pairs of neighbouring letters that both have, by Dice's coefficient: 1 is equal. */
function likeness(a: string, b: string): number {
  const pairs = (text: string): string[] => Array.from({ length: Math.max(0, text.length - 1) }, (_, i) => text.slice(i, i + 2));
  const rest = pairs(b);
  let shared = 0;
  for (const pair of pairs(a)) {
    const at = rest.indexOf(pair);
    if (at < 0) continue;
    shared += 1;
    rest.splice(at, 1);
  }
  return (2 * shared) / Math.max(1, a.length + b.length - 2);
}
