/** Two jobs, paired by task: one sentence, then every task. */
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useParams } from '@tanstack/react-router';
import { useMemo, type JSX } from 'react';
import { call, routes } from '../api.ts';
import { useAddress, type Search } from '../parts/address.ts';
import { CompareHead } from '../job/compare-head.tsx';
import { Flips } from '../job/compare-flips.tsx';
import { ComparePlot } from '../job/compare-plot.tsx';
import { compareSentence, type Comparison } from '../job/compare-sentence.ts';
import { FIELD } from '../job/field.ts';
import { SentenceText } from '../job/sentence-text.tsx';
import { Button } from '../parts/buttons.tsx';
import { count } from '../parts/format.ts';
import { useShortcuts } from '../parts/keys.ts';
import { Empty, Failure, Skeleton } from '../parts/states.tsx';
import { Page } from '../shell/shell.tsx';

export function ComparePage(): JSX.Element {
  const { id, other } = useParams({ from: '/jobs/$id/compare/$other' });
  const [search, set] = useAddress();
  const navigate = useNavigate();
  const threshold = Number(search.threshold ?? 1);
  const { data, error, refetch } = useQuery({
    queryKey: ['compare', id, other, threshold],
    queryFn: async ({ signal }) =>
      await call(routes.report.compare, { params: { id, other }, query: Number.isFinite(threshold) ? { threshold } : {} }, signal),
    staleTime: 30_000,
  });
  const swap = (): void =>
    void navigate({ to: '/jobs/$id/compare/$other', params: { id: other, other: id }, search: true as never, replace: true });
  useShortcuts([{ key: 's', label: 'Swap the two jobs', run: swap }]);
  const crumbs = [{ text: 'Jobs', to: '/jobs' }, { text: data?.first.name ?? 'Job', to: `/jobs/${id}` }, { text: 'Compare' }];
  const title = data === undefined ? 'Compare' : `${data.first.name} against ${data.second.name}`;
  return (
    <Page title={title} crumbs={crumbs}>
      {data === undefined ? (
        error === null ? (
          <Skeleton lines={16} />
        ) : (
          <Failure error={error} retry={() => void refetch()} />
        )
      ) : (
        <Content comparison={data} swap={swap} search={search} set={set} />
      )}
    </Page>
  );
}

interface Props {
  comparison: Comparison;
  swap: () => void;
  search: Search;
  set: (patch: Search) => void;
}

const ORDERS = [
  ['loss', 'largest loss first'],
  ['gain', 'largest gain first'],
  ['name', 'by name'],
] as const;

function Content({ comparison, swap, search, set }: Props): JSX.Element {
  const isFlippedOnly = search.flipped !== undefined;
  const order = ORDERS.find(([one]) => one === search.sort)?.[0] ?? 'loss';
  const tasks = useMemo(() => ordered(comparison.tasks, order, isFlippedOnly), [comparison.tasks, order, isFlippedOnly]);
  return (
    <>
      <h1 className="sr-only">Comparison of two jobs</h1>
      <SentenceText pieces={compareSentence(comparison)} mayFollow />
      <CompareHead comparison={comparison} swap={swap} />
      <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-6 lg:grid-cols-[minmax(0,1fr)_300px]">
        <aside className="grid min-w-0 gap-4 sm:max-lg:grid-cols-2 lg:order-last" aria-label="Tasks that flipped">
          <Flips tasks={comparison.tasks} />
        </aside>
        <section aria-label="Differences" className="grid min-w-0 gap-2">
          <div className="flex flex-wrap items-center gap-2">
            <Button
              aria-pressed={isFlippedOnly}
              className={isFlippedOnly ? 'border-accent bg-accent-soft' : 'text-ink-2'}
              onClick={() => set({ flipped: isFlippedOnly ? undefined : 'yes' })}
            >
              Flipped only
            </Button>
            <select
              aria-label="Order of tasks"
              className={`${FIELD} ml-auto text-ink-2`}
              value={order}
              onChange={(event) => set({ sort: event.target.value === 'loss' ? undefined : event.target.value })}
            >
              {ORDERS.map(([one, text]) => (
                <option key={one} value={one}>
                  {text}
                </option>
              ))}
            </select>
          </div>
          {tasks.length === 0 ? (
            <Empty>{isFlippedOnly ? 'No task flipped.' : 'No task was graded on both sides.'}</Empty>
          ) : (
            <ComparePlot key={order} tasks={tasks} />
          )}
          {comparison.isTruncated && (
            <p className="text-sm text-ink-3">
              There are more tasks; the {count(comparison.tasks.length)} with the largest losses are shown, and the sentence counts all.
            </p>
          )}
        </section>
      </div>
    </>
  );
}

function ordered(tasks: Comparison['tasks'], order: (typeof ORDERS)[number][0], isFlippedOnly: boolean): Comparison['tasks'] {
  const shown = isFlippedOnly ? tasks.filter(({ flipped }) => flipped !== undefined) : tasks;
  if (order === 'gain') return shown.toReversed();
  return order === 'name' ? shown.toSorted((a, b) => (a.slug < b.slug ? -1 : 1)) : shown;
}
