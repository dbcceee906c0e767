/** The rows of the list: as many as there are, drawn as far as they are in sight. */
import { useEffect, useMemo, useRef, type JSX } from 'react';
import { count } from '../parts/format.ts';
import { useFollow } from '../parts/follow.ts';
import { COLUMNS, NARROW_ROW_PX, NarrowRow, ROW_PX, WideRow, type RowProps } from './list-row.tsx';
import { useIsNarrow } from './narrow.ts';
import type { Jobs } from './use-jobs.ts';
import { useAnchor, useWindowRows } from '../parts/window-rows.ts';

export interface TableProps extends Pick<RowProps, 'onFocus' | 'onSelect' | 'onStar'> {
  jobs: Jobs;
  current: string | undefined;
  selected: readonly string[];
}

export function JobTable({ jobs, current, selected, ...handlers }: TableProps): JSX.Element {
  const isNarrow = useIsNarrow();
  const height = isNarrow ? NARROW_ROW_PX : ROW_PX;
  const { items, total, hasMore, loadMore } = jobs;
  const { ref, drawn, last, top, show } = useWindowRows(items.length, height, isNarrow ? 0 : ROW_PX);
  useAnchor(
    useMemo(() => items.map(({ id }) => id), [items]),
    height,
    top,
  );
  useMoreWhenNear(last, items.length, hasMore, loadMore);
  useInSight(items, current, show);
  const { to, onClick } = useFollow();
  const Row = isNarrow ? NarrowRow : WideRow;
  return (
    <>
      <div role="table" aria-label="Jobs" aria-rowcount={total ?? items.length} data-jobs="" className="box" onClick={onClick}>
        {!isNarrow && <Head />}
        <div ref={ref} role="rowgroup" className="relative" style={{ height: items.length * height - 1 }}>
          {drawn.map((index) => {
            const job = items[index];
            if (job === undefined) return null;
            return (
              <div
                key={job.id}
                role="row"
                aria-rowindex={index + 1}
                className="absolute inset-x-0 hover:z-2"
                style={{ transform: `translateY(${index * height}px)` }}
              >
                <Row job={job} isCurrent={current === job.id} isSelected={selected.includes(job.id)} to={to} {...handlers} />
              </div>
            );
          })}
        </div>
      </div>
      {total !== undefined && items.length < total && (
        <p className="px-3 py-1.5 text-sm text-ink-3" role="status">
          {count(items.length)} of {count(total)} are loaded; more come as you scroll.
        </p>
      )}
    </>
  );
}

function Head(): JSX.Element {
  return (
    <div role="rowgroup" className="sticky top-0 z-3 rounded-t-md border-b border-line bg-panel">
      <div role="row" className={`${COLUMNS} h-[30px] text-sm text-ink-3`}>
        <span role="columnheader">
          <span className="sr-only">Selected</span>
        </span>
        <span role="columnheader">
          <span className="sr-only">Starred</span>
        </span>
        <span role="columnheader">Job</span>
        <span role="columnheader">Agent</span>
        <span role="columnheader" className="hidden lg:block">
          Taskset
        </span>
        <span role="columnheader" className="text-right">
          Reward
        </span>
        <span role="columnheader" className="text-right" title="Graded runs, over which the mean is">
          n
        </span>
        <span role="columnheader" className="text-right" title="Runs without a verdict: they are no part of the mean">
          Out
        </span>
        <span role="columnheader" title="How many rewards lie in each fifth of [0, 1]">
          Spread
        </span>
        <span role="columnheader" className="hidden text-right lg:block">
          Cost
        </span>
        <span role="columnheader" className="text-right">
          Time
        </span>
        <span role="columnheader" className="text-right">
          Begun
        </span>
      </div>
    </div>
  );
}

const NEAR = 40;

function useMoreWhenNear(last: number, loaded: number, hasMore: boolean, loadMore: () => void): void {
  const isNear = hasMore && last > loaded - NEAR;
  // After every drawing: one page may not be enough to fill the window.
  useEffect(() => {
    if (isNear) loadMore();
  });
}

/** The row that keys moved to comes into sight; one that moves because of new data does not. */
function useInSight(items: readonly { id: string }[], current: string | undefined, show: (index: number) => void): void {
  const shown = useRef<string>(undefined);
  useEffect(() => {
    if (current === shown.current) return;
    shown.current = current;
    const index = items.findIndex(({ id }) => id === current);
    if (index !== -1) show(index);
  });
}
