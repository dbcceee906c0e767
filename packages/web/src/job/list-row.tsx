/** One job in the list: a row where there is room, two lines on a phone. */
import { memo, useEffect, useRef, type JSX, type RefObject } from 'react';
import { Ago, Elapsed } from '../parts/ago.tsx';
import { Pill } from '../parts/buttons.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { count, figure, money } from '../parts/format.ts';
import { rewardColor, SpreadBar } from '../parts/reward.tsx';
import { visibleLine } from '../parts/untrusted.ts';
import type { Follow } from '../parts/follow.ts';
import { LeftOut } from './left-out.tsx';
import type { JobItem } from './list-pages.ts';
import { Star } from './star.tsx';

export const ROW_PX = 32;
export const NARROW_ROW_PX = 64;
/** Columns: select, star, name, agent, taskset, reward, runs in it, left out, spread, cost, time, age. */
export const COLUMNS =
  'grid items-center gap-x-3 px-3 grid-cols-[18px_24px_minmax(0,1fr)_minmax(0,140px)_96px_44px_44px_40px_64px_76px] lg:grid-cols-[18px_24px_minmax(0,1fr)_minmax(0,160px)_minmax(0,130px)_96px_48px_44px_40px_60px_62px_76px]';

export interface RowProps {
  job: JobItem;
  isCurrent: boolean;
  isSelected: boolean;
  /** Absent for a reader who may not. */
  onStar: ((id: string, isStarred: boolean) => void) | undefined;
  onSelect: ((id: string) => void) | undefined;
  onFocus: (id: string) => void;
  to: Follow['to'];
}

export const WideRow = memo(function WideRow(props: RowProps): JSX.Element {
  const { job, isSelected, onSelect, onStar } = props;
  const name = visibleLine(job.name, 120);
  return (
    <div className={`${COLUMNS} relative h-8 border-b border-line hover:bg-sunk ${isSelected ? 'bg-accent-soft' : ''}`}>
      <span role="cell" className="relative z-1 grid">
        {onSelect !== undefined && (
          <input
            type="checkbox"
            aria-label={`Select ${name}`}
            checked={isSelected}
            onChange={() => onSelect(job.id)}
            className="accent-(--accent)"
          />
        )}
      </span>
      <span role="cell" className="relative z-1">
        {onStar !== undefined && (
          <Star isStarred={job.isStarred === true} name={name} onChange={(isStarred) => onStar(job.id, isStarred)} />
        )}
      </span>
      <span role="cell" className="flex min-w-0 items-center gap-2">
        <NameLink {...props} />
        <Tags tags={job.tags} />
        <State job={job} />
      </span>
      <span role="cell" className="truncate text-ink-2" title={agentOf(job)}>
        {agentOf(job)}
      </span>
      <span role="cell" className="hidden truncate text-ink-2 lg:block">
        {job.tasksetName !== null && visibleLine(job.tasksetName, 60)}
      </span>
      <span role="cell" className="text-right">
        <Mean job={job} />
      </span>
      <span role="cell" className="text-right text-ink-3">
        {count(job.graded)}
      </span>
      <span role="cell" className="relative text-right hover:z-2">
        <LeftOut excluded={job.errors} />
      </span>
      <span role="cell">{job.spread !== undefined && <SpreadBar spread={job.spread} />}</span>
      <span role="cell" className="relative hidden text-right text-ink-2 lg:block">
        {job.costUsd !== undefined && <Copyable text={String(job.costUsd)}>{money(job.costUsd)}</Copyable>}
      </span>
      <span role="cell" className="text-right text-ink-2">
        <Time job={job} />
      </span>
      <span role="cell" className="relative text-right text-ink-3">
        <Ago time={job.createdAt} />
      </span>
      <Progress job={job} />
    </div>
  );
});

