/** What the heads of replies say about limits, in each vendor's way. */
import type { ReplyHeaders } from '../seams.ts';

/** Milliseconds from now until the upstream wants to be asked again; undefined when it says nothing. */
export function retryAfterMs(headers: ReplyHeaders, now: number): number | undefined {
  const exact = Number(first(headers, 'retry-after-ms'));
  if (first(headers, 'retry-after-ms') !== undefined && exact >= 0) return exact;
  const text = first(headers, 'retry-after');
  if (text === undefined) return undefined;
  const seconds = Number(text);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

/** By vendor: the header that counts what is left, and the one that says when there is more. */
const LIMITS: readonly (readonly [remaining: string, reset: string])[] = [
  ['x-ratelimit-remaining-requests', 'x-ratelimit-reset-requests'],
  ['x-ratelimit-remaining-tokens', 'x-ratelimit-reset-tokens'],
  ['anthropic-ratelimit-requests-remaining', 'anthropic-ratelimit-requests-reset'],
  ['anthropic-ratelimit-tokens-remaining', 'anthropic-ratelimit-tokens-reset'],
  ['anthropic-ratelimit-input-tokens-remaining', 'anthropic-ratelimit-input-tokens-reset'],
  ['anthropic-ratelimit-output-tokens-remaining', 'anthropic-ratelimit-output-tokens-reset'],
  ['x-ratelimit-remaining', 'x-ratelimit-reset'],
];

/** Milliseconds until something is left again; undefined while something is. */
export function exhaustedMs(headers: ReplyHeaders, now: number): number | undefined {
  let longest: number | undefined;
  for (const [remaining, reset] of LIMITS) {
    if (first(headers, remaining) !== '0') continue;
    const wait = resetMs(first(headers, reset), now);
    if (wait !== undefined && (longest === undefined || wait > longest)) longest = wait;
  }
  return longest;
}

/** Seconds and milliseconds since 1970 are told from durations by their size. */
const [EPOCH_S, EPOCH_MS] = [1e9, 1e12];

/** `6m0s`, `20ms`, `12` (seconds), a date, or a time since 1970. */
function resetMs(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (Number.isFinite(number)) {
    if (number >= EPOCH_MS) return Math.max(0, number - now);
    return Math.max(0, number >= EPOCH_S ? number * 1000 - now : number * 1000);
  }
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length > 0 && parts.map(([part]) => part).join('') === text) {
    return parts.reduce((sum, [, value, unit]) => sum + Number(value) * (UNITS[unit ?? ''] ?? 0), 0);
  }
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

function first(headers: ReplyHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : value?.[0];
}
