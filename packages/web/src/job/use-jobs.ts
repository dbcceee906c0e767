/** The list of jobs: page by page as it is scrolled, and renewed in place while something runs. */
import { useInfiniteQuery, useQuery, useQueryClient, type InfiniteData } from '@tanstack/react-query';
import type { api } from 'hud/protocol';
import { useMemo } from 'react';
import { call, isFrozen, routes } from '../api.ts';
import { itemsOf, renewed, unsure, type JobItem } from './list-pages.ts';
import { FILTERS, listQuery } from './list-query.ts';
import type { Search } from '../parts/address.ts';

const PAGE = 100;
/** While a job runs, and while none does. In milliseconds. */
const BUSY_MS = 2_000;
const CALM_MS = 5_000;
/** Running jobs further down that are asked for one by one. */
const MOST_SINGLE = 10;

type Page = api.Reply<typeof api.jobs.list>;
type Pages = InfiniteData<Page, string | undefined>;

export interface Jobs {
  items: JobItem[];
  /** On all pages; undefined until it is known. */
  total: number | undefined;
  error: unknown;
  isLoading: boolean;
  isLoadingMore: boolean;
  hasMore: boolean;
  loadMore: () => void;
  retry: () => void;
}

export function useJobs(search: Search): Jobs {
  const key = ['jobs', Object.fromEntries([...FILTERS, 'sort'].map((name) => [name, search[name]]))];
  const list = useInfiniteQuery({
    queryKey: key,
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam, signal }) =>
      await call(
        routes.jobs.list,
        { query: { ...listQuery(search, Date.now()), limit: PAGE, ...(pageParam === undefined ? {} : { cursor: pageParam }) } },
        signal,
      ),
    getNextPageParam: (last: Page) => last.nextCursor,
    staleTime: Infinity, // `useRenewal` keeps it true, without reading every page again
    placeholderData: (earlier) => earlier,
  });
  const items = useMemo(() => itemsOf(list.data?.pages ?? []), [list.data]);
  useRenewal(key, search, items, list.isSuccess && !list.isPlaceholderData);
  return {
    items,
    total: list.data?.pages[0]?.total,
    error: list.error,
    isLoading: list.isPending,
    isLoadingMore: list.isFetchingNextPage,
    hasMore: list.hasNextPage,
    loadMore: () => void (list.hasNextPage && !list.isFetching && list.fetchNextPage()),
    retry: () => void list.refetch(),
  };
}

function useRenewal(key: readonly unknown[], search: Search, items: readonly JobItem[], isReady: boolean): void {
  const queries = useQueryClient();
  const isBusy = items.some(({ status }) => status === 'running');
  useQuery({
    queryKey: ['renewed', ...key],
    queryFn: async ({ signal }) => {
      const head = await call(routes.jobs.list, { query: { ...listQuery(search, Date.now()), limit: PAGE } }, signal);
      const others = await Promise.all(
        unsure(items, head.items, MOST_SINGLE).map(async (id) => await call(routes.jobs.get, { params: { id } }, signal)),
      );
      const before = queries.getQueryData<Pages>(key);
      if (before === undefined) return null;
      const pages = renewed(before.pages, head, others);
      if (pages === null) await queries.resetQueries({ queryKey: key, exact: true });
      else queries.setQueryData<Pages>(key, { ...before, pages });
      return null;
    },
    enabled: isReady && !isFrozen(),
    refetchInterval: isBusy ? BUSY_MS : CALM_MS,
    staleTime: 1_000,
  });
}
