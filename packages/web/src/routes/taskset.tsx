/** One taskset: its tasks, how they behave, who is best at them, and how it changed. */
import { Link, useParams } from '@tanstack/react-router';
import type { api } from 'hud/protocol';
import type { JSX } from 'react';
import { routes } from '../api.ts';
import { useAddress } from '../parts/address.ts';
import { Ago } from '../parts/ago.tsx';
import { Pill } from '../parts/buttons.tsx';
import { plural } from '../parts/format.ts';
import { Failure, Skeleton } from '../parts/states.tsx';
import { visibleLine } from '../parts/untrusted.ts';
import { useCall } from '../parts/use-call.ts';
import { Views } from '../parts/views.tsx';
import { Page } from '../shell/shell.tsx';
import { HealthView } from './taskset-health.tsx';
import { LeaderboardView } from './taskset-leaderboard.tsx';
import { RowsView } from './taskset-rows.tsx';
import { VersionsView } from './taskset-versions.tsx';

const VIEWS = [
  ['tasks', 'Tasks'],
  ['health', 'Health'],
  ['leaderboard', 'Leaderboard'],
  ['versions', 'Versions'],
] as const;

export function TasksetPage(): JSX.Element {
  const { id } = useParams({ strict: false });
  const [search] = useAddress();
  const { data, error, refetch } = useCall(routes.tasksets.get, { params: { id: id ?? '' } }, { everyMs: 30_000 });
  const name = data === undefined ? '' : visibleLine(data.name, 120);
  const view = VIEWS.find(([one]) => one === search.view)?.[0] ?? 'tasks';
  return (
    <Page title={name} crumbs={[{ text: 'Tasksets', to: '/tasksets' }, { text: name }]}>
      {data === undefined && (error === null ? <Skeleton /> : <Failure error={error} retry={() => void refetch()} />)}
      {data !== undefined && (
        <>
          <Head taskset={data} name={name} />
          <Views label="Views of the taskset" views={VIEWS} view={view} />
          {view === 'tasks' && <RowsView taskset={data} />}
          {view === 'health' && <HealthView taskset={data} />}
          {view === 'leaderboard' && <LeaderboardView taskset={data} />}
          {view === 'versions' && <VersionsView taskset={data} />}
        </>
      )}
    </Page>
  );
}

function Head({
  taskset: { name, tasks, version, unverified, updatedAt },
  name: shown,
}: {
  taskset: api.tasksets.TasksetSummary;
  name: string;
}): JSX.Element {
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
      <h1 className="min-w-0 text-title font-semibold break-words">{shown}</h1>
      <span className="text-ink-2">
        {plural(tasks, 'task')}, version {version}, changed <Ago time={updatedAt} />
      </span>
      {unverified > 0 && (
        <Pill
          tone="warn"
          title="Their environments have no manifest here, so their arguments were taken on trust: `hud sync env` brings one"
        >
          {unverified === tasks ? 'unverified' : `${plural(unverified, 'task')} unverified`}
        </Pill>
      )}
      <Link to="/jobs" search={{ taskset: name } as never} className="text-accent hover:underline md:ml-auto">
        Its jobs
      </Link>
    </div>
  );
}
