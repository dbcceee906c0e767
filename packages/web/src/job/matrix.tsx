/** Tasks × repeats: the shape of a job at a glance. */
import { useRef, useState, type CSSProperties, type JSX, type KeyboardEvent } from 'react';
import { Button } from '../parts/buttons.tsx';
import { plural } from '../parts/format.ts';
import { useShortcuts } from '../parts/keys.ts';
import { Empty, Failure } from '../parts/states.tsx';
import type { Search } from '../parts/address.ts';
import { CellCard, CellSheet } from './matrix-card.tsx';
import { MatrixControls, MatrixHead, orderOf } from './matrix-head.tsx';
import { cellSize, type CellSize } from './matrix-place.ts';
import { MATRIX_ROW_PX, MatrixRowView, NARROW_MATRIX_ROW_PX } from './matrix-row.tsx';
import { useIsNarrow } from './narrow.ts';
import { useMatrix, type MatrixQuery, type Rows } from './use-job.ts';
import { useCellEvents, type CellEvents } from './use-cell-events.ts';
import { usePlaces } from './use-places.ts';
import { useWidth } from './use-width.ts';
import { useWindowRows } from '../parts/window-rows.ts';

/** What stands below the matrix on a phone must stay within reach. */
const FEW = 30;

interface Props {
  jobId: string;
  search: Search;
  set: (patch: Search) => void;
}

export function Matrix(props: Props): JSX.Element {
  const field = useRef<HTMLInputElement>(null);
  const { search, set, jobId } = props;
  const query = queryOf(search);
  useShortcuts([{ key: '/', label: 'Find a task', run: () => field.current?.select() }]);
  return (
    <section aria-label="Tasks and their runs" className="grid min-w-0 content-start gap-2">
      <MatrixControls search={search} set={set} field={field} />
      <MatrixTable key={JSON.stringify([jobId, query])} {...props} query={query} />
    </section>
  );
}

function queryOf(search: Search): MatrixQuery {
  const { q, column, value } = search;
  return { ...orderOf(search), ...(q ? { search: q } : {}), ...(column !== undefined && value !== undefined ? { column, value } : {}) };
}

function MatrixTable({ jobId, search, set, query }: Props & { query: MatrixQuery }): JSX.Element {
  const isNarrow = useIsNarrow();
  const [isWhole, showWhole] = useState(false);
  const [size, setSize] = useState(0);
  const outer = useRef<HTMLDivElement>(null);
  const height = isNarrow ? NARROW_MATRIX_ROW_PX : MATRIX_ROW_PX;
  const count = isNarrow && !isWhole ? Math.min(size, FEW) : size;
  const { ref, drawn, first, last, show } = useWindowRows(count, height, MATRIX_ROW_PX);
  const rows = useMatrix(jobId, query, [first, last]);
  if (rows.total !== size) setSize(rows.total);
  const { cells, minWidth, part } = fit(rows.repeats, useWidth(outer), isNarrow);
  const page = Math.max(1, last - first - 1);
  const places = usePlaces({
    search,
    set,
    size: { rows: count, repeats: rows.repeats, page },
    matrix: ref,
    show,
  });
  const events = useCellEvents(rows, places.go);
  const onKey = (event: KeyboardEvent): void => {
    const hasModifier = event.ctrlKey || event.metaKey || event.altKey || event.shiftKey;
    if (!hasModifier && places.key(event.key)) event.preventDefault();
  };
  useShortcuts([
    { key: 'j', label: 'Next task', run: () => void places.key('ArrowDown') },
    { key: 'k', label: 'Previous task', run: () => void places.key('ArrowUp') },
  ]);
  if (rows.error !== null) return <Failure error={rows.error} />;
  if (rows.total === 0 && !rows.isLoading) return <NoTask isNarrowed={query.search !== undefined || query.column !== undefined} />;
  return (
    <>
      <div
        ref={outer}
        role="table"
        aria-label="Tasks × repeats"
        aria-rowcount={rows.total}
        className={`box ${minWidth === undefined ? '' : 'overflow-x-auto'}`}
        {...events.on}
      >
        <div style={{ minWidth, '--task': `${part * 100}%` } as CSSProperties}>
          <MatrixHead search={search} set={set} repeats={rows.repeats} />
          <div
            ref={ref}
            role="rowgroup"
            className="relative"
            style={{ height: count === 0 ? 8 * height : count * height - 1 }}
            onKeyDown={onKey}
          >
            {drawn.map((index) => (
              <div
                key={index}
                role="row"
                aria-rowindex={index + 1}
                className="absolute inset-x-0"
                style={{ height, transform: `translateY(${index * height}px)` }}
              >
                <MatrixRowView
                  row={rows.row(index)}
                  at={index}
                  repeats={rows.repeats}
                  cell={cells.cell}
                  gap={cells.gap}
                  reachable={places.current.row === index ? places.current.repeat : undefined}
                  hrefOf={events.hrefOf}
                />
              </div>
            ))}
          </div>
        </div>
      </div>
      {count < rows.total && (
        <Button className="justify-self-start" onClick={() => showWhole(true)}>
          Show all {plural(rows.total, 'task')}
        </Button>
      )}
      <CellAbout rows={rows} events={events} />
    </>
  );
}

/** What the columns beside the cells take, as `MATRIX_COLUMNS` has it: fixed pixels, and at least so much for the task. */
const BESIDE = { wide: { px: 62 + 48 + 66 + 60 + 5 * 12, least: 120 }, narrow: { px: 58 + 2 * 12, least: 96 } } as const;
const PADDING_PX = 24;
const MANY = 16;

interface Fit {
  cells: CellSize;
  /** Of the task's column, out of 1. */
  part: number;
  /** What the table needs, when it is more than there is. */
  minWidth: number | undefined;
}

function fit(repeats: number, outerPx: number, isNarrow: boolean): Fit {
  const { px, least } = isNarrow ? BESIDE.narrow : BESIDE.wide;
  const part = repeats > MANY ? 0.2 : 0.3;
  const inner = outerPx - PADDING_PX;
  const room = inner - Math.max(least, inner * part) - px;
  const cells = cellSize(repeats, room);
  if (outerPx === 0 || cells.width <= room) return { cells, part, minWidth: undefined };
  return { cells, part, minWidth: Math.ceil(Math.max((cells.width + px) / (1 - part), cells.width + px + least)) + PADDING_PX };
}

function CellAbout({ rows, events: { shown, hrefOf, open, close, step } }: { rows: Rows; events: CellEvents }): JSX.Element | null {
  const row = shown === undefined ? undefined : rows.row(shown.place.row);
  if (shown === undefined || row === undefined) return null;
  const cell = row.cells.find(({ repeat }) => repeat === shown.place.repeat);
  const about = { slug: row.slug, repeat: shown.place.repeat, cell };
  if (!shown.isTouched) return <CellCard {...about} beside={shown.beside} />;
  return <CellSheet {...about} href={cell && hrefOf(cell.traceId)} open={() => cell && open(cell.traceId)} close={close} step={step} />;
}

function NoTask({ isNarrowed }: { isNarrowed: boolean }): JSX.Element {
  return <Empty>{isNarrowed ? 'No task is like that.' : 'No task of this job is known yet; they show up with their first runs.'}</Empty>;
}
