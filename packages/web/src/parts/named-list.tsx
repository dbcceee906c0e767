/** The frame of a list that is searched by name, a page at a time: its address says which part of it is shown. */
import type { ComponentType, JSX } from 'react';
import { useAddress } from './address.ts';
import { SearchField } from './fields.tsx';
import { Failure, Skeleton } from './states.tsx';
import { offsetOf, Pager } from './views.tsx';

/** Rows of one page. */
const SIZE = 100;

export interface ListPart {
  query: { search: string | undefined; limit: number; offset: number };
}

/** What the address asks the list for. */
export function useListPart(): ListPart {
  const [{ q, offset }] = useAddress();
  return { query: { search: q, limit: SIZE, offset: offsetOf(offset) } };
}

interface Props<T> {
  /** What `useCall` gave. */
  list: {
    data: { items: readonly T[]; total: number } | undefined;
    error: Error | null;
    isPlaceholderData: boolean;
    refetch: () => Promise<unknown>;
  };
  rows: ComponentType<{ items: readonly T[] }>;
  /** In place of rows where there are none. */
  nothing: ComponentType<{ isNarrowed: boolean }>;
}

export function NamedList<T>({ list: { data, error, isPlaceholderData, refetch }, rows: Rows, nothing: Nothing }: Props<T>): JSX.Element {
  const [search, set] = useAddress();
  return (
    <>
      {(search.q !== undefined || isPlaceholderData || data?.total !== 0) && (
        <div className="flex flex-wrap items-center justify-between gap-3">
          <SearchField label="Part of a name" value={search.q ?? ''} onChange={(q) => set({ q, offset: undefined })} />
          {data !== undefined && (
            <Pager
              offset={offsetOf(search.offset)}
              size={SIZE}
              total={data.total}
              onChange={(to) => set({ offset: to === 0 ? undefined : String(to) })}
            />
          )}
        </div>
      )}
      {data === undefined && (error === null ? <Skeleton /> : <Failure error={error} retry={() => void refetch()} />)}
      {data !== undefined && (data.items.length > 0 ? <Rows items={data.items} /> : <Nothing isNarrowed={search.q !== undefined} />)}
    </>
  );
}
