/** Links by the hundred: plain ones, heard once for all of them, because a router's own link costs too much in every row. */
import { useRouter } from '@tanstack/react-router';
import { useCallback, type MouseEvent } from 'react';

export interface Follow {
  /** Members of an `a` that leads to a path of the pages, such as `/trace/0a…`. */
  to: (path: string) => { href: string; 'data-path': string };
  /** For an element around them. */
  onClick: (event: MouseEvent) => void;
}

/** Both members stay the same from one drawing to the next. */
export function useFollow(): Follow {
  const router = useRouter();
  const to = useCallback((path: string) => ({ href: router.history.createHref(path), 'data-path': path }), [router]);
  const onClick = useCallback(
    (event: MouseEvent): void => {
      const path = (event.target as Element).closest<HTMLElement>('a[data-path]')?.dataset.path;
      if (path === undefined || !isPlain(event)) return;
      event.preventDefault();
      void router.navigate({ to: path });
    },
    [router],
  );
  return { to, onClick };
}

/** Neither for a new tab nor for something else that the browser does with a link. */
export function isPlain(event: MouseEvent): boolean {
  return !event.defaultPrevented && event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
}
