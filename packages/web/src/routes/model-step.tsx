/** The checkpoint that is looked at, or two side by side: numbers of their steps, what fed them, what they answer. */
import { Link } from '@tanstack/react-router';
import type { api } from 'hud/protocol';
import type { JSX, ReactNode } from 'react';
import { useAddress } from '../parts/address.ts';
import { Ago } from '../parts/ago.tsx';
import { Button, Pill } from '../parts/buttons.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { Guard } from '../parts/states.tsx';
import { Table, Td, Th } from '../parts/table.tsx';
import { visibleLine } from '../parts/untrusted.ts';
import { Heading } from '../parts/views.tsx';
import { AskBoth } from './model-ask.tsx';
import { BASE } from './model-chosen.ts';
import { Inputs } from './model-inputs.tsx';
import { keptOf, NOT_KEPT, Pin } from './model-kept.tsx';
import { short } from './model-numbers.ts';

type Checkpoint = api.models.Checkpoint;

interface Props {
  model: api.models.Model;
  checkpoint: Checkpoint;
  /** The one beside it, or base weights. */
  beside: Checkpoint | typeof BASE | undefined;
  /** Nobody chose it: it is the active one, and the next when that comes. */
  isFollowing: boolean;
  /** Undefined for who may not train. */
  onActivate: ((checkpoint: Checkpoint) => void) | undefined;
  mayAsk: boolean;
}

export function Step(props: Props): JSX.Element {
  const { model, checkpoint, beside, mayAsk } = props;
  return (
    <section className="grid grid-cols-[minmax(0,1fr)] gap-4" aria-label="The checkpoint that is looked at">
      <Title {...props} />
      {beside !== undefined && mayAsk && (
        <Guard>
          <AskBoth model={model} sides={[sideOf(checkpoint), sideOf(beside)]} />
        </Guard>
      )}
      {beside === undefined ? <Facts checkpoint={checkpoint} /> : <Both checkpoint={checkpoint} beside={beside} />}
      <Heading>What fed {visibleLine(checkpoint.name, 80)}</Heading>
      <Guard>
        <Inputs modelId={model.id} checkpointId={checkpoint.id} />
      </Guard>
    </section>
  );
}

function sideOf(checkpoint: Checkpoint | typeof BASE): { id: string; name: string } {
  return checkpoint === BASE ? { id: BASE, name: 'base weights' } : { id: checkpoint.id, name: visibleLine(checkpoint.name, 80) };
}

function Title({ model, checkpoint, beside, isFollowing, onActivate, mayAsk }: Props): JSX.Element {
  const [, set] = useAddress();
  const kept = keptOf(checkpoint);
  const compare = (other: string): void => set({ at: checkpoint.id, with: other });
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-2 border-t border-line pt-4">
      <h2 className="text-lead font-semibold">
        {visibleLine(checkpoint.name, 80)}
        {beside !== undefined && <span className="font-normal text-ink-2"> beside {sideOf(beside).name}</span>}
      </h2>
      {checkpoint.isActive && <Pill tone="live">active</Pill>}
      {checkpoint.isPinned === true && <Pill title="Its weights stay, however many steps follow">pinned</Pill>}
      {NOT_KEPT[kept] !== undefined && <span className="text-sm text-ink-2">{NOT_KEPT[kept]}</span>}
      {isFollowing && <span className="text-sm text-ink-3">always the active one, until you choose another</span>}
      <span className="flex flex-wrap gap-2 sm:ml-auto">
        {beside === undefined && mayAsk && kept !== 'none' && <Button onClick={() => compare(BASE)}>Ask it and base weights</Button>}
        {beside === undefined && checkpoint.prevModelCheckpointId !== null && (
          <Button onClick={() => compare(checkpoint.prevModelCheckpointId ?? BASE)}>Compare with the one before</Button>
        )}
        {beside !== undefined && (
          <Button onClick={() => set({ with: undefined, ask: undefined })}>Only {visibleLine(checkpoint.name, 40)}</Button>
        )}
        {onActivate !== undefined && (kept === 'all' || checkpoint.isPinned === true) && <Pin model={model} checkpoint={checkpoint} />}
        {onActivate !== undefined && !checkpoint.isActive && kept === 'all' && (
          <Button onClick={() => onActivate(checkpoint)}>Make active</Button>
        )}
      </span>
    </div>
  );
}

