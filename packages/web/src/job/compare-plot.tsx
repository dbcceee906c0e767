/** Every shared task with its difference and interval, on one scale. */
import { memo, useMemo, type JSX } from 'react';
import { Copyable } from '../parts/copyable.tsx';
import { figure, signed } from '../parts/format.ts';
import { visibleLine } from '../parts/untrusted.ts';
import type { Comparison } from './compare-sentence.ts';
import { useFollow, type Follow } from '../parts/follow.ts';
import { Whisker } from './interval.tsx';
import { useIsNarrow } from './narrow.ts';
import { useWindowRows } from '../parts/window-rows.ts';

type Task = Comparison['tasks'][number];

const ROW_PX = 32;
const NARROW_ROW_PX = 72;
/** Columns: task, plot, difference, first, second. */
const COLUMNS = 'grid items-center gap-x-4 px-3 grid-cols-[minmax(0,26%)_minmax(0,1fr)_64px_84px_84px]';

/** @param tasks in the order in which they are shown */
export function ComparePlot({ tasks }: { tasks: readonly Task[] }): JSX.Element {
  const isNarrow = useIsNarrow();
  const height = isNarrow ? NARROW_ROW_PX : ROW_PX;
  const { ref, drawn } = useWindowRows(tasks.length, height, ROW_PX);
  const reach = useMemo(() => reachOf(tasks), [tasks]);
  const { to, onClick } = useFollow();
  const Row = isNarrow ? NarrowTask : WideTask;
  return (
    <div role="table" aria-label="Differences by task" aria-rowcount={tasks.length} className="box" onClick={onClick}>
      {isNarrow ? <Scale reach={reach} isAlone /> : <Head reach={reach} />}
      <div ref={ref} role="rowgroup" className="relative overflow-hidden" style={{ height: tasks.length * height - 1 }}>
        {drawn.map((index) => {
          const task = tasks[index];
          if (task === undefined) return null;
          return (
            <div
              key={task.slug}
              role="row"
              aria-rowindex={index + 1}
              className="absolute inset-x-0"
              style={{ height, transform: `translateY(${index * height}px)` }}
            >
              <Row task={task} reach={reach} to={to} />
            </div>
          );
        })}
      </div>
    </div>
  );
}

/** How far the scale reaches to both sides of 0: no interval is cut off below twice the largest difference. */
function reachOf(tasks: readonly Task[]): number {
  const largest = Math.max(0.1, ...tasks.map(({ difference }) => Math.abs(difference)));
  const ends = tasks.flatMap(({ low, high }) => (low === null || high === null ? [] : [Math.abs(low), Math.abs(high)]));
  return Math.min(2 * largest, Math.max(largest, ...ends)) * 1.05;
}

function Head({ reach }: { reach: number }): JSX.Element {
  return (
    <div role="rowgroup" className="sticky top-0 z-2 rounded-t-md border-b border-line bg-panel">
      <div role="row" className={`${COLUMNS} h-8 text-sm text-ink-3`}>
        <span role="columnheader">Task</span>
        <span role="columnheader">
          <span className="sr-only">Difference with its 95 % interval</span>
          <Scale reach={reach} />
        </span>
        <span role="columnheader" className="text-right">
          Diff.
        </span>
        <span role="columnheader" className="text-right">
          First
        </span>
        <span role="columnheader" className="text-right">
          Second
        </span>
      </div>
    </div>
  );
}

function Scale({ reach, isAlone = false }: { reach: number; isAlone?: boolean }): JSX.Element {
  return (
    <span aria-hidden="true" className={`grid grid-cols-3 text-sm text-ink-3 ${isAlone ? 'border-b border-line px-3 py-1' : ''}`}>
      <span>{figure(-reach, 1)}</span>
      <span className="text-center">0</span>
      <span className="text-right">{signed(reach, 1)}</span>
    </span>
  );
}

interface RowProps {
  task: Task;
  reach: number;
  to: Follow['to'];
}

const WideTask = memo(function WideTask({ task, reach, to }: RowProps): JSX.Element {
  return (
    <div className={`${COLUMNS} h-full border-b border-line hover:bg-sunk`}>
      <span role="rowheader" className="truncate" title={visibleLine(task.slug, 200)}>
        {visibleLine(task.slug, 120)} <Flip task={task} />
      </span>
      <span role="cell">
        <Plot task={task} reach={reach} />
      </span>
      <span role="cell" className="text-right font-semibold">
        <Copyable text={String(task.difference)}>{signed(task.difference)}</Copyable>
      </span>
      <Side side={task.first} name="first" slug={task.slug} to={to} />
      <Side side={task.second} name="second" slug={task.slug} to={to} />
    </div>
  );
});

const NarrowTask = memo(function NarrowTask({ task, reach, to }: RowProps): JSX.Element {
  return (
    <div className="grid h-full content-center border-b border-line px-3">
      <span className="flex items-center gap-2">
        <span role="rowheader" className="min-w-0 truncate font-[550]">
          {visibleLine(task.slug, 120)}
        </span>
        <Flip task={task} />
        <span role="cell" className="ml-auto font-semibold">
          {signed(task.difference)}
        </span>
      </span>
      <span role="cell" className="py-0.5">
        <Plot task={task} reach={reach} />
      </span>
      <span className="flex justify-between text-sm text-ink-3">
        <span>
          first <Side side={task.first} name="first" slug={task.slug} to={to} />
        </span>
        <span>
          second <Side side={task.second} name="second" slug={task.slug} to={to} />
        </span>
      </span>
    </div>
  );
});

function Plot({ task: { difference, low, high }, reach }: Omit<RowProps, 'to'>): JSX.Element {
  const label =
    low === null || high === null ? signed(difference) : `${signed(difference)}, 95 % interval ${signed(low)} to ${signed(high)}`;
  return (
    <Whisker value={difference} low={low} high={high} from={-reach} to={reach} mark={0} color={differenceColor(difference)} label={label} />
  );
}

/** Gains and losses by the ends of the ramp; the side of the zero line says the same. */
function differenceColor(difference: number): string {
  return Math.abs(difference) < 0.005 ? 'var(--ink-3)' : difference > 0 ? 'var(--r100)' : 'var(--r0)';
}

function Flip({ task }: { task: Task }): JSX.Element | null {
  if (task.flipped === undefined) return null;
  return (
    <span className={`rounded-sm px-1 text-xs ${task.flipped === 'solved' ? 'bg-r100-soft text-r100' : 'bg-r0-soft text-r0'}`}>
      {task.flipped}
    </span>
  );
}

export function Side({ side, name, slug, to }: { side: Task['first']; name: string; slug: string; to: Follow['to'] }): JSX.Element {
  return (
    <span role="cell" className="text-right whitespace-nowrap">
      <a
        {...to(`/trace/${side.traceId}`)}
        aria-label={`${slug}, a run of the ${name}: mean ${figure(side.mean)} over ${side.n}`}
        className="text-accent underline decoration-line-strong underline-offset-3 hover:decoration-current pointer-coarse:inline-block pointer-coarse:py-1"
      >
        {figure(side.mean)}
      </a>
      <span className="text-sm text-ink-3"> n {side.n}</span>
    </span>
  );
}
