/** One environment: what it offers, who uses it, and how it changed. */
import { Link, useParams } from '@tanstack/react-router';
import type { api } from 'hud/protocol';
import type { JSX } from 'react';
import { routes } from '../api.ts';
import { useAddress } from '../parts/address.ts';
import { Ago } from '../parts/ago.tsx';
import { Pill } from '../parts/buttons.tsx';
import { plural } from '../parts/format.ts';
import { Empty, Failure, Skeleton } from '../parts/states.tsx';
import { Table, Td, Th } from '../parts/table.tsx';
import { visibleLine } from '../parts/untrusted.ts';
import { useCall } from '../parts/use-call.ts';
import { Heading, Views } from '../parts/views.tsx';
import { Page } from '../shell/shell.tsx';
import { Templates } from './environment-templates.tsx';
import { EnvironmentVersions } from './environment-versions.tsx';

type Detail = api.Reply<typeof api.registry.get>;

const VIEWS = [
  ['offers', 'What it offers'],
  ['uses', 'Who uses it'],
  ['versions', 'Versions'],
] as const;

export function EnvironmentPage(): JSX.Element {
  const { id = '' } = useParams({ strict: false });
  const [search] = useAddress();
  const { data, error, refetch } = useCall(routes.registry.get, { params: { id } });
  const name = data === undefined ? '' : visibleLine(data.name, 120);
  const view = VIEWS.find(([one]) => one === search.view)?.[0] ?? 'offers';
  return (
    <Page title={name} crumbs={[{ text: 'Environments', to: '/environments' }, { text: name }]}>
      {data === undefined && (error === null ? <Skeleton /> : <Failure error={error} retry={() => void refetch()} />)}
      {data !== undefined && (
        <>
          <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
            <h1 className="min-w-0 text-title font-semibold break-words">{name}</h1>
            <span className="text-ink-2">
              {data.latestBuild === null ? (
                'no manifest yet'
              ) : (
                <>
                  version {data.latestBuild.version}, from <Ago time={data.latestBuild.createdAt} />
                </>
              )}
            </span>
            <Capabilities manifest={data.manifest} />
          </div>
          <Views label="Views of the environment" views={VIEWS} view={view} />
          {view === 'offers' && <Offers environment={data} />}
          {view === 'uses' && <Uses id={id} />}
          {view === 'versions' && <EnvironmentVersions id={id} />}
        </>
      )}
    </Page>
  );
}

function Capabilities({ manifest }: { manifest: Detail['manifest'] }): JSX.Element | null {
  const capabilities = manifest?.capabilities ?? [];
  if (capabilities.length === 0) return null;
  return (
    <span className="flex flex-wrap gap-1.5">
      {capabilities.map(({ name, protocol }) => (
        <Pill key={name} title={`The connection '${visibleLine(name, 80)}', by ${visibleLine(protocol, 40)}`}>
          {visibleLine(name, 40)}
          {name !== protocol && <span className="text-ink-3">{visibleLine(protocol, 40)}</span>}
        </Pill>
      ))}
    </span>
  );
}

function Offers({ environment: { name, manifest } }: { environment: Detail }): JSX.Element {
  if (manifest === null)
    return (
      <Empty command={`hud sync env ${name} .`}>
        It is known by its name alone. Registered from its folder, it tells its templates and their parameters, and tasks are held against
        them.
      </Empty>
    );
  if (manifest.tasks.length === 0) return <Empty>This version has no templates.</Empty>;
  return <Templates tasks={manifest.tasks} />;
}

function Uses({ id }: { id: string }): JSX.Element {
  const { data, error, refetch } = useCall(routes.registry.uses, { params: { id } });
  if (data === undefined) return error === null ? <Skeleton /> : <Failure error={error} retry={() => void refetch()} />;
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-6">
      <section className="grid grid-cols-[minmax(0,1fr)] gap-3">
        <Heading>Tasksets with tasks of it</Heading>
        {data.tasksets.length === 0 ? (
          <Empty>No taskset of the team has a task of this environment.</Empty>
        ) : (
          <Table
            label="Tasksets"
            head={
              <>
                <Th>Taskset</Th>
                <Th isFigure>Tasks of it</Th>
              </>
            }
          >
            {data.tasksets.map((taskset) => (
              <tr key={taskset.id}>
                <Td isMain>
                  <Link to="/tasksets/$id" params={{ id: taskset.id }} search={{} as never} className="font-[550] hover:text-accent">
                    {visibleLine(taskset.name, 120)}
                  </Link>
                </Td>
                <Td isFigure>{plural(taskset.tasks, 'task')}</Td>
              </tr>
            ))}
          </Table>
        )}
      </section>
      <section className="grid grid-cols-[minmax(0,1fr)] gap-3">
        <Heading>Newest jobs that ran it</Heading>
        {data.jobs.length === 0 ? (
          <Empty command="hud eval tasks.ts oracle">None of the newest 300 jobs ran a task of this environment.</Empty>
        ) : (
          <Jobs jobs={data.jobs} />
        )}
      </section>
    </div>
  );
}

function Jobs({ jobs }: { jobs: api.Reply<typeof api.registry.uses>['jobs'] }): JSX.Element {
  return (
    <Table
      label="Jobs"
      head={
        <>
          <Th>Job</Th>
          <Th>Agent</Th>
          <Th from="sm">State</Th>
          <Th isFigure>Begun</Th>
        </>
      }
    >
      {jobs.map(({ id, name, agent, model, createdAt, endedAt }) => (
        <tr key={id}>
          <Td isMain>
            <Link to="/jobs/$id" params={{ id }} search={{} as never} className="font-[550] hover:text-accent">
              {visibleLine(name, 120)}
            </Link>
          </Td>
          <Td className="max-w-[28ch] truncate text-ink-2 max-sm:max-w-[14ch]">{visibleLine(model ?? agent ?? '–', 80)}</Td>
          <Td from="sm" className="text-ink-2">
            {endedAt === null ? 'running' : 'ended'}
          </Td>
          <Td isFigure className="text-ink-2">
            <Ago time={createdAt} />
          </Td>
        </tr>
      ))}
    </Table>
  );
}
