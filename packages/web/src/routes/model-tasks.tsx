/** Which tasks still teach: how the groups of each fared in the newest steps. */
import type { api } from 'hud/protocol';
import { useState, type CSSProperties, type JSX } from 'react';
import { routes } from '../api.ts';
import { Button } from '../parts/buttons.tsx';
import { count, figure, plural } from '../parts/format.ts';
import { Reward, rewardColor } from '../parts/reward.tsx';
import { Failure, Skeleton } from '../parts/states.tsx';
import { Table, Td, Th } from '../parts/table.tsx';
import { visibleLine } from '../parts/untrusted.ts';
import { useCall } from '../parts/use-call.ts';
import { Heading } from '../parts/views.tsx';

type Reply = api.Reply<typeof api.models.tasks>;
type Task = Reply['items'][number];

const FIRST = 8;
const MOST = 200;
const LIVE_MS = 10_000;
const REST_MS = 60_000;

export function Tasks({ modelId, isLive }: { modelId: string; isLive: boolean }): JSX.Element | null {
  const [isLong, setLong] = useState(false);
  const { data, error, refetch } = useCall(
    routes.models.tasks,
    { params: { id: modelId }, query: { limit: isLong ? MOST : FIRST } },
    { keepsLast: true, everyMs: isLive ? LIVE_MS : REST_MS },
  );
  if (data?.total === 0) return null; // only trajectories without runs: nobody knows their tasks
  return (
    <section className="grid grid-cols-[minmax(0,1fr)] gap-3" aria-label="Tasks">
      <Heading>Which tasks still teach</Heading>
      {data === undefined && (error === null ? <Skeleton lines={4} /> : <Failure error={error} retry={() => void refetch()} />)}
      {data !== undefined && (
        <>
          <p className="max-w-[78ch] text-ink-2">{wordsOf(data)}</p>
          <Steps steps={data.steps} />
          <Rows {...data} />
          {data.total > FIRST && (
            <p>
              <Button onClick={() => setLong(!isLong)}>
                {isLong ? 'Show fewer' : `Show ${data.total > MOST ? `${count(MOST)} of ` : 'all '}${plural(data.total, 'task')}`}
              </Button>
            </p>
          )}
        </>
      )}
    </section>
  );
}

function wordsOf({ total, steps, teaching, solved, unsolved }: Reply): JSX.Element {
  return (
    <>
      Of <b className="text-ink">{plural(total, 'task')}</b> in the last {plural(steps.length, 'step')}, by the last group of each:{' '}
      <b className="text-ink">{count(teaching)}</b> had a spread of rewards, which teaches; {count(solved)} earned the best reward in every
      run and {count(unsolved)} the same lower one, which {solved + unsolved === 1 ? 'teaches' : 'teach'} nothing.
    </>
  );
}

/** A bar for each step, as high as the share of its groups that had a spread. */
function Steps({ steps }: { steps: Reply['steps'] }): JSX.Element {
  const words = (step: Reply['steps'][number]): string =>
    `${visibleLine(step.name, 40)}: ${count(step.withSpread)} of ${plural(step.groups, 'group')} with a spread`;
  const last = steps.at(-1);
  return (
    <figure className="box grid grid-cols-[minmax(0,1fr)] gap-2 p-3">
      <figcaption className="flex flex-wrap items-baseline justify-between gap-x-3">
        <span className="font-semibold">Groups with a spread</span>
        {last !== undefined && <span className="text-sm text-ink-3">{words(last)}</span>}
      </figcaption>
      <div
        className="flex h-14 items-end gap-px border-b border-line-strong"
        role="img"
        aria-label={`Groups with a spread, step by step: ${steps.map(({ withSpread, groups }) => `${withSpread} of ${groups}`).join(', ')}`}
      >
        {steps.map((step) => (
          <span
            key={step.checkpointId}
            title={words(step)}
            className="max-w-6 min-w-0 flex-1 rounded-t-[2px] bg-accent"
            style={{ height: `${step.groups === 0 ? 0 : Math.max(2, (step.withSpread / step.groups) * 100)}%` }}
          />
        ))}
      </div>
    </figure>
  );
}

function Rows({ items, steps }: Reply): JSX.Element {
  return (
    <Table
      label="Tasks by what they teach"
      head={
        <>
          <Th isMain>Task</Th>
          <Th>Its groups, step by step</Th>
          <Th isFigure title="Mean reward of its last group">
            Last
          </Th>
          <Th isFigure from="sm" title="The step of its last group">
            In
          </Th>
          <Th isFigure from="sm" title="Lowest and highest reward of its last group">
            Spread
          </Th>
        </>
      }
    >
      {items.map((task) => (
        <TaskRow key={task.slug} task={task} steps={steps} />
      ))}
    </Table>
  );
}

/** Squares of one row; of more the newest. */
const MOST_SQUARES = 24;

function TaskRow({ task: { slug, groups }, steps }: { task: Task; steps: Reply['steps'] }): JSX.Element {
  const last = groups.at(-1);
  const shown = groups.slice(-MOST_SQUARES);
  const words = shown.map((group) => `${visibleLine(steps[group.step]?.name ?? '', 40)}: ${groupWords(group)}`);
  return (
    <tr>
      <Td isMain className="font-mono text-sm">
        {visibleLine(slug, 120)}
      </Td>
      <Td>
        <span className="flex items-center gap-1" role="img" aria-label={words.join('; ')}>
          {shown.map((group, i) => (
            <span key={group.step} title={words[i]} {...squareOf(group)} />
          ))}
        </span>
      </Td>
      <Td isFigure>
        <Reward value={last?.mean ?? null} />
      </Td>
      <Td isFigure from="sm" className="whitespace-nowrap text-ink-2">
        {visibleLine(steps[last?.step ?? -1]?.name ?? '–', 40)}
      </Td>
      <Td isFigure from="sm" className="whitespace-nowrap text-ink-2">
        {last === undefined || last.min === last.max ? 'none' : `${figure(last.min)} to ${figure(last.max)}`}
      </Td>
    </tr>
  );
}

function groupWords({ n, mean, min, max }: Task['groups'][number]): string {
  return `mean ${figure(mean)} of ${plural(n, 'run')}, ${min === max ? 'no spread' : `from ${figure(min)} to ${figure(max)}`}`;
}

/** Filled where it taught, hollow where it did not. */
function squareOf({ mean, min, max }: Task['groups'][number]): { className: string; style: CSSProperties } {
  const color = rewardColor(mean);
  const className = 'size-3 shrink-0 rounded-[2px]';
  if (min === max) return { className: `${className} border-[1.5px]`, style: { borderColor: color } };
  return { className, style: { background: color } };
}
