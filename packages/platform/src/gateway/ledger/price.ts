/** What a call cost, and what it may cost at most. */
import type { CallUsage, ModelCall, ModelPrice } from '../seams.ts';

const MILLION = 1_000_000;
/** Reply tokens of a request that sets no limit: few replies are longer, and models that could say ten times as much rarely do. */
const DEFAULT_OUTPUT_TOKENS = 16_384;
/** Fewest bytes of text that a token takes, in practice. */
const BYTES_PER_TOKEN = 3;
/** A picture or a page, whatever its size in bytes. */
const TOKENS_PER_FILE = 3_000;
/** Base64 of files is at least this long. */
const MIN_FILE_CHARS = 1_024;

/** In USD. @returns undefined when nobody knows; the upstream's own figure comes first */
export function costUsd(usage: CallUsage, price: ModelPrice | undefined): number | undefined {
  if (usage.costUsd !== undefined) return usage.costUsd;
  if (price === undefined) return undefined;
  const { promptTokens, completionTokens, cachedTokens = 0, cacheWriteTokens = 0 } = usage;
  const plain = Math.max(0, promptTokens - cachedTokens - cacheWriteTokens);
  const { input, output, cachedInput = input, cacheWrite = input } = priceFor(price, promptTokens);
  return (plain * input + cachedTokens * cachedInput + cacheWriteTokens * cacheWrite + completionTokens * output) / MILLION;
}

/**
 * The most that a call is likely to cost, in USD: all that the request sends, and the longest reply that it allows.
 * A request that sets no limit counts as one that allows 16,384 tokens.
 */
export function estimateUsd(call: Pick<ModelCall, 'body' | 'operation' | 'maxOutputTokens' | 'model'>, price: ModelPrice): number {
  const tokens = promptTokens(call.body);
  const { input, cacheWrite = 0, output: outputPrice } = priceFor(price, tokens);
  const output =
    call.operation === 'embed' ? 0 : (call.maxOutputTokens ?? Math.min(call.model.maxOutputTokens ?? Infinity, DEFAULT_OUTPUT_TOKENS));
  return (tokens * Math.max(input, cacheWrite) + output * outputPrice) / MILLION;
}

/** Some vendors charge more for long prompts. */
function priceFor(price: ModelPrice, promptTokens: number): Omit<ModelPrice, 'long'> {
  return price.long !== undefined && promptTokens > price.long.aboveTokens ? price.long : price;
}

/** At most about this many. Files in the body are long runs of base64, which count by their number. */
export function promptTokens(body: Buffer): number {
  let tokens = 0;
  let textBytes = body.length;
  for (const { length } of base64Runs(body)) {
    textBytes -= length;
    tokens += TOKENS_PER_FILE;
  }
  return tokens + Math.ceil(textBytes / BYTES_PER_TOKEN);
}

/** Strings between two quotes, which base64 never has, without a blank in their first part. */
function* base64Runs(body: Buffer): Generator<{ length: number }> {
  if (body.length < MIN_FILE_CHARS) return;
  let from = body.indexOf(0x22);
  while (from >= 0) {
    const to = body.indexOf(0x22, from + 1);
    if (to < 0) return;
    if (to - from > MIN_FILE_CHARS && isBase64(body.subarray(to - MIN_FILE_CHARS, to))) yield { length: to - from };
    from = to;
  }
}

/** Looks at the end, since a data URL begins otherwise. */
function isBase64(bytes: Buffer): boolean {
  return /^[A-Za-z0-9+/_-]+={0,2}$/.test(bytes.toString('latin1'));
}
