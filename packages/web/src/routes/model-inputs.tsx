/** What fed the step of a checkpoint: groups × rewards, each a link to its run. */
import type { api } from 'hud/protocol';
import { useState, type CSSProperties, type JSX, type KeyboardEvent } from 'react';
import { routes } from '../api.ts';
import { useAddress } from '../parts/address.ts';
import { useFollow } from '../parts/follow.ts';
import { Copyable } from '../parts/copyable.tsx';
import { count, figure, plural } from '../parts/format.ts';
import { rewardColor } from '../parts/reward.tsx';
import { Empty, Failure, Skeleton } from '../parts/states.tsx';
import { useCall } from '../parts/use-call.ts';
import { offsetOf, Pager } from '../parts/views.tsx';
import { inputWords, stepped } from './model-words.ts';

type Reply = api.Reply<typeof api.models.inputs>;
type Group = api.models.StepGroup;

/** Groups of one page. */
const PAGE = 50;

export function Inputs({ modelId, checkpointId }: { modelId: string; checkpointId: string }): JSX.Element {
  const [search, set] = useAddress();
  const offset = offsetOf(search.from);
  const { data, error, refetch, isPlaceholderData } = useCall(
    routes.models.inputs,
    { params: { id: modelId, checkpoint: checkpointId }, query: { limit: PAGE, offset } },
    { keepsLast: true },
  );
  if (data === undefined) return error === null ? <Skeleton lines={5} /> : <Failure error={error} retry={() => void refetch()} />;
  if (data.numKept === 0)
    return (
      <Empty>
        {data.numInputs === null || data.numInputs === 0
          ? 'No step made it, so nothing fed it.'
          : `${plural(data.numInputs, 'trajectory', 'trajectories')} fed it; which ones is not on record: it is older than that record, or came with a fork.`}
      </Empty>
    );
  return (
    // The last one's stay until the next ones are there.
    <div className={`grid grid-cols-[minmax(0,1fr)] gap-4 ${isPlaceholderData ? 'opacity-60' : ''}`} aria-busy={isPlaceholderData}>
      <p className="max-w-[78ch] text-ink-2">{wordsOf(data)}</p>
      <Matrix groups={data.items} />
      <Pager
        offset={offset}
        size={PAGE}
        total={data.total}
        onChange={(from) => set({ at: checkpointId, from: from === 0 ? undefined : String(from) })}
      />
    </div>
  );
}

function wordsOf({ numKept, numInputs, total, flat, lag }: Reply): JSX.Element {
  return (
    <>
      <b className="text-ink">{plural(numInputs ?? numKept, 'trajectory', 'trajectories')}</b> in {plural(total, 'group')}
      {numInputs !== null && numInputs > numKept && `, of which the first ${count(numKept)} are kept`}.
      {flat > 0 && ` ${plural(flat, 'group')} had no spread and taught nothing: all rewards were the same.`}
      {lag !== null && ` ${lagWords(lag)}`}
    </>
  );
}

function lagWords({ mean, max, n }: NonNullable<Reply['lag']>): string {
  const who = n === 1 ? 'The one whose sampler is known' : `The ${count(n)} whose sampler is known`;
  if (max === 0) return `${who} came from the very weights that were trained.`;
  return `${who} came from weights ${figure(mean, 1)} steps older on average, ${plural(max, 'step')} at most.`;
}

/** One stop for the tab key; arrows lead on from there. */
function Matrix({ groups }: { groups: readonly Group[] }): JSX.Element {
  const { to, onClick } = useFollow();
  const [place, setPlace] = useState('0.0');
  const reachable = groups.some(({ inputs }, row) => inputs.some((_one, i) => `${row}.${i}` === place)) ? place : '0.0';
  const onKeyDown = (event: KeyboardEvent<HTMLElement>): void => {
    const at = (event.target as HTMLElement).dataset.at;
    const next =
      at === undefined
        ? undefined
        : stepped(
            groups.map(({ inputs }) => inputs.length),
            at,
            event.key,
          );
    if (next === undefined) return;
    event.preventDefault();
    setPlace(next);
    event.currentTarget.querySelector<HTMLElement>(`[data-at="${next}"]`)?.focus();
  };
  return (
    <div className="box overflow-x-auto p-3" role="group" aria-label="Rewards by group" onClick={onClick} onKeyDown={onKeyDown}>
      <div className="grid gap-1.5">
        {groups.map((group, row) => (
          <GroupRow key={group.index} group={group} row={row} reachable={reachable} to={to} />
        ))}
      </div>
      <p className="mt-3 flex flex-wrap items-center gap-x-4 gap-y-1 border-t border-line pt-2 text-sm text-ink-3">
        <span className="flex items-center gap-1">
          0
          {[0, 0.25, 0.5, 0.75, 1].map((value) => (
            <span key={value} className="size-3 rounded-[2px]" style={{ background: rewardColor(value) }} aria-hidden="true" />
          ))}
          1 reward
        </span>
        <span>mean ± standard deviation of each group</span>
        <span className="pointer-coarse:hidden">arrow keys move between rollouts</span>
      </p>
    </div>
  );
}

interface GroupProps {
  group: Group;
  row: number;
  reachable: string;
  to: ReturnType<typeof useFollow>['to'];
}

function GroupRow({ group, row, reachable, to }: GroupProps): JSX.Element {
  const { index, mean, std, hasSpread, inputs } = group;
  return (
    <div className="grid grid-cols-[20px_100px_minmax(0,1fr)] items-start gap-x-2 sm:grid-cols-[64px_104px_minmax(0,1fr)] sm:gap-x-3">
      <span className="leading-5 text-ink-3">
        <span className="max-sm:sr-only">group </span>
        {index + 1}
      </span>
      <span className="text-right leading-5 whitespace-nowrap tabular-nums">
        <Copyable text={String(mean)} className="font-semibold">
          {figure(mean)}
        </Copyable>
        {hasSpread ? (
          <span className="text-ink-3"> ± {figure(std)}</span>
        ) : (
          <span className="ml-1.5 rounded-sm border border-dashed border-line-strong px-1 text-xs text-ink-2">no spread</span>
        )}
      </span>
      <span className="flex flex-wrap items-center gap-1">
        {inputs.map((input, i) => {
          const words = inputWords(input);
          const at = `${row}.${i}`;
          const common = {
            'data-at': at,
            tabIndex: at === reachable ? 0 : -1,
            'aria-label': `Group ${index + 1}: ${words}`,
            title: words,
            className: `size-5 shrink-0 rounded-[3px] pointer-coarse:size-8 ${hasSpread ? '' : 'opacity-55'}`,
            style: { background: rewardColor(input.reward) } satisfies CSSProperties,
          };
          if (input.traceId === null) return <span key={i} role="img" {...common} />;
          const look = `${common.className} hover:outline-2 hover:outline-offset-1 hover:outline-line-strong`;
          return <a key={i} {...to(`/trace/${input.traceId}`)} {...common} className={look} />;
        })}
      </span>
    </div>
  );
}
