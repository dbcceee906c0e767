/** How the tasks behave: what is wrong with them comes first. */
import { Link } from '@tanstack/react-router';
import type { api } from 'hud/protocol';
import type { JSX } from 'react';
import { routes } from '../api.ts';
import { useAddress } from '../parts/address.ts';
import { Diamond } from '../parts/buttons.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { Choice } from '../parts/fields.tsx';
import { figure, plural } from '../parts/format.ts';
import { Reward, rewardColor } from '../parts/reward.tsx';
import { Empty, Failure, Skeleton } from '../parts/states.tsx';
import { Table, Td, Th } from '../parts/table.tsx';
import { visibleLine } from '../parts/untrusted.ts';
import { useCall } from '../parts/use-call.ts';
import { offsetOf, Pager } from '../parts/views.tsx';

type Health = api.tasksetViews.TaskHealth;

const SIZE = 100;

const SORTS = [
  ['problems', 'Problems first'],
  ['position', 'As in the taskset'],
  ['mean', 'Lowest mean first'],
  ['spread', 'Least spread first'],
  ['faults', 'Most faults first'],
] as const;

export function HealthView({ taskset: { id, name } }: { taskset: api.tasksets.TasksetSummary }): JSX.Element {
  const [search, set] = useAddress();
  const sort = SORTS.find(([one]) => one === search.sort)?.[0] ?? 'problems';
  const offset = offsetOf(search.offset);
  const { data, error, refetch } = useCall(
    routes.tasksetViews.health,
    { params: { id }, query: { sort, offset, limit: SIZE } },
    { keepsLast: true, everyMs: 30_000 },
  );
  if (data === undefined) return error === null ? <Skeleton lines={12} /> : <Failure error={error} retry={() => void refetch()} />;
  if (data.total === 0) return <Empty command={`hud sync tasks --id ${id}`}>This taskset has no tasks.</Empty>;
  if (data.untried === data.total)
    return (
      <Empty command={`hud eval ${id} oracle --all`}>
        None of these tasks has run yet. The reference solution tells first whether they can be solved; then `nop` tells whether they ask
        for any work.
      </Empty>
    );
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-4">
      <p className="max-w-[78ch] text-lead">{sentence(data)}</p>
      <div className="flex flex-wrap items-center justify-between gap-3">
        <Choice
          label="Order"
          isBare
          value={sort}
          options={SORTS}
          onChange={(to) => set({ sort: to === 'problems' ? undefined : to, offset: undefined })}
        />
        <Pager offset={offset} size={SIZE} total={data.total} onChange={(to) => set({ offset: to === 0 ? undefined : String(to) })} />
      </div>
      <Table label="Health of the tasks" head={<Head />}>
        {data.items.map((health) => (
          <HealthRow key={health.slug} health={health} tasksetName={name} />
        ))}
      </Table>
      <p className="max-w-[78ch] text-sm text-ink-3">
        A healthy task is solved by the oracle every time, earns nothing without work or by a cheat, and tells agents apart. Runs of other
        agents make mean, spread (standard deviation) and the line of days; what was cancelled counts nowhere, and runs from before a task
        changed are left out.
      </p>
    </div>
  );
}

function sentence({ total, withProblems, untried }: { total: number; withProblems: number; untried: number }): JSX.Element {
  const tried = total - untried;
  return (
    <>
      {withProblems === 0 ? (
        <>
          <b>No problem is known</b> of the {plural(tried, 'task')} that ran
        </>
      ) : (
        <>
          <b>
            {plural(withProblems, 'task')} of {total}
          </b>{' '}
          {withProblems === 1 ? 'has' : 'have'} a problem
        </>
      )}
      {untried > 0 ? `; ${plural(untried, 'task')} never ran, so nothing is known of ${untried === 1 ? 'it' : 'them'}.` : '.'}
    </>
  );
}

function Head(): JSX.Element {
  return (
    <>
      <Th>Task</Th>
      <Th>Problems</Th>
      <Th isFigure from="sm" title="Mean reward of the reference solution: 1 for a task that can be solved">
        Oracle
      </Th>
      <Th isFigure from="sm" title="Mean reward of an agent that does nothing: 0 for a task that asks for work">
        Nop
      </Th>
      <Th isFigure from="sm" title="Mean reward of agents whose name begins with `cheat`">
        Cheat
      </Th>
      <Th isFigure title="Over graded runs of all other agents">
        Mean
      </Th>
      <Th isFigure from="md" title="Population standard deviation of the rewards of all other agents">
        Spread
      </Th>
      <Th isFigure from="md" title="Part of the runs that ended without a verdict">
        Faults
      </Th>
      <Th from="md">By day</Th>
    </>
  );
}

