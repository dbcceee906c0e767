/**
 * Models that a vendor's key serves, for lists and prices. Any other name with a vendor's prefix works as well; it has
 * no price then. The file of HUD_PLATFORM_UPSTREAMS adds models, and says other prices.
 */
import type { ModelPrice, ServedModel } from '../seams.ts';

/** Prices in USD per million tokens, of November 2026: LiteLLM's public table, compared with vendors' pages where those could be read. */
interface Known {
  modelName: string;
  name: string;
  price: ModelPrice;
  contextTokens: number;
  maxOutputTokens: number;
}

interface Claude {
  /** Of input: reading from the cache. @default 0.1 */
  cached?: number;
  contextTokens?: number;
  maxOutputTokens?: number;
  /** Of prompts above 100,000 tokens, over that of the others. */
  long?: number;
}

/** Writing to the cache for five minutes costs a quarter more than input. */
const claude = (modelName: string, name: string, [input, output]: [number, number], more: Claude = {}): Known => {
  const { cached = 0.1, contextTokens = 1_000_000, maxOutputTokens = 128_000, long } = more;
  const price = { input, output, cachedInput: input * cached, cacheWrite: input * 1.25 };
  return { modelName, name, price: long === undefined ? price : withLong(price, 100_000, [long, long]), contextTokens, maxOutputTokens };
};

/** Reading from the cache costs a tenth of input. */
const gpt = (modelName: string, name: string, [input, output]: [number, number], contextTokens = 400_000): Known => {
  const price = { input, output, cachedInput: input / 10 };
  const isLong = contextTokens > 400_000;
  return { modelName, name, price: isLong ? withLong(price, 272_000, [2, 1.5]) : price, contextTokens, maxOutputTokens: 128_000 };
};

const gemini = (modelName: string, name: string, [input, output]: [number, number], hasLong = false): Known => {
  const price = { input, output, cachedInput: input / 10 };
  return {
    modelName,
    name,
    price: hasLong ? withLong(price, 200_000, [2, 1.5]) : price,
    contextTokens: 1_048_576,
    maxOutputTokens: 65_536,
  };
};

/** Beyond so many tokens of prompt everything of the call costs so many times as much. */
function withLong(price: ModelPrice, aboveTokens: number, [input, output]: [number, number]): ModelPrice {
  const { cachedInput, cacheWrite } = price;
  return {
    ...price,
    long: {
      aboveTokens,
      input: price.input * input,
      output: price.output * output,
      ...(cachedInput !== undefined && { cachedInput: cachedInput * input }),
      ...(cacheWrite !== undefined && { cacheWrite: cacheWrite * input }),
    },
  };
}

const SMALL: Claude = { contextTokens: 200_000, maxOutputTokens: 64_000 };

export const KNOWN_MODELS: Readonly<Record<'anthropic' | 'openai' | 'gemini', readonly Known[]>> = {
  anthropic: [
    claude('claude-opus-5-5', 'Claude Opus 5.5', [4, 20], { cached: 0.05 }),
    claude('claude-opus-5', 'Claude Opus 5', [5, 25]),
    claude('claude-opus-4-8', 'Claude Opus 4.8', [5, 25]),
    claude('claude-opus-4-7', 'Claude Opus 4.7', [5, 25]),
    claude('claude-opus-4-6', 'Claude Opus 4.6', [5, 25]),
    claude('claude-opus-4-5', 'Claude Opus 4.5', [5, 25], SMALL),
    claude('claude-sonnet-5-5', 'Claude Sonnet 5.5', [2, 10], { cached: 0.05 }),
    claude('claude-sonnet-5', 'Claude Sonnet 5', [2, 10]),
    claude('claude-sonnet-4-6', 'Claude Sonnet 4.6', [3, 15]),
    claude('claude-sonnet-4-5', 'Claude Sonnet 4.5', [3, 15], SMALL),
    claude('claude-haiku-5-5', 'Claude Haiku 5.5', [0.1, 0.5], { long: 5 }),
    claude('claude-haiku-4-5', 'Claude Haiku 4.5', [1, 5], SMALL),
  ],
  openai: [
    gpt('gpt-5.5', 'GPT-5.5', [5, 30], 1_050_000),
    gpt('gpt-5.4', 'GPT-5.4', [2.5, 15], 1_050_000),
    gpt('gpt-5.4-mini', 'GPT-5.4 mini', [0.75, 4.5]),
    gpt('gpt-5.4-nano', 'GPT-5.4 nano', [0.2, 1.25]),
    gpt('gpt-5.2', 'GPT-5.2', [1.75, 14]),
    gpt('gpt-5.1', 'GPT-5.1', [1.25, 10]),
    gpt('gpt-5', 'GPT-5', [1.25, 10]),
    gpt('gpt-5-mini', 'GPT-5 mini', [0.25, 2]),
    gpt('gpt-5-nano', 'GPT-5 nano', [0.05, 0.4]),
  ],
  gemini: [
    gemini('gemini-3.5-flash', 'Gemini 3.5 Flash', [1.5, 9]),
    gemini('gemini-3.5-flash-lite', 'Gemini 3.5 Flash-Lite', [0.3, 2.5]),
    gemini('gemini-3.1-pro-preview', 'Gemini 3.1 Pro (preview)', [2, 12], true),
    gemini('gemini-2.5-pro', 'Gemini 2.5 Pro', [1.25, 10], true),
    gemini('gemini-2.5-flash', 'Gemini 2.5 Flash', [0.3, 2.5]),
    gemini('gemini-2.5-flash-lite', 'Gemini 2.5 Flash-Lite', [0.1, 0.4]),
  ],
};

/** A dated version of a model costs what the model does: `claude-haiku-4-5-20251001`. */
export function knownModel(modelName: string): Known | undefined {
  const undated = modelName.replace(/-(\d{8}|\d{4}-\d{2}-\d{2}|latest)$/, '');
  return Object.values(KNOWN_MODELS)
    .flat()
    .find((known) => known.modelName === modelName || known.modelName === undated);
}

export type { Known };
export type KnownDetails = Pick<ServedModel, 'price' | 'contextTokens' | 'maxOutputTokens'>;
