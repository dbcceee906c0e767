/** Every job of the team: what it earned, how sure that is, and what it cost. */
import { useNavigate } from '@tanstack/react-router';
import { useCallback, useRef, useState, type JSX } from 'react';
import { isFrozen } from '../api.ts';
import { useAddress } from '../parts/address.ts';
import { JobFilters } from '../job/list-filters.tsx';
import { isNarrowed } from '../job/list-query.ts';
import { JobTable } from '../job/list-table.tsx';
import { useStar } from '../job/star.tsx';
import { useJobs, type Jobs } from '../job/use-jobs.ts';
import { Button } from '../parts/buttons.tsx';
import { plural } from '../parts/format.ts';
import { useShortcuts } from '../parts/keys.ts';
import { Empty, Failure, Skeleton } from '../parts/states.tsx';
import { useMayWrite } from '../shell/me.ts';
import { Page } from '../shell/shell.tsx';

export function JobsPage(): JSX.Element {
  const [search, set] = useAddress();
  const jobs = useJobs(search);
  const field = useRef<HTMLInputElement>(null);
  const mayWrite = useMayWrite();
  const star = useRef(useStar());
  const [current, setCurrent] = useState<string>();
  const [selected, setSelected] = useState<readonly string[]>([]);
  const select = useCallback((id: string): void => setSelected((before) => toggled(before, id)), []);
  const onStar = useCallback((id: string, isStarred: boolean): void => star.current(id, isStarred), []);
  const compare = useCompare(selected);
  useListKeys({ jobs, current, setCurrent, select, compare, field, onStar: mayWrite ? onStar : undefined });
  const key = JSON.stringify(search);
  return (
    <Page crumbs={[{ text: 'Jobs' }]}>
      <div className="grid gap-3">
        <h1 className="sr-only">Jobs</h1>
        {!isFrozen() && <JobFilters search={search} set={set} items={jobs.items} field={field} />}
        <div className="flex min-h-7 flex-wrap items-center gap-3 text-sm text-ink-3">
          <span role="status">{jobs.total === undefined ? '' : plural(jobs.total, 'job')}</span>
          {selected.length > 0 && <Selection selected={selected} clear={() => setSelected([])} compare={compare} />}
        </div>
        {jobs.items.length > 0 ? (
          <JobTable
            key={key}
            jobs={jobs}
            current={current}
            selected={selected}
            onFocus={setCurrent}
            onSelect={isFrozen() ? undefined : select}
            onStar={mayWrite ? onStar : undefined}
          />
        ) : (
          <Nothing jobs={jobs} isNarrowed={isNarrowed(search)} />
        )}
      </div>
    </Page>
  );
}

function Selection({
  selected,
  clear,
  compare,
}: {
  selected: readonly string[];
  clear: () => void;
  compare: (() => void) | undefined;
}): JSX.Element {
  return (
    <>
      <span>{selected.length === 1 ? '1 selected; select another to compare' : '2 selected'}</span>
      <Button kind={compare === undefined ? 'plain' : 'main'} disabled={compare === undefined} onClick={compare}>
        Compare
      </Button>
      <Button kind="quiet" onClick={clear}>
        Clear selection
      </Button>
    </>
  );
}

function Nothing({ jobs, isNarrowed: isLess }: { jobs: Jobs; isNarrowed: boolean }): JSX.Element {
  if (jobs.error != null) return <Failure error={jobs.error} retry={jobs.retry} />;
  if (jobs.isLoading) return <Skeleton lines={14} />;
  if (isLess) return <Empty>No job is like that. Take a filter away to see more.</Empty>;
  return (
    <Empty command="hud eval examples/letter-count/env.ts oracle --all --group 3">
      No job has run yet. This runs the example with its own solution, without any key; it shows up here while it runs.
    </Empty>
  );
}

/** At most two, the newest choices. */
function toggled(before: readonly string[], id: string): readonly string[] {
  return before.includes(id) ? before.filter((one) => one !== id) : [...before, id].slice(-2);
}

function useCompare([id, other]: readonly string[]): (() => void) | undefined {
  const navigate = useNavigate();
  if (id === undefined || other === undefined) return undefined;
  return () => void navigate({ to: '/jobs/$id/compare/$other', params: { id, other }, search: {} });
}

interface Keys {
  jobs: Jobs;
  current: string | undefined;
  setCurrent: (id: string) => void;
  select: (id: string) => void;
  compare: (() => void) | undefined;
  field: { current: HTMLInputElement | null };
  onStar: ((id: string, isStarred: boolean) => void) | undefined;
}

function useListKeys({ jobs: { items }, current, setCurrent, select, compare, field, onStar }: Keys): void {
  const at = items.findIndex(({ id }) => id === current);
  const go = (step: number): void => {
    const next = items[Math.min(items.length - 1, Math.max(0, at + step))];
    if (next !== undefined) setCurrent(next.id);
  };
  const job = items[at];
  useShortcuts([
    { key: 'j', label: 'Next job', run: () => go(1) },
    { key: 'ArrowDown', label: 'Next job', run: () => go(1) },
    { key: 'k', label: 'Previous job', run: () => go(-1) },
    { key: 'ArrowUp', label: 'Previous job', run: () => go(-1) },
    { key: 'x', label: 'Select the job, two of them to compare', run: () => job && !isFrozen() && select(job.id) },
    { key: 'c', label: 'Compare the two selected', run: () => compare?.() },
    ...(onStar === undefined ? [] : [{ key: 's', label: 'Star the job', run: () => job && onStar(job.id, job.isStarred !== true) }]),
    { key: '/', label: 'Search', run: () => field.current?.select() },
  ]);
}
