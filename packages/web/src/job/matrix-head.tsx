/** Above the matrix: what it is ordered by, and which tasks it shows. */
import { type JSX, type ReactNode, type RefObject } from 'react';
import type { api } from 'hud/protocol';
import { Button, Kbd } from '../parts/buttons.tsx';
import { visibleLine } from '../parts/untrusted.ts';
import type { Search } from '../parts/address.ts';
import { FIELD } from './field.ts';
import { useTyped } from '../parts/use-typed.ts';
import { MATRIX_COLUMNS } from './matrix-row.tsx';

type Sort = NonNullable<NonNullable<api.Input<typeof api.report.matrix>['query']>['sort']>;

/** Words, and the order that shows first what is looked for. */
const MATRIX_ORDERS: Readonly<Record<Sort, readonly [text: string, order: 'asc' | 'desc']>> = {
  position: ['as in the taskset', 'asc'],
  name: ['by name', 'asc'],
  reward: ['by reward', 'asc'],
  spread: ['by spread', 'desc'],
  faults: ['by faults', 'desc'],
  cost: ['by cost', 'desc'],
  time: ['by time', 'desc'],
  steps: ['by steps', 'desc'],
};

export interface Order {
  sort: Sort;
  order: 'asc' | 'desc';
}

export function orderOf(search: Search): Order {
  const sort = Object.hasOwn(MATRIX_ORDERS, search.sort ?? '') ? (search.sort as Sort) : 'position';
  const order = search.order === 'asc' || search.order === 'desc' ? search.order : MATRIX_ORDERS[sort][1];
  return { sort, order };
}

/** The same column again turns it round. */
function orderPatch(now: Order, sort: Sort): Search {
  const usual = MATRIX_ORDERS[sort][1];
  const order = now.sort === sort ? (now.order === 'asc' ? 'desc' : 'asc') : usual;
  return { sort: sort === 'position' ? undefined : sort, order: order === usual ? undefined : order, cell: undefined };
}

interface Props {
  search: Search;
  set: (patch: Search) => void;
}

export function MatrixControls({
  search,
  set,
  field,
  children,
}: Props & { field: RefObject<HTMLInputElement | null>; children?: ReactNode }): JSX.Element {
  const order = orderOf(search);
  return (
    <div className="flex flex-wrap items-center gap-2">
      <TaskSearch search={search} set={set} field={field} />
      {search.column !== undefined && search.value !== undefined && (
        <Button
          className="border-accent bg-accent-soft"
          aria-label="Show all tasks again"
          onClick={() => set({ column: undefined, value: undefined, cell: undefined })}
        >
          {visibleLine(search.column, 30)}: {visibleLine(search.value, 40)} ×
        </Button>
      )}
      {children}
      <span className="ml-auto flex items-center gap-1">
        <select
          aria-label="Order of tasks"
          className={`${FIELD} text-ink-2`}
          value={order.sort}
          onChange={(event) => set(orderPatch({ sort: 'position', order: 'asc' }, event.target.value as Sort))}
        >
          {Object.entries(MATRIX_ORDERS).map(([sort, [text]]) => (
            <option key={sort} value={sort}>
              {text}
            </option>
          ))}
        </select>
        <Button
          aria-label={order.order === 'asc' ? 'Ascending; turn round' : 'Descending; turn round'}
          title={order.order === 'asc' ? 'ascending' : 'descending'}
          onClick={() => set({ order: order.order === 'asc' ? 'desc' : 'asc', cell: undefined })}
        >
          <span aria-hidden="true">{order.order === 'asc' ? '↑' : '↓'}</span>
        </Button>
      </span>
    </div>
  );
}

function TaskSearch({ search, set, field }: Props & { field: RefObject<HTMLInputElement | null> }): JSX.Element {
  const [text, setText] = useTyped(search.q ?? '', (q) => set({ q, cell: undefined }));
  return (
    <span className="relative">
      <input
        ref={field}
        type="search"
        aria-label="Part of a task’s name"
        placeholder="Find a task"
        className={`${FIELD} w-48 pr-8`}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => event.key === 'Escape' && event.currentTarget.blur()}
      />
      {text === '' && (
        <span className="pointer-events-none absolute top-1/2 right-2 -translate-y-1/2 max-md:hidden">
          <Kbd>/</Kbd>
        </span>
      )}
    </span>
  );
}

interface HeadProps extends Props {
  repeats: number;
}

export function MatrixHead({ search, set, repeats }: HeadProps): JSX.Element {
  const now = orderOf(search);
  const column = (sort: Sort, text: string, className = ''): JSX.Element => (
    <span
      role="columnheader"
      aria-sort={now.sort === sort ? (now.order === 'asc' ? 'ascending' : 'descending') : 'none'}
      className={className}
    >
      <button type="button" className="hover:text-ink" onClick={() => set(orderPatch(now, sort))}>
        {text}
        {now.sort === sort && <span aria-hidden="true">{now.order === 'asc' ? ' ↑' : ' ↓'}</span>}
      </button>
    </span>
  );
  return (
    <div role="rowgroup" className="sticky top-0 z-2 rounded-t-md border-b border-line bg-panel">
      <div role="row" className={`${MATRIX_COLUMNS} h-8 text-sm text-ink-3`}>
        {column('name', 'Task')}
        <span role="columnheader" className="whitespace-nowrap">
          {repeats < 2 ? 'Run' : `Repeats 1–${repeats}`}
        </span>
        {column('reward', 'Reward', 'text-right')}
        {column('steps', 'Steps', 'hidden text-right md:block')}
        {column('time', 'Time', 'hidden text-right md:block')}
        {column('cost', 'Cost', 'hidden text-right md:block')}
      </div>
    </div>
  );
}
