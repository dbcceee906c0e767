/** The tasks with their columns. As many as there are: only those in sight are asked for and drawn. */
import { useQueries } from '@tanstack/react-query';
import { useMemo, useState, type JSX } from 'react';
import type { api } from 'hud/protocol';
import { call, routes } from '../api.ts';
import { useAddress, type Search } from '../parts/address.ts';
import { useWindowRows } from '../parts/window-rows.ts';
import { SearchField } from '../parts/fields.tsx';
import { plural } from '../parts/format.ts';
import { useShortcuts } from '../parts/keys.ts';
import { Empty, Failure, Skeleton } from '../parts/states.tsx';
import { visibleLine } from '../parts/untrusted.ts';
import { useCall } from '../parts/use-call.ts';
import { columnName, Facets, whereOf } from './taskset-facets.tsx';
import { TaskDialog } from './taskset-task.tsx';

type Row = api.tasksetViews.TasksetRow;
type Query = NonNullable<api.Input<typeof api.tasksetViews.rows>['query']>;

const SIZE = 200;
/** A finger needs more room. */
const ROW_PX = matchMedia('(pointer: coarse)').matches ? 40 : 32;
/** Further columns are in the task's own box. */
const MOST_COLUMNS = 4;

export function RowsView({ taskset: { id, version: newest } }: { taskset: api.tasksets.TasksetSummary }): JSX.Element {
  const [search, set] = useAddress();
  const query = queryOf(search);
  const { data, error, refetch } = useCall(
    routes.tasksetViews.rows,
    { params: { id }, query: { ...query, limit: SIZE } },
    { keepsLast: true },
  );
  if (data === undefined) return error === null ? <Skeleton lines={12} /> : <Failure error={error} retry={() => void refetch()} />;
  const isNarrowed = query.search !== undefined || (query.where?.length ?? 0) > 0;
  if (data.total === 0 && !isNarrowed) return <Empty command={`hud sync tasks --id ${id}`}>This version has no tasks.</Empty>;
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-6 lg:grid-cols-[220px_minmax(0,1fr)]">
      <Facets facets={data.facets} search={search} set={set} />
      <div className="grid grid-cols-[minmax(0,1fr)] gap-3">
        <div className="flex flex-wrap items-center gap-3">
          <SearchField label="Part of a task’s name" value={search.q ?? ''} onChange={(q) => set({ q })} />
          <span className="text-sm text-ink-3" role="status">
            {plural(data.total, 'task')}
            {isNarrowed && ' like that'}
          </span>
          {query.version !== undefined && query.version !== newest && (
            <button type="button" className="text-sm text-accent hover:underline" onClick={() => set({ version: undefined })}>
              As it was in version {String(query.version)}: show it as it is now
            </button>
          )}
        </div>
        {data.total === 0 ? (
          <Empty>No task is like that. Take a filter away to see more.</Empty>
        ) : (
          <Rows
            key={JSON.stringify(query)}
            tasksetId={id}
            query={query}
            total={data.total}
            columns={columnsOf(data.facets, data.items)}
            open={(task) => set({ task })}
          />
        )}
      </div>
      {search.task !== undefined && (
        <TaskDialog tasksetId={id} slug={search.task} version={search.version} onClose={() => set({ task: undefined })} />
      )}
    </div>
  );
}

function queryOf(search: Search): Query {
  const version = Number(search.version);
  return { search: search.q, where: whereOf(search), ...(Number.isSafeInteger(version) && version > 0 ? { version } : {}) };
}

/** Those that most tasks have. The environment and the template only where they tell tasks apart. */
function columnsOf(facets: api.Reply<typeof api.tasksetViews.rows>['facets'], items: readonly Row[]): string[] {
  const own = facets.map(({ column }) => column).filter((column) => !['env', 'task'].includes(column));
  const telling = facets.filter(({ column, values }) => ['env', 'task'].includes(column) && values.length > 1).map(({ column }) => column);
  const columns = [...telling, ...own].slice(0, MOST_COLUMNS);
  return items.some(({ args = {} }) => Object.keys(args).length > 0) ? [...columns, ARGS] : columns;
}

/** No column of a task begins so. */
const ARGS = '\u0000args';

interface RowsProps {
  tasksetId: string;
  query: Query;
  total: number;
  columns: readonly string[];
  open: (slug: string) => void;
}

