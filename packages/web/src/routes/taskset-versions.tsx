/** How the taskset came to be what it is: each version, and what differs between two of them. */
import { Link } from '@tanstack/react-router';
import type { api } from 'hud/protocol';
import { useState, type JSX } from 'react';
import { routes } from '../api.ts';
import { useAddress } from '../parts/address.ts';
import { Ago } from '../parts/ago.tsx';
import { Button } from '../parts/buttons.tsx';
import { Choice } from '../parts/fields.tsx';
import { count, plural } from '../parts/format.ts';
import { Empty, Failure, Skeleton } from '../parts/states.tsx';
import { Table, Td, Th } from '../parts/table.tsx';
import { visible, visibleLine } from '../parts/untrusted.ts';
import { useCall } from '../parts/use-call.ts';

export function VersionsView({ taskset: { id, version: newest } }: { taskset: api.tasksets.TasksetSummary }): JSX.Element {
  const [search, set] = useAddress();
  const { data, error, refetch } = useCall(routes.tasksets.versions, { params: { id }, query: { limit: 500 } });
  if (data === undefined) return error === null ? <Skeleton /> : <Failure error={error} retry={() => void refetch()} />;
  if (data.items.length === 0)
    return <Empty command={`hud sync tasks --id ${id}`}>This taskset has no version yet: the first upload makes one.</Empty>;
  const to = numberOf(search.to, 1, newest);
  const from = numberOf(search.from, 0, newest);
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-6">
      {to !== undefined && from !== undefined && <Difference tasksetId={id} from={from} to={to} newest={newest} set={set} />}
      <Table
        label="Versions"
        head={
          <>
            <Th>Version</Th>
            <Th isFigure>Added</Th>
            <Th isFigure>Changed</Th>
            <Th isFigure>Removed</Th>
            <Th isFigure>When</Th>
            <Th>
              <span className="sr-only">What to see of it</span>
            </Th>
          </>
        }
      >
        {data.items.map(({ version, createdAt, tasksCreated, tasksUpdated, tasksDeleted }) => (
          <tr key={version}>
            <Td className="font-[550]">{version}</Td>
            <Counted n={tasksCreated} sign="+" />
            <Counted n={tasksUpdated} sign="~" />
            <Counted n={tasksDeleted} sign="−" />
            <Td isFigure className="text-ink-2">
              <Ago time={createdAt} />
            </Td>
            <Td isFigure className="whitespace-nowrap">
              <Link
                to="."
                search={{ view: 'versions', from: String(version - 1), to: String(version) } as never}
                className="text-accent hover:underline"
              >
                Changes
              </Link>
              <Link
                to="."
                search={(version === newest ? {} : { version: String(version) }) as never}
                className="ml-4 text-accent hover:underline max-sm:hidden"
              >
                Its tasks
              </Link>
            </Td>
          </tr>
        ))}
      </Table>
    </div>
  );
}

function numberOf(text: string | undefined, least: number, most: number): number | undefined {
  const value = Number(text);
  return text !== undefined && Number.isSafeInteger(value) && value >= least && value <= most ? value : undefined;
}

function Counted({ n, sign }: { n: number; sign: string }): JSX.Element {
  return (
    <Td isFigure className={n === 0 ? 'text-ink-3' : ''}>
      {n === 0 ? '–' : `${sign}${count(n)}`}
    </Td>
  );
}

interface DifferenceProps {
  tasksetId: string;
  from: number;
  to: number;
  newest: number;
  set: (patch: Readonly<Record<string, string | undefined>>) => void;
}

function Difference({ tasksetId, from, to, newest, set }: DifferenceProps): JSX.Element {
  const { data, error } = useCall(routes.tasksetViews.diff, { params: { id: tasksetId }, query: { from, to } }, { keepsLast: true });
  const versions = Array.from({ length: Math.min(newest, 500) + 1 }, (_, i) => newest - i).filter((one) => one >= 0);
  const options = (least: number): (readonly [string, string])[] =>
    versions.filter((one) => one >= least).map((one) => [String(one), one === 0 ? 'nothing' : `version ${one}`]);
  return (
    <section aria-label="What changed" className="grid grid-cols-[minmax(0,1fr)] gap-3">
      <div className="flex flex-wrap items-center gap-2">
        <span className="text-ink-2">From</span>
        <Choice label="From version" isBare value={String(from)} options={options(0)} onChange={(value) => set({ from: value })} />
        <span className="text-ink-2">to</span>
        <Choice label="To version" isBare value={String(to)} options={options(1)} onChange={(value) => set({ to: value })} />
        <Button kind="quiet" onClick={() => set({ from: undefined, to: undefined })}>
          Close
        </Button>
      </div>
      {error !== null && data === undefined && <Failure error={error} />}
      {data === undefined && error === null && <Skeleton lines={4} />}
      {data !== undefined && <Changes diff={data} />}
    </section>
  );
}

