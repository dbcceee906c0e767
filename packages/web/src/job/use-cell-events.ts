/** Pointer and focus over the cells of the matrix, heard once for all of them. */
import { useRouter } from '@tanstack/react-router';
import { useCallback, useState, type FocusEvent, type MouseEvent, type PointerEvent, type SyntheticEvent } from 'react';
import { isPlain } from '../parts/follow.ts';
import type { Place } from './matrix-place.ts';
import type { Rows } from './use-job.ts';

export interface Shown {
  place: Place;
  /** Of the cell, on the page. */
  beside: DOMRect;
  /** By a finger: it stays until it is closed. */
  isTouched: boolean;
}

export interface CellEvents {
  shown: Shown | undefined;
  /** For the element that holds the cells. */
  on: {
    onPointerOver: (event: PointerEvent) => void;
    onPointerLeave: () => void;
    onFocus: (event: FocusEvent) => void;
    onBlur: () => void;
    onClick: (event: MouseEvent) => void;
  };
  close: () => void;
  step: (by: number) => void;
  open: (traceId: string) => void;
  hrefOf: (traceId: string) => string;
}

export function useCellEvents(rows: Rows, go: (place: Place, hasFocus: boolean) => void): CellEvents {
  const [shown, show] = useState<Shown>();
  const router = useRouter();
  const hrefOf = useCallback((traceId: string): string => router.history.createHref(`/trace/${traceId}`), [router]);
  const open = (traceId: string): void => void router.navigate({ to: '/trace/$id', params: { id: traceId } });
  const traceAt = ({ row, repeat }: Place): string | undefined => rows.row(row)?.cells.find((cell) => cell.repeat === repeat)?.traceId;
  const lookAt = (event: SyntheticEvent, isTouched = false): void => {
    const at = placeAt(event.target);
    if (at !== undefined) show({ ...at, isTouched });
    else if (!isTouched) show((before) => (before?.isTouched === true ? before : undefined));
  };
  const onClick = (event: MouseEvent): void => {
    const at = placeAt(event.target);
    if (at === undefined || !isPlain(event)) return;
    event.preventDefault();
    go(at.place, false);
    // A finger covers what it points at, and misses: it chooses first, and opens with the button that appears.
    if ((event.nativeEvent as globalThis.PointerEvent).pointerType === 'touch') return show({ ...at, isTouched: true });
    const traceId = traceAt(at.place);
    if (traceId !== undefined) open(traceId);
  };
  return {
    shown,
    on: {
      onPointerOver: (event) => event.pointerType !== 'touch' && lookAt(event),
      onPointerLeave: () => show((before) => (before?.isTouched === true ? before : undefined)),
      onFocus: (event) => event.target.matches(':focus-visible') && lookAt(event),
      onBlur: () => show((before) => (before?.isTouched === true ? before : undefined)),
      onClick,
    },
    close: () => show(undefined),
    step: (by) => {
      if (shown === undefined) return;
      const place = { ...shown.place, repeat: (shown.place.repeat + by + rows.repeats) % Math.max(1, rows.repeats) };
      go(place, false);
      show({ ...shown, place });
    },
    open,
    hrefOf,
  };
}

function placeAt(target: EventTarget): { place: Place; beside: DOMRect } | undefined {
  const cell = target instanceof Element ? target.closest<HTMLElement>('[data-at]') : null;
  const [row, repeat] = (cell?.dataset.at ?? '').split('.').map(Number);
  if (cell === null || row === undefined || repeat === undefined) return undefined;
  return { place: { row, repeat }, beside: cell.getBoundingClientRect() };
}