export const NarrowRow = memo(function NarrowRow(props: RowProps): JSX.Element {
  const { job, isSelected, onStar } = props;
  return (
    <div className={`relative grid h-16 content-center gap-0.5 border-b border-line px-3 ${isSelected ? 'bg-accent-soft' : ''}`}>
      <span role="cell" className="flex min-w-0 items-center gap-2">
        {onStar !== undefined && job.isStarred === true && (
          <span className="text-accent" role="img" aria-label="starred">
            ★
          </span>
        )}
        <NameLink {...props} />
        <State job={job} />
        <span className="ml-auto">
          <Mean job={job} />
        </span>
      </span>
      <span role="cell" className="flex min-w-0 items-center gap-2 text-sm text-ink-3">
        <span className="truncate">
          {[agentOf(job), job.tasksetName === null ? '' : visibleLine(job.tasksetName, 60)].filter((part) => part !== '').join(' · ')}
        </span>
        <span className="ml-auto flex items-center gap-2 whitespace-nowrap">
          <span>n {count(job.graded)}</span>
          <LeftOut excluded={job.errors} />
          {job.costUsd !== undefined && <span>{money(job.costUsd)}</span>}
          <Ago time={job.createdAt} />
        </span>
      </span>
      <Progress job={job} />
    </div>
  );
});

/** It covers the row, so that a click anywhere opens the job. */
function NameLink({ job, isCurrent, onFocus, to }: RowProps): JSX.Element {
  const ref = useRef<HTMLAnchorElement>(null);
  useFocusWhen(isCurrent, ref);
  return (
    <a
      ref={ref}
      {...to(`/jobs/${job.id}`)}
      className="min-w-0 truncate font-[550] after:absolute after:inset-0 focus-visible:outline-none focus-visible:after:outline-2 focus-visible:after:-outline-offset-2 focus-visible:after:outline-accent"
      title={visibleLine(job.name, 300)}
      onFocus={() => onFocus(job.id)}
    >
      {job.name === '' ? job.id.slice(0, 8) : visibleLine(job.name, 120)}
    </a>
  );
}

/** Never takes the focus from somewhere else, such as a field that is typed in. */
function useFocusWhen(isCurrent: boolean, ref: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    const at = document.activeElement;
    const isFree = at === null || at === document.body || at.id === 'main' || at.closest('[data-jobs]') !== null;
    if (isCurrent && isFree && at !== ref.current) ref.current?.focus({ preventScroll: true });
  }, [isCurrent, ref]);
}

function Mean({ job }: { job: JobItem }): JSX.Element {
  const { meanReward: mean, halfWidth: half, graded } = job;
  if (mean === null) return <span className="text-ink-3">–</span>;
  return (
    <span
      className="inline-flex items-center gap-1.5 whitespace-nowrap"
      title={`n ${count(graded)}${half === undefined ? '' : ', 95 % interval, clustered by task'}`}
    >
      <span className="size-[9px] rounded-xs" style={{ background: rewardColor(mean) }} aria-hidden="true" />
      <Copyable text={String(mean)} className="font-semibold">
        {figure(mean)}
      </Copyable>
      <span className="w-11 text-left text-sm text-ink-3">{half !== undefined && half > 0 && `± ${figure(half)}`}</span>
    </span>
  );
}

function State({ job }: { job: JobItem }): JSX.Element | null {
  if (job.status === 'completed') return null;
  if (job.status === 'failed') return <Pill tone="warn">failed</Pill>;
  if (job.status === 'cancelled') return <Pill>cancelled</Pill>;
  const ended = job.runs - job.running;
  return <Pill tone="live">{job.planned === undefined ? `${count(ended)} done` : `${count(ended)} of ${count(job.planned)}`}</Pill>;
}

function Progress({ job }: { job: JobItem }): JSX.Element | null {
  if (job.status !== 'running' || job.planned === undefined || job.planned === 0) return null;
  const part = Math.min(1, (job.runs - job.running) / job.planned);
  return <span className="absolute bottom-[-1px] left-0 h-px bg-accent" style={{ width: `${part * 100}%` }} aria-hidden="true" />;
}

function Tags({ tags = [] }: { tags?: readonly string[] | undefined }): JSX.Element {
  return (
    <>
      {tags.slice(0, 3).map((tag) => (
        <span key={tag} className="max-w-28 shrink-0 truncate rounded-sm bg-sunk px-1.5 text-xs text-ink-2 max-lg:hidden">
          {visibleLine(tag, 40)}
        </span>
      ))}
      {tags.length > 3 && <span className="text-xs text-ink-3 max-lg:hidden">+{tags.length - 3}</span>}
    </>
  );
}

function Time({ job }: { job: JobItem }): JSX.Element | null {
  if (job.endedAt === undefined && job.status !== 'running') return null;
  return <Elapsed from={job.createdAt} to={job.endedAt} />;
}

function agentOf({ agent, model }: JobItem): string {
  return visibleLine(model ?? agent ?? '', 60);
}
