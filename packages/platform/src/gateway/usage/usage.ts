/** Finds how many tokens a call took, in the bytes of its reply as they pass by. */
import { gunzipSync } from 'node:zlib';
import type { CallUsage, Dialect, UsageReader } from '../seams.ts';
import { JsonSkim } from './usage-skim.ts';

/** Compressed replies are kept up to this size, and read once they are whole. */
const MAX_COMPRESSED = 8 * 1_048_576;
const MAX_INFLATED = 64 * 1_048_576;

type Told = Record<string, unknown>;

/** @returns undefined for replies that tell no usage, whatever they say */
export function usageReader(dialect: Dialect, contentType: string): UsageReader | undefined {
  const members = MEMBERS[dialect];
  const type = contentType.toLowerCase();
  const isStream = type.includes('event-stream');
  if (members === undefined || !(isStream || type.includes('json'))) return undefined;
  return new PassingUsage(dialect, members, isStream);
}

const MEMBERS: Partial<Record<Dialect, readonly string[]>> = {
  'openai-chat': ['usage', 'x_groq.usage'],
  'openai-responses': ['usage', 'response.usage'],
  embeddings: ['usage'],
  anthropic: ['usage', 'message.usage'],
  gemini: ['usageMetadata', 'response.usageMetadata'],
};

class PassingUsage implements UsageReader {
  readonly #dialect: Dialect;
  readonly #told: Told = {};
  readonly #skim: JsonSkim;
  readonly #events: EventData | undefined;
  #compressed: Buffer[] | undefined;
  #compressedSize = 0;
  #start: Buffer | undefined = Buffer.alloc(0);

