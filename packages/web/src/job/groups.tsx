/** Means by a column of the taskset, with their intervals on one scale. */
import type { JSX } from 'react';
import { EstimateText, rewardColor } from '../parts/reward.tsx';
import { figure, plural } from '../parts/format.ts';
import { visibleLine } from '../parts/untrusted.ts';
import type { Search } from '../parts/address.ts';
import { FIELD } from './field.ts';
import { Whisker } from './interval.tsx';
import { SideBox } from './side-box.tsx';
import type { JobReport } from './use-job.ts';
import { meanWords } from './words.ts';

interface Props {
  report: JobReport;
  search: Search;
  set: (patch: Search) => void;
}

export function Groups({ report, search, set }: Props): JSX.Element | null {
  if (report.columns.length === 0) return null;
  const column = search.group;
  return (
    <SideBox title="By group">
      <select
        aria-label="Column to group by"
        className={FIELD}
        value={column ?? ''}
        onChange={(event) => set({ group: event.target.value === '' ? undefined : event.target.value })}
      >
        <option value="">choose a column</option>
        {report.columns.map((one) => (
          <option key={one} value={one}>
            {visibleLine(one, 60)}
          </option>
        ))}
      </select>
      {column !== undefined && report.groups !== undefined && (
        <ul className="grid">
          {report.groups.map((group) => (
            <GroupLine
              key={group.value}
              group={group}
              scale={scaleOf(report)}
              overall={report.estimate?.mean}
              isShown={search.column === column && search.value === group.value}
              show={(value) => set({ column: value && column, value, cell: undefined })}
            />
          ))}
        </ul>
      )}
    </SideBox>
  );
}

/** All of [0, 1], and what lies outside of it. */
function scaleOf({ groups = [] }: JobReport): readonly [from: number, to: number] {
  const ends = groups.flatMap(({ estimate }) => (estimate === null ? [] : [estimate.mean]));
  return [Math.min(0, ...ends), Math.max(1, ...ends)];
}

interface LineProps {
  group: NonNullable<JobReport['groups']>[number];
  scale: readonly [from: number, to: number];
  overall: number | undefined;
  isShown: boolean;
  show: (value: string | undefined) => void;
}

/** A press shows the tasks of the group in the matrix, another one all tasks again. */
function GroupLine({ group: { value, estimate, tasks }, scale: [from, to], overall, isShown, show }: LineProps): JSX.Element {
  const name = value === '' ? '(none)' : visibleLine(value, 60);
  return (
    <li className="border-t border-line first:border-0">
      <button
        type="button"
        aria-pressed={isShown}
        title={`${plural(tasks, 'task')}; show them in the matrix`}
        className={`grid w-full grid-cols-[minmax(0,1fr)_84px_auto] items-center gap-x-3 rounded-sm px-1 py-1 text-left hover:bg-sunk pointer-coarse:min-h-10 ${isShown ? 'bg-accent-soft' : ''}`}
        onClick={() => show(isShown ? undefined : value)}
      >
        <span className="truncate">
          {name} <span className="text-sm text-ink-3">{tasks}</span>
        </span>
        {estimate === null ? (
          <span />
        ) : (
          <Whisker
            value={estimate.mean}
            low={estimate.low}
            high={estimate.high}
            from={from}
            to={to}
            mark={overall}
            color={rewardColor(estimate.mean)}
            label={`${meanWords(estimate)}; the whole job ${overall === undefined ? '' : figure(overall)}`}
          />
        )}
        <span className="text-right text-sm whitespace-nowrap">
          <EstimateText estimate={estimate} />
        </span>
      </button>
    </li>
  );
}
