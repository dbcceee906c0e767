/** What a page shows lives in its address. */
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useCallback } from 'react';

export type Search = Readonly<Record<string, string | undefined>>;

/** The members of the address behind `?`, and what changes some of them; undefined takes one away. Changes keep the place on the page. */
export function useAddress(): [Search, (patch: Search) => void] {
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const set = useCallback(
    (patch: Search): void => {
      const next = (before: Search): Search =>
        Object.fromEntries(Object.entries({ ...before, ...patch }).filter(([, value]) => value !== undefined && value !== ''));
      void navigate({ to: '.', search: next as never, replace: true, resetScroll: false });
    },
    [navigate],
  );
  return [search, set];
}
