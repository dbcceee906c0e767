/** Named lists of tasks that the team shares. */
import { Link } from '@tanstack/react-router';
import type { api } from 'hud/protocol';
import type { JSX } from 'react';
import { routes } from '../api.ts';
import { Ago } from '../parts/ago.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { count } from '../parts/format.ts';
import { NamedList, useListPart } from '../parts/named-list.tsx';
import { Empty } from '../parts/states.tsx';
import { Table, Td, Th } from '../parts/table.tsx';
import { visibleLine } from '../parts/untrusted.ts';
import { useCall } from '../parts/use-call.ts';
import { useMe } from '../shell/me.ts';
import { Page } from '../shell/shell.tsx';

export function TasksetsPage(): JSX.Element {
  const list = useCall(routes.tasksets.list, useListPart(), { keepsLast: true, everyMs: 30_000 });
  return (
    <Page crumbs={[{ text: 'Tasksets' }]}>
      <h1 className="sr-only">Tasksets</h1>
      <NamedList list={list} rows={Rows} nothing={Nothing} />
    </Page>
  );
}

function Rows({ items }: { items: readonly api.tasksets.TasksetSummary[] }): JSX.Element {
  return (
    <Table
      label="Tasksets"
      head={
        <>
          <Th>Name</Th>
          <Th isFigure>Tasks</Th>
          <Th isFigure title="Tasks whose environment has no manifest yet: nothing was held against it">
            Unverified
          </Th>
          <Th isFigure from="sm">
            Version
          </Th>
          <Th isFigure>Changed</Th>
        </>
      }
    >
      {items.map(({ id, name, tasks, unverified, version, updatedAt }) => (
        <tr key={id}>
          <Td isMain>
            <Link to="/tasksets/$id" params={{ id }} search={{} as never} className="font-[550] hover:text-accent">
              {visibleLine(name, 120)}
            </Link>
          </Td>
          <Td isFigure>
            <Copyable text={String(tasks)}>{count(tasks)}</Copyable>
          </Td>
          <Td isFigure className={unverified === 0 ? 'text-ink-3' : ''}>
            {unverified === 0 ? '–' : <Copyable text={String(unverified)}>{count(unverified)}</Copyable>}
          </Td>
          <Td isFigure from="sm" className="text-ink-2">
            {version}
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
  if (isNarrowed) return <Empty>No taskset has such a name.</Empty>;
  if (me?.isLocal === true)
    return (
      <Empty command="hud platform">
        This is the record of one machine, which keeps jobs and their runs. Tasksets are kept by a platform, which one command starts.
      </Empty>
    );
  return (
    <Empty command="hud sync tasks my-tasks tasks.ts">
      No taskset has been brought here yet. This uploads the tasks of a file under a name.
    </Empty>
  );
}
