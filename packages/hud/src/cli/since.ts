/** Times as flags take them. */
import { UsageError } from './usage-error.ts';

const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 };

/**
 * `2026-01-31`, `2026-01-31T12:00:00Z`, or an age: `30m`, `12h`, `7d`, `2w`.
 * @returns milliseconds since 1970. @throws UsageError
 */
export function sinceTime(text: string, now = Date.now()): number {
  const [, count, unit = ''] = /^(\d+)([mhdw])$/.exec(text) ?? [];
  const time = count === undefined ? Date.parse(text) : now - Number(count) * (UNIT_MS[unit] ?? 0);
  if (Number.isFinite(time)) return time;
  throw new UsageError(`--since takes a date such as 2026-01-31, or an age such as 12h or 7d, not '${text}'.`);
}