type Diff = api.Reply<typeof api.tasksetViews.diff>;

function Changes({ diff: { added, removed, changed, counts } }: { diff: Diff }): JSX.Element {
  if (counts.added + counts.removed + counts.changed === 0) return <Empty>These two versions have the same tasks.</Empty>;
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-4">
      <p className="text-lead">
        {[
          counts.added > 0 && `${plural(counts.added, 'task')} added`,
          counts.changed > 0 && `${count(counts.changed)} changed`,
          counts.removed > 0 && `${count(counts.removed)} removed`,
        ]
          .filter((part) => part !== false)
          .join(', ')}
        .
      </p>
      <Names sign="+" label="Added" slugs={added} total={counts.added} />
      <Names sign="−" label="Removed" slugs={removed} total={counts.removed} />
      {changed.length > 0 && <Changed changed={changed} total={counts.changed} />}
    </div>
  );
}

const FEW = 24;

function Names({
  sign,
  label,
  slugs,
  total,
}: {
  sign: '+' | '−';
  label: string;
  slugs: readonly string[];
  total: number;
}): JSX.Element | null {
  const [isWhole, setWhole] = useState(false);
  if (total === 0) return null;
  const shown = isWhole ? slugs : slugs.slice(0, FEW);
  return (
    <section className="grid grid-cols-[minmax(0,1fr)] gap-1">
      <h2 className="text-sm text-ink-3">{label}</h2>
      <ul
        className={`box grid grid-cols-[repeat(auto-fill,minmax(min(100%,170px),1fr))] overflow-hidden py-1 font-mono text-sm ${sign === '+' ? 'bg-add-soft' : 'bg-del-soft'}`}
      >
        {shown.map((slug) => (
          <li key={slug} className="truncate px-3 py-0.5">
            <span className={sign === '+' ? 'text-add' : 'text-del'}>{sign}</span> {visibleLine(slug)}
          </li>
        ))}
      </ul>
      <More shown={shown.length} known={slugs.length} total={total} open={() => setWhole(true)} />
    </section>
  );
}

function Changed({ changed, total }: { changed: Diff['changed']; total: number }): JSX.Element {
  const [isWhole, setWhole] = useState(false);
  const shown = isWhole ? changed : changed.slice(0, FEW);
  return (
    <section className="grid grid-cols-[minmax(0,1fr)] gap-1">
      <h2 className="text-sm text-ink-3">Changed</h2>
      <div className="box divide-y divide-line">
        {shown.map(({ slug, members }) => (
          <div key={slug} className="grid grid-cols-[minmax(0,1fr)] gap-1 px-3 py-2">
            <h3 className="truncate font-[550]">{visibleLine(slug)}</h3>
            <dl className="grid grid-cols-[minmax(0,1fr)] gap-1 sm:grid-cols-[180px_minmax(0,1fr)]">
              {members.map(({ path, before, after }) => (
                <div key={path} className="contents">
                  <dt className="truncate text-ink-2" title={visibleLine(path)}>
                    {visibleLine(path, 80)}
                  </dt>
                  <dd className="grid grid-cols-[minmax(0,1fr)] font-mono text-sm">
                    {before !== undefined && <Side sign="−" value={before} />}
                    {after !== undefined && <Side sign="+" value={after} />}
                  </dd>
                </div>
              ))}
            </dl>
          </div>
        ))}
      </div>
      <More shown={shown.length} known={changed.length} total={total} open={() => setWhole(true)} />
    </section>
  );
}

const MOST_TEXT = 2_000;

function Side({ sign, value }: { sign: '+' | '−'; value: unknown }): JSX.Element {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return (
    <div className={`max-h-40 overflow-y-auto px-2 break-words whitespace-pre-wrap ${sign === '+' ? 'bg-add-soft' : 'bg-del-soft'}`}>
      <span className={sign === '+' ? 'text-add' : 'text-del'}>{sign}</span> {visible(text.slice(0, MOST_TEXT))}
      {text.length > MOST_TEXT && <span className="text-ink-3"> … {count(text.length)} characters in all</span>}
    </div>
  );
}

function More({ shown, known, total, open }: { shown: number; known: number; total: number; open: () => void }): JSX.Element | null {
  if (shown < known)
    return (
      <button type="button" className="justify-self-start py-0.5 text-sm text-accent hover:underline pointer-coarse:py-2.5" onClick={open}>
        Show {known < total ? `the first ${count(known)} of ${count(total)}` : `all ${count(known)}`}
      </button>
    );
  return known < total ? (
    <p className="text-sm text-ink-3">
      The first {count(known)} of {count(total)}.
    </p>
  ) : null;
}