/** Names and numbers of a step, those first that everybody asks for. */
function numbersOf({ meanReward, metrics, numTokens, numTraces, numDatums, learningRate }: Checkpoint): [string, number][] {
  const first: [string, number | null][] = [
    ['mean reward', meanReward],
    ['trajectories', numTraces],
    ['turns that taught', numDatums],
    ['tokens', numTokens],
    ['learning rate', learningRate],
  ];
  const rest = Object.entries(metrics).filter(([name]) => !TOLD.has(name));
  return [...first.flatMap(([name, value]): [string, number][] => (value === null ? [] : [[name, value]])), ...rest];
}

/** Said above in other words; the last is the sampled entropy with its sign turned. */
const TOLD = new Set(['reward_mean', 'num_tokens', 'num_trajectories', 'sampling_logprob_mean']);

function Facts({ checkpoint }: { checkpoint: Checkpoint }): JSX.Element {
  const { lossFn, checkpointName, createdAt } = checkpoint;
  return (
    <dl className="grid grid-cols-2 gap-x-6 gap-y-2 sm:grid-cols-3 md:grid-cols-4 lg:grid-cols-6">
      {numbersOf(checkpoint).map(([name, value]) => (
        <Fact key={name} name={visibleLine(name, 40)}>
          <Copyable text={String(value)}>{short(value)}</Copyable>
        </Fact>
      ))}
      {lossFn !== null && <Fact name="loss function">{visibleLine(lossFn, 40)}</Fact>}
      <Fact name="made">
        <Ago time={createdAt} />
      </Fact>
      <Fact name="weights">
        {checkpointName === null ? (
          'not kept'
        ) : (
          <Copyable text={checkpointName} className="font-mono text-sm">
            {visibleLine(checkpointName.split('/').at(-1) ?? checkpointName, 60)}
          </Copyable>
        )}
      </Fact>
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }): JSX.Element {
  return (
    <div className="min-w-0">
      <dt className="truncate text-sm text-ink-3" title={name}>
        {name}
      </dt>
      <dd className="truncate tabular-nums">{children}</dd>
    </div>
  );
}

function Both({ checkpoint, beside }: { checkpoint: Checkpoint; beside: Checkpoint | typeof BASE }): JSX.Element {
  const [mine, theirs] = [new Map(numbersOf(checkpoint)), beside === BASE ? new Map<string, number>() : new Map(numbersOf(beside))];
  const names = [...new Set([...mine.keys(), ...theirs.keys()])];
  if (beside === BASE) return <Facts checkpoint={checkpoint} />;
  return (
    <Table
      label="Numbers of both steps"
      head={
        <>
          <Th>Of the step</Th>
          <Th isFigure>{visibleLine(checkpoint.name, 40)}</Th>
          <Th isFigure>
            <Link
              to="."
              search={((before: object) => ({ ...before, at: beside.id, with: checkpoint.id })) as never}
              replace
              resetScroll={false}
              title="Look at this one first"
              className="hover:text-accent"
            >
              {visibleLine(beside.name, 40)}
            </Link>
          </Th>
        </>
      }
    >
      {names.map((name) => (
        <tr key={name}>
          <Td className="text-ink-2">{visibleLine(name, 60)}</Td>
          <Figure value={mine.get(name)} />
          <Figure value={theirs.get(name)} />
        </tr>
      ))}
    </Table>
  );
}

function Figure({ value }: { value: number | undefined }): JSX.Element {
  return <Td isFigure>{value === undefined ? '–' : <Copyable text={String(value)}>{short(value)}</Copyable>}</Td>;
}
