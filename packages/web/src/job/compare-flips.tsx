/** Tasks that most runs of one side solved and of the other did not. */
import type { JSX } from 'react';
import { visibleLine } from '../parts/untrusted.ts';
import { Side } from './compare-plot.tsx';
import type { Comparison } from './compare-sentence.ts';
import { useFollow } from '../parts/follow.ts';
import { SideBox } from './side-box.tsx';

type Task = Comparison['tasks'][number];

const MOST = 20;

export function Flips({ tasks }: { tasks: readonly Task[] }): JSX.Element {
  const solved = tasks.filter(({ flipped }) => flipped === 'solved').toReversed();
  const lost = tasks.filter(({ flipped }) => flipped === 'lost');
  return (
    <>
      <FlipBox title="Solved by the first only" tasks={solved} />
      <FlipBox title="Solved by the second only" tasks={lost} />
    </>
  );
}

/** The largest difference first. */
function FlipBox({ title, tasks }: { title: string; tasks: readonly Task[] }): JSX.Element {
  const { to, onClick } = useFollow();
  return (
    <SideBox title={title} note={tasks.length}>
      {tasks.length === 0 && <p className="text-sm text-ink-3">None.</p>}
      <div role="table" aria-label={title} className={tasks.length === 0 ? 'hidden' : 'grid'} onClick={onClick}>
        {tasks.slice(0, MOST).map((task) => (
          <div
            key={task.slug}
            role="row"
            className="grid grid-cols-[minmax(0,1fr)_auto_auto] gap-x-3 py-0.5 pointer-coarse:min-h-10 pointer-coarse:items-center"
          >
            <span role="rowheader" className="truncate" title={visibleLine(task.slug, 200)}>
              {visibleLine(task.slug, 80)}
            </span>
            <Side side={task.first} name="first" slug={task.slug} to={to} />
            <Side side={task.second} name="second" slug={task.slug} to={to} />
          </div>
        ))}
      </div>
      {tasks.length > MOST && (
        <p className="text-sm text-ink-3">And {tasks.length - MOST} more; show only those that flipped to see them all.</p>
      )}
    </SideBox>
  );
}