function Rows({ tasksetId, query, total, columns, open }: RowsProps): JSX.Element {
  const { ref, drawn, first, last, show } = useWindowRows(total, ROW_PX, ROW_PX);
  const [current, setCurrent] = useState<number>();
  const items = useRows(tasksetId, query, [first, last]);
  const go = (step: number): void => {
    const next = Math.min(total - 1, Math.max(0, (current ?? -1) + step));
    setCurrent(next);
    show(next);
  };
  const openCurrent = (): void => {
    const row = current === undefined ? undefined : items(current);
    if (row !== undefined) open(row.slug);
  };
  useShortcuts([
    { key: 'j', label: 'Next task', run: () => go(1) },
    { key: 'k', label: 'Previous task', run: () => go(-1) },
    { key: 'Enter', label: 'Open the task', run: openCurrent },
  ]);
  const grid = {
    gridTemplateColumns: `minmax(140px, 1.4fr) ${columns.map((column) => (column === ARGS ? 'minmax(0, 2fr)' : 'minmax(0, 1fr)')).join(' ')}`,
  };
  return (
    <div role="table" aria-label="Tasks" aria-rowcount={total} className="box">
      <div role="rowgroup" className="sticky top-0 z-3 rounded-t-md border-b border-line bg-panel">
        <div
          role="row"
          className="grid h-[30px] items-center gap-3 px-3 text-sm text-ink-3 max-sm:!grid-cols-[minmax(0,1fr)_minmax(0,1fr)]"
          style={grid}
        >
          <span role="columnheader">Task</span>
          {columns.map((column, i) => (
            <span key={column} role="columnheader" className={`truncate ${i > 0 ? 'max-sm:hidden' : ''}`}>
              {column === ARGS ? 'Arguments' : columnName(column)}
            </span>
          ))}
        </div>
      </div>
      <div ref={ref} role="rowgroup" className="relative" style={{ height: total * ROW_PX }}>
        {drawn.map((index) => {
          const row = items(index);
          return (
            <div
              key={index}
              role="row"
              aria-rowindex={index + 1}
              className={`absolute inset-x-0 grid items-center gap-3 border-b border-line px-3 hover:bg-sunk max-sm:!grid-cols-[minmax(0,1fr)_minmax(0,1fr)] ${index === current ? 'bg-accent-soft' : ''}`}
              style={{ ...grid, height: ROW_PX, transform: `translateY(${index * ROW_PX}px)` }}
            >
              {row === undefined ? (
                <span role="cell" className="h-3 w-2/3 rounded-sm bg-sunk" aria-label="Loading" />
              ) : (
                <Cells row={row} columns={columns} open={open} />
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}

function Cells({ row, columns, open }: { row: Row; columns: readonly string[]; open: (slug: string) => void }): JSX.Element {
  return (
    <>
      <span role="cell" className="flex min-w-0 items-center gap-2">
        <button
          type="button"
          className="truncate text-left font-[550] hover:text-accent pointer-coarse:h-10"
          onClick={() => open(row.slug)}
        >
          {visibleLine(row.slug, 120)}
        </button>
        {row.hasVerifier && (
          <span className="shrink-0 text-xs text-ink-3" title="A task of its own grades it">
            verifier
          </span>
        )}
      </span>
      {columns.map((column, i) => (
        <span
          key={column}
          role="cell"
          className={`truncate ${column === ARGS ? 'font-mono text-sm text-ink-3' : 'text-ink-2'} ${i > 0 ? 'max-sm:hidden' : ''}`}
        >
          {visibleLine(textOf(row, column), 160)}
        </span>
      ))}
    </>
  );
}

function textOf({ env, taskId, args = {}, columns = {} }: Row, column: string): string {
  if (column === 'env') return env;
  if (column === 'task') return taskId;
  if (column === ARGS)
    return Object.entries(args)
      .map(([name, value]) => `${name} ${plain(value)}`)
      .join(' · ');
  return columns[column] === undefined || columns[column] === null ? '–' : plain(columns[column]);
}

function plain(value: unknown): string {
  if (typeof value === 'string') return value;
  return Array.isArray(value) && value.every((one) => typeof one === 'string') ? value.join(', ') : JSON.stringify(value);
}

/** Those in sight, by their place; undefined until they are there. */
function useRows(tasksetId: string, query: Query, [first, last]: readonly [number, number]): (index: number) => Row | undefined {
  const from = Math.floor(first / SIZE);
  const pages = Array.from({ length: Math.floor(last / SIZE) - from + 1 }, (_, i) => from + i);
  const found = useQueries({
    queries: pages.map((page) => {
      const input = { params: { id: tasksetId }, query: { ...query, limit: SIZE, ...(page === 0 ? {} : { offset: page * SIZE }) } };
      return {
        queryKey: [routes.tasksetViews.rows.path, input],
        queryFn: async ({ signal }: { signal: AbortSignal }) => await call(routes.tasksetViews.rows, input, signal),
        staleTime: 60_000,
      };
    }),
  });
  const byPage = useMemo(() => new Map(pages.map((page, i) => [page, found[i]?.data?.items])), [pages, found]);
  return (index) => byPage.get(Math.floor(index / SIZE))?.[index % SIZE];
}
