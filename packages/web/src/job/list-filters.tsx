/** What narrows the list of jobs: words in the address, one control for each. */
import { useQuery } from '@tanstack/react-query';
import { useId, useState, type JSX, type RefObject } from 'react';
import { call, isFrozen, routes } from '../api.ts';
import { Button, Kbd } from '../parts/buttons.tsx';
import { visibleLine } from '../parts/untrusted.ts';
import { FIELD } from './field.ts';
import type { JobItem } from './list-pages.ts';
import { FILTERS, isNarrowed, SORTS, SPANS, STATUS } from './list-query.ts';
import type { Search } from '../parts/address.ts';
import { useTyped } from '../parts/use-typed.ts';

interface Props {
  search: Search;
  set: (patch: Search) => void;
  /** What is on the page, for suggestions. */
  items: readonly JobItem[];
  field: RefObject<HTMLInputElement | null>;
}

const MORE = ['taskset', 'agent', 'tag'] as const;

export function JobFilters({ search, set, items, field }: Props): JSX.Element {
  const isUsed = MORE.some((name) => search[name] !== undefined);
  const [isOpen, setOpen] = useState(isUsed);
  return (
    <div className="grid gap-2" role="search" aria-label="Jobs">
      <div className="flex flex-wrap items-center gap-2">
        <SearchField value={search.q ?? ''} field={field} onChange={(q) => set({ q })} />
        <Choice
          label="Status"
          value={search.status}
          options={STATUS.map((one) => [one, one])}
          any="any status"
          onChange={(status) => set({ status })}
        />
        <Choice
          label="Begun"
          value={search.since}
          options={SPANS.map(([word, text]) => [word, text])}
          any="any time"
          onChange={(since) => set({ since })}
        />
        {!isFrozen() && (
          <Button
            aria-pressed={search.starred !== undefined}
            className={pressed(search.starred !== undefined)}
            onClick={() => set({ starred: search.starred === undefined ? 'yes' : undefined })}
          >
            ★ Starred
          </Button>
        )}
        <Button kind="quiet" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          More filters
        </Button>
        {isNarrowed(search) && (
          <Button kind="quiet" onClick={() => set(Object.fromEntries(FILTERS.map((name) => [name, undefined])))}>
            Clear
          </Button>
        )}
        <span className="ml-auto max-md:ml-0">
          <Choice label="Order" value={search.sort} options={SORTS.slice(1)} any={SORTS[0][1]} onChange={(sort) => set({ sort })} />
        </span>
      </div>
      {isOpen && <MoreFilters search={search} set={set} items={items} />}
    </div>
  );
}

function pressed(is: boolean): string {
  return is ? 'border-accent bg-accent-soft' : 'text-ink-2';
}

function SearchField({
  value,
  field,
  onChange,
}: {
  value: string;
  field: Props['field'];
  onChange: (text: string | undefined) => void;
}): JSX.Element {
  const [text, setText] = useTyped(value, onChange);
  return (
    <span className="relative max-md:w-full">
      <input
        ref={field}
        type="search"
        aria-label="Part of a job’s name, or the first digits of its id"
        placeholder="Name or id"
        className={`${FIELD} w-64 pr-8 max-md:w-full`}
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

interface ChoiceProps {
  label: string;
  value: string | undefined;
  options: readonly (readonly [value: string, text: string])[];
  any: string;
  onChange: (value: string | undefined) => void;
}

function Choice({ label, value, options, any, onChange }: ChoiceProps): JSX.Element {
  return (
    <select
      aria-label={label}
      className={`${FIELD} ${value === undefined ? 'text-ink-2' : 'border-accent bg-accent-soft'}`}
      value={value ?? ''}
      onChange={(event) => onChange(event.target.value === '' ? undefined : event.target.value)}
    >
      <option value="">{any}</option>
      {options.map(([one, text]) => (
        <option key={one} value={one}>
          {text}
        </option>
      ))}
      {value !== undefined && !options.some(([one]) => one === value) && <option value={value}>{visibleLine(value, 40)}</option>}
    </select>
  );
}

function MoreFilters({ search, set, items }: Omit<Props, 'field'>): JSX.Element {
  const tags = useQuery({
    queryKey: ['tags'],
    queryFn: async ({ signal }) => await call(routes.annotations.tags, {}, signal),
    enabled: !isFrozen(),
    staleTime: 60_000,
  });
  const known = {
    taskset: items.map(({ tasksetName }) => tasksetName ?? ''),
    agent: items.flatMap(({ agent, model }) => [model ?? '', agent ?? '']),
    tag: [...(tags.data?.items.map(({ tag }) => tag) ?? []), ...items.flatMap(({ tags: own = [] }) => own)],
  };
  return (
    <div className="flex flex-wrap gap-2">
      <Known label="Taskset" value={search.taskset} known={known.taskset} onChange={(taskset) => set({ taskset })} />
      <Known label="Agent or model" value={search.agent} known={known.agent} onChange={(agent) => set({ agent })} />
      <Known label="Tag" value={search.tag} known={known.tag} onChange={(tag) => set({ tag })} />
    </div>
  );
}

/** A word of which some are known. */
function Known({
  label,
  value,
  known,
  onChange,
}: {
  label: string;
  value: string | undefined;
  known: readonly string[];
  onChange: (value: string | undefined) => void;
}): JSX.Element {
  const id = useId();
  const [text, setText] = useTyped(value ?? '', onChange);
  return (
    <label className="flex items-center gap-2 text-sm text-ink-3 max-md:w-full">
      <span className="max-md:w-28">{label}</span>
      <input
        className={`${FIELD} w-48 text-base text-ink max-md:w-full ${value === undefined ? '' : 'border-accent bg-accent-soft'}`}
        list={id}
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <datalist id={id}>{[...new Set(known)].slice(0, 50).map((word) => word !== '' && <option key={word} value={word} />)}</datalist>
    </label>
  );
}
