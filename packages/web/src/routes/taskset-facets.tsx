/** What values the columns have: each narrows the rows, and stands in the address. */
import type { api } from 'hud/protocol';
import { useState, type JSX } from 'react';
import type { Search } from '../parts/address.ts';
import { Button } from '../parts/buttons.tsx';
import { count, plural } from '../parts/format.ts';
import { visibleLine } from '../parts/untrusted.ts';

type Facet = api.Reply<typeof api.tasksetViews.rows>['facets'][number];

/** In the address, before a column's name. */
const PREFIX = 'is.';
/** More are shown on demand. */
const FEW = 6;

/** As the platform is asked. */
export function whereOf(search: Search): string[] {
  return Object.entries(search).flatMap(([key, value]) =>
    key.startsWith(PREFIX) && value !== undefined ? [`${key.slice(PREFIX.length)}=${value}`] : [],
  );
}

interface Props {
  facets: readonly Facet[];
  search: Search;
  set: (patch: Search) => void;
}

export function Facets({ facets, search, set }: Props): JSX.Element | null {
  const [isOpen, setOpen] = useState(false);
  const chosen = Object.keys(search).filter((key) => key.startsWith(PREFIX));
  const telling = facets.filter(({ column, values }) => values.length > 1 || search[PREFIX + column] !== undefined);
  if (telling.length === 0) return <p className="text-sm text-ink-3 max-lg:hidden">No column tells these tasks apart.</p>;
  return (
    <aside
      aria-label="Columns"
      className="grid grid-cols-[minmax(0,1fr)] gap-4 sm:max-lg:grid-cols-3 lg:sticky lg:top-4 lg:max-h-[calc(100dvh-32px)] lg:overflow-y-auto"
    >
      <div className={`col-span-full flex flex-wrap gap-2 ${chosen.length === 0 ? 'lg:hidden' : ''}`}>
        <Button className="lg:hidden" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {chosen.length === 0 ? 'Filter' : `Filter, ${count(chosen.length)} chosen`}
        </Button>
        {chosen.length > 0 && (
          <Button kind="quiet" onClick={() => set(Object.fromEntries(chosen.map((key) => [key, undefined])))}>
            Clear {plural(chosen.length, 'filter')}
          </Button>
        )}
      </div>
      <div className={`contents ${isOpen ? '' : 'max-lg:hidden'}`}>
        {telling.map((facet) => (
          <FacetBox
            key={facet.column}
            facet={facet}
            chosen={search[PREFIX + facet.column]}
            choose={(value) => set({ [PREFIX + facet.column]: value })}
          />
        ))}
      </div>
    </aside>
  );
}

interface BoxProps {
  facet: Facet;
  chosen: string | undefined;
  choose: (value: string | undefined) => void;
}

function FacetBox({ facet: { column, values, isTruncated }, chosen, choose }: BoxProps): JSX.Element {
  const [isWhole, setWhole] = useState(false);
  const most = values[0]?.count ?? 1;
  const few = values.slice(0, FEW);
  const picked = values.find(({ value }) => value === chosen);
  const shown = isWhole ? values : picked === undefined || few.includes(picked) ? few : [...few, picked];
  return (
    <fieldset className="grid min-w-0 grid-cols-[minmax(0,1fr)] content-start">
      <legend className="mb-1 text-sm text-ink-3">{columnName(column)}</legend>
      {shown.map(({ value, count: n }) => (
        <button
          key={value}
          type="button"
          aria-pressed={value === chosen}
          className={`relative flex items-baseline justify-between gap-3 rounded-sm px-1.5 py-0.5 text-left pointer-coarse:py-2.5 ${value === chosen ? 'bg-accent-soft text-ink' : 'text-ink-2 hover:bg-sunk hover:text-ink'}`}
          onClick={() => choose(value === chosen ? undefined : value)}
        >
          {value !== chosen && (
            <span className="absolute inset-y-px left-0 rounded-sm bg-sunk" style={{ width: `${(n / most) * 100}%` }} aria-hidden="true" />
          )}
          <span className="relative truncate">{value === '' ? 'empty' : visibleLine(value, 80)}</span>
          <span className="relative text-sm tabular-nums text-ink-3">{count(n)}</span>
        </button>
      ))}
      {values.length > FEW && (
        <button
          type="button"
          className="justify-self-start px-1.5 py-0.5 text-sm text-accent hover:underline pointer-coarse:py-2.5"
          onClick={() => setWhole(!isWhole)}
        >
          {isWhole ? 'Show fewer' : `Show ${isTruncated ? 'the commonest' : 'all'} ${values.length}`}
        </button>
      )}
    </fieldset>
  );
}

/** As people read it. */
export function columnName(column: string): string {
  return NAMES[column] ?? visibleLine(column, 60);
}

const NAMES: Readonly<Record<string, string>> = { env: 'Environment', task: 'Template' };
