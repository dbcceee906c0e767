/** Moving among the cells of the matrix: by keys, with the focus; the address follows. */
import { useCallback, useEffect, useRef, useState, type RefObject } from 'react';
import type { Search } from '../parts/address.ts';
import { moved, placeOf, placeText, type Place } from './matrix-place.ts';

/** The address is written once the movement has paused, in milliseconds. */
const PAUSE_MS = 400;
/** After which a cell that does not come is no longer sought. */
const MOST_FRAMES = 60;

export interface Places {
  current: Place;
  /** Moves there, with the focus if `hasFocus`. */
  go: (place: Place, hasFocus: boolean) => void;
  /** @returns false for a key that moves nothing */
  key: (key: string) => boolean;
}

interface Size {
  rows: number;
  repeats: number;
  page: number;
}

interface Props {
  search: Search;
  set: (patch: Search) => void;
  size: Size;
  matrix: RefObject<HTMLElement | null>;
  /** Brings a row into sight. */
  show: (row: number) => void;
}

export function usePlaces({ search, set, size, matrix, show }: Props): Places {
  const [current, setCurrent] = useState<Place>(() => placeOf(search.cell) ?? { row: 0, repeat: 0 });
  const wanted = useRef<Place | undefined>(placeOf(search.cell));
  const [written, write] = useState<Place>();
  useEffect(() => {
    if (written === undefined) return undefined;
    const timer = setTimeout(() => set({ cell: placeText(written) }), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [written, set]);
  // A row may be drawn only some drawings after it was asked for, and its cells after they have come.
  useEffect(() => {
    let frame = 0;
    const seek = (tries: number): void => {
      const place = wanted.current;
      if (place === undefined || size.rows === 0 || tries === 0) return;
      const cell = matrix.current?.querySelector<HTMLElement>(`[data-at="${place.row}.${place.repeat}"]`);
      cell?.focus({ preventScroll: true }); // without effect while the page is still hidden
      if (cell != null && cell === document.activeElement) {
        wanted.current = undefined;
        return;
      }
      show(Math.min(place.row, size.rows - 1));
      frame = requestAnimationFrame(() => seek(tries - 1));
    };
    seek(MOST_FRAMES);
    return () => cancelAnimationFrame(frame);
  });
  const go = useCallback((place: Place, hasFocus: boolean): void => {
    setCurrent(place);
    write(place);
    if (hasFocus) wanted.current = place;
  }, []);
  const key = (name: string): boolean => {
    const next = moved(current, name, size);
    if (next === undefined) return false;
    go(next, true);
    show(next.row);
    return true;
  };
  return { current, go, key };
}
