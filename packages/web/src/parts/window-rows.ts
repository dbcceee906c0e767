/**
 * Rows of one height in a page that scrolls as a whole: only those in sight are drawn. A library for rows of any height
 * would be a tenth of what a first visit loads.
 */
import { useCallback, useEffect, useLayoutEffect, useRef, useState, type RefObject } from 'react';

/** Drawn beyond the window on either side; new ones are drawn this many at a time. */
const SPARE = 12;
const STEP = 6;

interface WindowRows {
  /** For the element that holds the rows, which has the height of all of them. */
  ref: RefObject<HTMLDivElement | null>;
  /** Indexes of the rows to draw. */
  drawn: readonly number[];
  /** Of the first and the last in sight. */
  first: number;
  last: number;
  /** Of the rows' place in the page, in pixels. */
  top: number;
  /** Brings a row into sight, if it is not. */
  show: (index: number) => void;
}

/** @param under height of what sticks to the top of the window, in pixels */
export function useWindowRows(count: number, heightPx: number, under = 0): WindowRows {
  const ref = useRef<HTMLDivElement>(null);
  const [{ top, first, last }, set] = useState({ top: 0, first: 0, last: 0 });
  const measure = useCallback((): void => {
    if (ref.current === null) return;
    const offset = ref.current.getBoundingClientRect().top;
    const from = Math.max(0, Math.floor(-offset / heightPx / STEP) * STEP);
    const to = Math.max(0, Math.ceil((window.innerHeight - offset) / heightPx / STEP) * STEP);
    const place = Math.round(offset + window.scrollY);
    set((before) => (before.first === from && before.last === to && before.top === place ? before : { top: place, first: from, last: to }));
  }, [heightPx]);
  useLayoutEffect(measure, [measure, count]);
  useEffect(() => {
    // Whatever grows above the rows makes the whole page grow.
    const observer = new ResizeObserver(measure);
    observer.observe(document.body);
    window.addEventListener('scroll', measure, { passive: true });
    window.addEventListener('resize', measure);
    return () => {
      observer.disconnect();
      window.removeEventListener('scroll', measure);
      window.removeEventListener('resize', measure);
    };
  }, [measure]);
  const show = useCallback(
    (index: number): void => {
      if (ref.current === null) return;
      const row = ref.current.getBoundingClientRect().top + index * heightPx;
      const above = row - under - MARGIN_PX;
      const below = row + heightPx + MARGIN_PX - window.innerHeight;
      if (above < 0) window.scrollBy(0, above);
      else if (below > 0) window.scrollBy(0, below);
    },
    [heightPx, under],
  );
  const begin = Math.max(0, first - SPARE);
  const end = Math.min(count, last + SPARE);
  return {
    ref,
    drawn: Array.from({ length: Math.max(0, end - begin) }, (_, i) => begin + i),
    first: Math.min(first, Math.max(0, count - 1)),
    last: Math.max(0, Math.min(last, count - 1)),
    top,
    show,
  };
}

/** Between a row that was brought into sight and the edge, in pixels. */
const MARGIN_PX = 8;

/** What is read stays where it is when rows come in above it. @param ids of all rows, in their order */
export function useAnchor(ids: readonly string[], heightPx: number, top: number): void {
  const first = useRef<{ id: string | undefined; index: number }>({ id: undefined, index: 0 });
  useLayoutEffect(() => {
    const { id, index } = first.current;
    if (id === undefined || window.scrollY <= top || ids[index] === id) return;
    const now = ids.indexOf(id);
    if (now !== -1) window.scrollBy(0, (now - index) * heightPx);
  }, [ids, heightPx, top]);
  useLayoutEffect(() => {
    const index = Math.max(0, Math.floor((window.scrollY - top) / heightPx));
    first.current = { id: ids[index], index };
  });
}