function HealthRow({ health, tasksetName }: { health: Health; tasksetName: string }): JSX.Element {
  const { slug, oracle, nop, cheat, mean, runs, spread, faultRate, days } = health;
  return (
    <tr>
      <Td className="max-w-[26ch] truncate max-sm:max-w-[16ch]">
        <Link
          to="."
          search={{ task: slug } as never}
          className="font-[550] hover:text-accent"
          title={`${visibleLine(slug)} of ${visibleLine(tasksetName)}`}
        >
          {visibleLine(slug, 120)}
        </Link>
      </Td>
      <Td className="min-w-[150px] py-1 whitespace-normal">
        <Problems health={health} />
      </Td>
      <Mark value={oracle} isGood={oracle === 1} />
      <Mark value={nop} isGood={nop === 0} />
      <Mark value={cheat} isGood={cheat === 0} />
      <Td isFigure title={plural(runs, 'graded run')}>
        <Reward value={mean} />
        {mean !== null && <span className="ml-1.5 inline-block min-w-9 text-left text-sm text-ink-3 max-sm:hidden">n {runs}</span>}
      </Td>
      <Td isFigure from="md" className="text-ink-2">
        {spread === null ? '–' : <Copyable text={String(spread)}>{figure(spread)}</Copyable>}
      </Td>
      <Td isFigure from="md" className={faultRate > 0 ? 'text-fault' : 'text-ink-3'}>
        {faultRate === 0 ? (
          '–'
        ) : (
          <Copyable text={String(faultRate)}>
            <Diamond /> {Math.round(faultRate * 100)} %
          </Copyable>
        )}
      </Td>
      <Td from="md">
        <Days days={days} />
      </Td>
    </tr>
  );
}

function Problems({ health: { problems, runs, oracle, nop, cheat, faultRate } }: { health: Health }): JSX.Element {
  if (problems.length > 0) return <>{visibleLine(problems.join('; '))}</>;
  const isUntried = runs === 0 && oracle === null && nop === null && cheat === null && faultRate === 0;
  return <span className="text-ink-3">{isUntried ? 'never ran' : 'none known'}</span>;
}

/** A figure and a mark: as it should be, or not. */
function Mark({ value, isGood }: { value: number | null; isGood: boolean }): JSX.Element {
  return (
    <Td isFigure from="sm" className={`whitespace-nowrap ${isGood ? 'text-ink-2' : 'font-semibold'}`}>
      {value === null ? (
        <span className="font-normal text-ink-3" title="Such an agent did not run">
          –
        </span>
      ) : (
        <Copyable text={String(value)}>
          <span className={isGood ? 'text-add' : 'text-del'} aria-label={isGood ? 'as it should be' : 'not as it should be'}>
            {isGood ? '✓' : '✕'}
          </span>{' '}
          {figure(value)}
        </Copyable>
      )}
    </Td>
  );
}

const WIDTH = 84;
const HEIGHT = 20;

/** Means of days from left to right; a reward of 0 at the bottom, of 1 at the top. */
function Days({ days }: { days: Health['days'] }): JSX.Element {
  if (days.length === 0) return <span className="text-ink-3">–</span>;
  const x = (i: number): number => (days.length === 1 ? WIDTH / 2 : 3 + (i / (days.length - 1)) * (WIDTH - 6));
  const y = (mean: number): number => HEIGHT - 3 - Math.min(1, Math.max(0, mean)) * (HEIGHT - 6);
  const words = days.map(({ day, mean, n }) => `${day}: ${figure(mean)}, n ${n}`).join('\n');
  return (
    <svg width={WIDTH} height={HEIGHT} role="img" aria-label={`Mean by day. ${words}`} className="block">
      <title>{words}</title>
      <polyline points={days.map(({ mean }, i) => `${x(i)},${y(mean)}`).join(' ')} fill="none" stroke="var(--line-strong)" />
      {days.map(({ day, mean }, i) => (
        <circle key={day} cx={x(i)} cy={y(mean)} r="2" fill={rewardColor(mean)} />
      ))}
    </svg>
  );
}