  constructor(dialect: Dialect, members: readonly string[], isStream: boolean) {
    this.#dialect = dialect;
    // Later events tell sums so far, and may leave out what was told before.
    this.#skim = new JsonSkim(members, (usage) => {
      for (const [name, value] of Object.entries(usage)) if (value !== null) this.#told[name] = value;
    });
    this.#events = isStream ? new EventData(this.#skim) : undefined;
  }

  push(chunk: Buffer): void {
    if (this.#start === undefined) return this.#take(chunk);
    const start = this.#start.length === 0 ? chunk : Buffer.concat([this.#start, chunk]);
    this.#start = start.length < GZIP.length ? Buffer.from(start) : undefined;
    if (this.#start !== undefined) return;
    if (start.subarray(0, GZIP.length).equals(GZIP)) this.#compressed = [];
    this.#take(start);
  }

  end(): CallUsage | undefined {
    if (this.#start !== undefined) this.#read(this.#start);
    if (this.#compressed !== undefined) this.#inflate(Buffer.concat(this.#compressed));
    return READ[this.#dialect]?.(this.#told);
  }

  #take(chunk: Buffer): void {
    if (this.#compressed === undefined) return this.#read(chunk);
    this.#compressedSize += chunk.length;
    if (this.#compressedSize <= MAX_COMPRESSED) this.#compressed.push(Buffer.from(chunk));
  }

  #read(chunk: Buffer): void {
    if (this.#events !== undefined) this.#events.push(chunk);
    else this.#skim.push(chunk);
  }

  #inflate(bytes: Buffer): void {
    this.#compressed = undefined;
    try {
      this.#read(gunzipSync(bytes, { maxOutputLength: MAX_INFLATED }));
    } catch {
      // Cut off or too large: then it told nothing, which is an answer that the ledger shows.
    }
  }
}

const GZIP = Buffer.from([0x1f, 0x8b]);
const DATA = Buffer.from('data:');
const [LF, CR] = [0x0a, 0x0d];

/** Gives what events carry to a reader of JSON; an empty line ends an event. */
class EventData {
  readonly #skim: JsonSkim;
  /** Bytes of the line that were compared with `data:`; -1 once it is none. */
  #matched = 0;
  #isEmpty = true;

  constructor(skim: JsonSkim) {
    this.#skim = skim;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#matched >= 0 && this.#matched < DATA.length) {
        this.#compare(chunk[at++] as number);
        continue;
      }
      const end = chunk.indexOf(LF, at);
      const to = end < 0 ? chunk.length : end;
      if (this.#matched === DATA.length) this.#skim.push(chunk, at, to);
      if (end < 0) return;
      this.#matched = 0;
      this.#isEmpty = true;
      at = end + 1;
    }
  }

  #compare(byte: number): void {
    if (byte === LF) {
      if (this.#isEmpty) this.#skim.reset();
      this.#matched = 0;
      this.#isEmpty = true;
      return;
    }
    if (byte === CR && this.#isEmpty) return;
    this.#isEmpty = false;
    this.#matched = byte === DATA[this.#matched] ? this.#matched + 1 : -1;
    if (this.#matched === DATA.length && this.#skim.isDone) this.#skim.reset();
  }
}

/** More tokens than any call has are a mistake. */
const MAX_TOKENS = 1e10;

function count(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 && value < MAX_TOKENS ? Math.round(value) : undefined;
}

function within(value: unknown): Told {
  return typeof value === 'object' && value !== null ? (value as Told) : {};
}

/** Undefined as long as neither side was told. */
function usageOf(prompt: number | undefined, completion: number | undefined, more: Partial<CallUsage>): CallUsage | undefined {
  if (prompt === undefined && completion === undefined) return undefined;
  const known = Object.fromEntries(Object.entries(more).filter(([, value]) => value !== undefined));
  return { promptTokens: prompt ?? 0, completionTokens: completion ?? 0, ...known };
}

/** OpenRouter and others tell what they charged. */
function toldCost({ cost }: Told): number | undefined {
  return typeof cost === 'number' && Number.isFinite(cost) && cost >= 0 ? cost : undefined;
}

const READ: Partial<Record<Dialect, (told: Told) => CallUsage | undefined>> = {
  'openai-chat': chatUsage,
  embeddings: chatUsage,
  'openai-responses': (told) =>
    usageOf(count(told.input_tokens), count(told.output_tokens), {
      cachedTokens: count(within(told.input_tokens_details).cached_tokens),
      reasoningTokens: count(within(told.output_tokens_details).reasoning_tokens),
      costUsd: toldCost(told),
    }),
  anthropic: (told) => {
    const [input, read, written] = [told.input_tokens, told.cache_read_input_tokens, told.cache_creation_input_tokens].map(count);
    const all = [input, read, written].filter((part) => part !== undefined);
    const prompt = all.length === 0 ? undefined : all.reduce((sum, part) => sum + part, 0);
    return usageOf(prompt, count(told.output_tokens), { cachedTokens: read, cacheWriteTokens: written, costUsd: toldCost(told) });
  },
  gemini: (told) => {
    const [reply, thoughts] = [count(told.candidatesTokenCount), count(told.thoughtsTokenCount)];
    const completion = reply === undefined && thoughts === undefined ? undefined : (reply ?? 0) + (thoughts ?? 0);
    const [asked, byTools] = [count(told.promptTokenCount), count(told.toolUsePromptTokenCount)];
    const prompt = asked === undefined && byTools === undefined ? undefined : (asked ?? 0) + (byTools ?? 0);
    return usageOf(prompt, completion, { cachedTokens: count(told.cachedContentTokenCount), reasoningTokens: thoughts });
  },
};

function chatUsage(told: Told): CallUsage | undefined {
  const details = within(told.prompt_tokens_details);
  return usageOf(count(told.prompt_tokens), count(told.completion_tokens), {
    cachedTokens: count(details.cached_tokens) ?? count(told.prompt_cache_hit_tokens),
    cacheWriteTokens: count(details.cache_write_tokens),
    reasoningTokens: count(within(told.completion_tokens_details).reasoning_tokens),
    costUsd: toldCost(told),
  });
}
