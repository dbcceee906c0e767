/** Numbers, times and counts as people read them. */

/** `1 run`, `2 runs`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** `a`, `a and b`, `a, b and c`. */
export function listed(items: readonly string[]): string {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}

/** A reward: two decimals, none when it is whole; `-0` never. */
export function reward(value: number): string {
  return Number.isInteger(value) ? String(value + 0) : value.toFixed(2);
}

/** `$1.25`; more digits for less than a cent. */
export function usd(value: number): string {
  return `$${value.toFixed(value === 0 || Math.abs(value) >= 0.01 ? 2 : 6)}`;
}

/** `0.8 s`, `42 s`, `2 min 15 s`, `1 h 3 min`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** How long ago, in the largest unit that fits: `just now`, `5 minutes ago`, `3 days ago`. */
export function ago(time: number, now: number): string {
  const seconds = Math.max(0, Math.floor((now - time) / 1000));
  if (seconds < 10) return 'just now';
  if (seconds < 60) return `${seconds} seconds ago`;
  if (seconds < 3600) return `${plural(Math.floor(seconds / 60), 'minute')} ago`;
  if (seconds < 86_400) return `${plural(Math.floor(seconds / 3600), 'hour')} ago`;
  if (seconds < 30 * 86_400) return `${plural(Math.floor(seconds / 86_400), 'day')} ago`;
  return new Date(time).toISOString().slice(0, 10);
}
