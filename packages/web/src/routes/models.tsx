/** Models behind the one key: those that are served, and those that the team trains. */
import { Link } from '@tanstack/react-router';
import type { api } from 'hud/protocol';
import type { JSX } from 'react';
import { routes } from '../api.ts';
import { useAddress } from '../parts/address.ts';
import { Ago } from '../parts/ago.tsx';
import { Pill } from '../parts/buttons.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { SearchField } from '../parts/fields.tsx';
import { plural } from '../parts/format.ts';
import { Empty, Failure, Skeleton } from '../parts/states.tsx';
import { Table, Td, Th } from '../parts/table.tsx';
import { visibleLine } from '../parts/untrusted.ts';
import { useCall } from '../parts/use-call.ts';
import { Heading } from '../parts/views.tsx';
import { useMe } from '../shell/me.ts';
import { Page } from '../shell/shell.tsx';

type Model = api.models.Model;

export function ModelsPage(): JSX.Element {
  const [search, set] = useAddress();
  const { data, error, refetch } = useCall(routes.models.list, {});
  const part = (search.q ?? '').toLowerCase();
  const found = data?.items.filter(({ name, modelName }) => `${name} ${modelName}`.toLowerCase().includes(part)) ?? [];
  const own = found.filter(isOwn);
  const served = found.filter((model) => !isOwn(model));
  return (
    <Page crumbs={[{ text: 'Models' }]}>
      <h1 className="sr-only">Models</h1>
      {data === undefined && (error === null ? <Skeleton /> : <Failure error={error} retry={() => void refetch()} />)}
      {data !== undefined && (
        <>
          {data.items.length > 0 && <SearchField label="Part of a name" value={search.q ?? ''} onChange={(q) => set({ q })} />}
          <Own own={own} models={data.items} isNarrowed={part !== ''} />
          <section className="grid grid-cols-[minmax(0,1fr)] gap-3">
            <Heading aside={served.length > 0 && <span className="text-sm text-ink-3">{plural(served.length, 'model')}</span>}>
              Served
            </Heading>
            {served.length === 0 ? <NoneServed isNarrowed={part !== ''} /> : <Served models={served} />}
          </section>
        </>
      )}
    </Page>
  );
}

function isOwn({ sourceModelId }: Model): boolean {
  return sourceModelId != null;
}

function Own({ own, models, isNarrowed }: { own: readonly Model[]; models: readonly Model[]; isNarrowed: boolean }): JSX.Element | null {
  const trainable = models.find(({ isTrainable, sourceModelId }) => isTrainable && sourceModelId == null);
  const me = useMe();
  if (own.length === 0 && (isNarrowed || me?.isLocal === true)) return null;
  return (
    <section className="grid grid-cols-[minmax(0,1fr)] gap-3">
      <Heading>Your team’s own</Heading>
      {own.length > 0 && <OwnTable own={own} models={models} />}
      {own.length === 0 &&
        (trainable === undefined ? (
          <Empty>No model of your own yet, and none of those that are served can be trained.</Empty>
        ) : (
          <Empty command={`hud train tasks.ts --model ${trainable.modelName} --steps 30`}>
            No model of your own yet. This forks {visibleLine(trainable.name, 80)} and trains the fork on the rewards of your tasks; each
            step adds a checkpoint to it.
          </Empty>
        ))}
    </section>
  );
}

function OwnTable({ own, models }: { own: readonly Model[]; models: readonly Model[] }): JSX.Element {
  const byId = new Map(models.map((model) => [model.id, model]));
  return (
    <Table
      label="Your team’s own models"
      head={
        <>
          <Th>Model</Th>
          <Th from="sm">Name in requests</Th>
          <Th>Began as</Th>
          <Th isFigure>Made</Th>
        </>
      }
    >
      {own.map(({ id, name, modelName, sourceModelId, createdAt }) => (
        <tr key={id}>
          <Td className="max-w-[32ch] truncate">
            <Link to="/models/$id" params={{ id }} search={{} as never} className="font-[550] hover:text-accent">
              {visibleLine(name, 80)}
            </Link>
          </Td>
          <Td from="sm" className="max-w-[32ch] truncate font-mono text-sm text-ink-2">
            <Copyable text={modelName}>{visibleLine(modelName, 80)}</Copyable>
          </Td>
          <Td className="max-w-[24ch] truncate text-ink-2">
            {visibleLine(byId.get(sourceModelId ?? '')?.name ?? 'a model that is gone', 80)}
          </Td>
          <Td isFigure className="text-ink-2">
            {createdAt == null ? '–' : <Ago time={createdAt} />}
          </Td>
        </tr>
      ))}
    </Table>
  );
}

const AGENTS: Readonly<Record<string, string>> = {
  claude: 'Claude',
  openai: 'OpenAI',
  gemini: 'Gemini',
  openai_compatible: 'OpenAI compatible',
};

function Served({ models }: { models: readonly Model[] }): JSX.Element {
  return (
    <Table
      label="Models that are served"
      head={
        <>
          <Th>Name in requests</Th>
          <Th from="md">Model</Th>
          <Th from="sm">Provider</Th>
          <Th>Agent</Th>
          <Th>
            <span className="sr-only">Notes</span>
          </Th>
        </>
      }
    >
      {models.map(({ id, name, modelName, provider, sdkAgentType, isTrainable }) => (
        <tr key={id}>
          <Td className="max-w-[40ch] truncate font-mono text-sm">
            <Copyable text={modelName}>{visibleLine(modelName, 80)}</Copyable>
          </Td>
          <Td from="md" className="max-w-[32ch] truncate text-ink-2">
            {visibleLine(name, 80)}
          </Td>
          <Td from="sm" className="text-ink-2">
            {provider.name === null ? '–' : visibleLine(provider.name, 40)}
          </Td>
          <Td className="text-ink-2">
            {sdkAgentType === null ? (
              <span title="No agent of this package drives it">none</span>
            ) : (
              (AGENTS[sdkAgentType] ?? visibleLine(sdkAgentType, 40))
            )}
          </Td>
          <Td>{isTrainable && <Pill title="`hud models fork` begins a model of your own as this one">trainable</Pill>}</Td>
        </tr>
      ))}
    </Table>
  );
}

function NoneServed({ isNarrowed }: { isNarrowed: boolean }): JSX.Element {
  const me = useMe();
  if (isNarrowed) return <Empty>No model has such a name.</Empty>;
  if (me?.isLocal === true)
    return (
      <Empty command="hud platform">
        This is the record of one machine. A platform puts models behind one key, and one command starts it.
      </Empty>
    );
  return (
    <Empty command="ANTHROPIC_API_KEY=… hud platform">
      No model is served. The platform serves those of the providers whose keys it is started with.
    </Empty>
  );
}
