/** The list of jobs as its address says it, and as the platform is asked for it. */
import type { api } from 'hud/protocol';
import type { Search } from '../parts/address.ts';

type Query = NonNullable<api.Input<typeof api.jobs.list>['query']>;

export const STATUS = ['running', 'completed', 'cancelled', 'failed'] as const;

/** `since` of the address, with its words. */
export const SPANS = [
  ['1h', 'last hour', 3_600_000],
  ['24h', 'last 24 hours', 86_400_000],
  ['7d', 'last 7 days', 7 * 86_400_000],
  ['30d', 'last 30 days', 30 * 86_400_000],
] as const;

export const SORTS = [
  ['newest', 'newest first'],
  ['oldest', 'oldest first'],
  ['name', 'by name'],
] as const;

/** Members of the address that narrow the list. */
export const FILTERS = ['q', 'status', 'taskset', 'agent', 'since', 'starred', 'tag'] as const;

/** What an address does not know how to say is left out. @param now milliseconds since 1970 */
export function listQuery(search: Search, now: number): Query {
  const status = STATUS.find((one) => one === search.status);
  const sort = SORTS.find(([one]) => one === search.sort)?.[0];
  const { q, taskset, agent, tag } = search;
  const since = sinceOf(search.since, now);
  return {
    ...(q ? { search: q } : {}),
    ...(taskset ? { taskset } : {}),
    ...(agent ? { agent } : {}),
    ...(tag ? { tag } : {}),
    ...(status === undefined ? {} : { status }),
    ...(search.starred === undefined ? {} : { starred: 'true' }),
    ...(since === undefined ? {} : { since }),
    ...(sort === undefined || sort === 'newest' ? {} : { sort }),
  };
}

export function isNarrowed(search: Search): boolean {
  return FILTERS.some((name) => search[name] !== undefined);
}

/** A span such as `7d`, or a date as it stands. */
function sinceOf(text: string | undefined, now: number): string | undefined {
  if (text === undefined) return undefined;
  const span = SPANS.find(([word]) => word === text);
  if (span !== undefined) return new Date(now - span[2]).toISOString();
  return Number.isNaN(Date.parse(text)) ? undefined : text;
}
