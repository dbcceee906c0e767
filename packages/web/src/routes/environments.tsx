/** Environments that the team has made known. */
import { Link } from '@tanstack/react-router';
import type { api } from 'hud/protocol';
import type { JSX } from 'react';
import { routes } from '../api.ts';
import { Ago } from '../parts/ago.tsx';
import { NamedList, useListPart } from '../parts/named-list.tsx';
import { Empty } from '../parts/states.tsx';
import { Table, Td, Th } from '../parts/table.tsx';
import { visibleLine } from '../parts/untrusted.ts';
import { useCall } from '../parts/use-call.ts';
import { useMe } from '../shell/me.ts';
import { Page } from '../shell/shell.tsx';

export function EnvironmentsPage(): JSX.Element {
  const list = useCall(routes.registry.list, useListPart(), { keepsLast: true, everyMs: 30_000 });
  return (
    <Page crumbs={[{ text: 'Environments' }]}>
      <h1 className="sr-only">Environments</h1>
      <NamedList list={list} rows={Rows} nothing={Nothing} />
    </Page>
  );
}

function Rows({ items }: { items: readonly api.registry.Environment[] }): JSX.Element {
  return (
    <Table
      label="Environments"
      head={
        <>
          <Th>Name</Th>
          <Th isFigure>Version</Th>
          <Th isFigure from="sm">
            Known since
          </Th>
          <Th isFigure>Changed</Th>
        </>
      }
    >
      {items.map(({ id, name, latestBuild, createdAt, updatedAt }) => (
        <tr key={id}>
          <Td isMain>
            <Link to="/environments/$id" params={{ id }} search={{} as never} className="font-[550] hover:text-accent">
              {visibleLine(name, 120)}
            </Link>
          </Td>
          <Td isFigure>{latestBuild === null ? <span className="text-ink-3">no manifest</span> : latestBuild.version}</Td>
          <Td isFigure from="sm" className="text-ink-2">
            <Ago time={createdAt} />
          </Td>
          <Td isFigure className="text-ink-2">
            <Ago time={updatedAt} />
          </Td>
        </tr>
      ))}
    </Table>
  );
}

function Nothing({ isNarrowed }: { isNarrowed: boolean }): JSX.Element {
  const me = useMe();
  if (isNarrowed) return <Empty>No environment has such a name.</Empty>;
  if (me?.isLocal === true)
    return (
      <Empty command="hud platform">
        This is the record of one machine, which keeps jobs and their runs. Environments are registered with a platform, which one command
        starts.
      </Empty>
    );
  return (
    <Empty command="hud sync env my-env .">
      No environment has been registered yet. This registers the one of a folder: its templates, their parameters, what it offers.
    </Empty>
  );
}
