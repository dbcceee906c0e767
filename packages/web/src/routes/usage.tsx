/** What model calls took and cost, by whatever they are to be summed, and how much they may cost. */
import type { api } from 'hud/protocol';
import type { JSX } from 'react';
import { routes } from '../api.ts';
import { useAddress } from '../parts/address.ts';
import { Copyable } from '../parts/copyable.tsx';
import { Choice } from '../parts/fields.tsx';
import { count, money, plural } from '../parts/format.ts';
import { useNow } from '../parts/ago.tsx';
import { Empty, Failure, Skeleton } from '../parts/states.tsx';
import { useCall } from '../parts/use-call.ts';
import { useMe } from '../shell/me.ts';
import { Page } from '../shell/shell.tsx';
import { Budgets } from './usage-budgets.tsx';
import { DayBars } from './usage-days.tsx';
import { UsageRows } from './usage-rows.tsx';

type Totals = api.usage.UsageTotals;

const DAY_MS = 86_400_000;

const SPANS = [
  ['30', 'the last 30 days'],
  ['1', 'the last 24 hours'],
  ['7', 'the last 7 days'],
  ['90', 'the last 90 days'],
  ['all', 'all time'],
] as const;

const GROUPS = [
  ['model', 'Model'],
  ['job', 'Job'],
  ['key', 'Key'],
  ['user', 'User'],
  ['day', 'Day'],
  ['trace', 'Run'],
] as const;

export function UsagePage(): JSX.Element {
  const [search, set] = useAddress();
  const me = useMe();
  const [span, spanWords] = SPANS.find(([one]) => one === search.span) ?? SPANS[0];
  const groupBy = GROUPS.find(([one]) => one === search.by)?.[0] ?? 'model';
  const since = useSince(span);
  const { data, error, refetch } = useCall(
    routes.usage.usage,
    { query: { groupBy, since, limit: 200 } },
    { keepsLast: true, everyMs: 15_000 },
  );
  const days = useCall(routes.usage.usage, { query: { groupBy: 'day', since, limit: 1_000 } }, { keepsLast: true, everyMs: 15_000 });
  return (
    <Page crumbs={[{ text: 'Usage' }]}>
      <h1 className="sr-only">Usage</h1>
      {data === undefined && (error === null ? <Skeleton lines={12} /> : <Failure error={error} retry={() => void refetch()} />)}
      {data !== undefined && (
        <>
          <div className="flex flex-wrap items-start justify-between gap-3">
            <p className="max-w-[78ch] text-lead">{sentence(data.total, spanWords)}</p>
            <Choice
              label="Time"
              isBare
              value={span}
              options={SPANS}
              onChange={(value) => set({ span: value === '30' ? undefined : value })}
            />
          </div>
          {data.total.calls === 0 ? (
            <Nothing isLocal={me?.isLocal === true} isNarrowed={span !== 'all'} />
          ) : (
            <>
              {days.data !== undefined && span !== '1' && <DayBars rows={days.data.items} />}
              <UsageRows groups={GROUPS} groupBy={groupBy} usage={data} choose={(by) => set({ by: by === 'model' ? undefined : by })} />
            </>
          )}
          <Budgets />
        </>
      )}
    </Page>
  );
}

/** To the minute for a day, else to the day (UTC), so that the address of a reply stays the same for a while. */
function useSince(span: string): string | undefined {
  const now = useNow(60_000);
  if (span === 'all') return undefined;
  if (span === '1') return new Date(Math.floor(now / 60_000) * 60_000 - DAY_MS).toISOString();
  return new Date((Math.floor(now / DAY_MS) - Number(span) + 1) * DAY_MS).toISOString();
}

function sentence(
  { calls, failed, replayed, promptTokens, completionTokens, cachedTokens, costUsd, unknownCost }: Totals,
  span: string,
): JSX.Element {
  const inSpan = span === 'all time' ? 'So far' : `In ${span}`;
  if (calls === 0) return <>{inSpan}, no model was called through this platform.</>;
  return (
    <>
      {inSpan}, <b>{plural(calls, 'model call')}</b> took {tokens(promptTokens)} tokens in
      {cachedTokens > 0 && `, ${Math.round((cachedTokens / Math.max(1, promptTokens)) * 100)} % of them cached,`} and{' '}
      {tokens(completionTokens)} out
      {costUsd === null ? (
        '; what they cost, nobody knows'
      ) : (
        <>
          , and cost{' '}
          <b>
            <Copyable text={String(costUsd)}>{money(costUsd)}</Copyable>
          </b>
        </>
      )}
      {costUsd !== null && unknownCost > 0 && (
        <>
          {' '}
          without <b>{plural(unknownCost, 'call')}</b> whose cost nobody knows
        </>
      )}
      .{failed > 0 && ` ${plural(failed, 'call')} failed.`}
      {replayed > 0 && ` ${plural(replayed, 'call')} ${replayed === 1 ? 'was' : 'were'} answered from a recording, for nothing.`}
    </>
  );
}

function tokens(n: number): JSX.Element {
  return <Copyable text={String(n)}>{shortCount(n)}</Copyable>;
}

/** `88,410`, `3.4 million`. */
function shortCount(n: number): string {
  if (n < 1_000_000) return count(n);
  return n < 1_000_000_000 ? `${(n / 1_000_000).toFixed(1)} million` : `${(n / 1_000_000_000).toFixed(2)} billion`;
}

function Nothing({ isLocal, isNarrowed }: { isLocal: boolean; isNarrowed: boolean }): JSX.Element {
  if (isLocal)
    return (
      <Empty command="hud platform">
        This is the record of one machine: it keeps what runs cost with each run. Calls are counted by the gateway of a platform, which one
        command starts.
      </Empty>
    );
  return (
    <Empty command="hud eval tasks.ts claude --gateway">
      {isNarrowed ? 'No model was called in this time.' : 'No model was called through this platform yet.'} With this, an agent calls its
      model through it.
    </Empty>
  );
}
