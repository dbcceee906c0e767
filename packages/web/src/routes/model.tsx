/** A model of the team's own: what training made of it. */
import { useParams } from '@tanstack/react-router';
import type { api } from 'hud/protocol';
import { lazy, Suspense, useState, type JSX } from 'react';
import { routes } from '../api.ts';
import { Ago, useNow } from '../parts/ago.tsx';
import { Button, Pill } from '../parts/buttons.tsx';
import { Copyable } from '../parts/copyable.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { count, figure, plural } from '../parts/format.ts';
import { Empty, Failure, Guard, Skeleton } from '../parts/states.tsx';
import { visibleLine } from '../parts/untrusted.ts';
import { useCall, useChange } from '../parts/use-call.ts';
import { useMe } from '../shell/me.ts';
import { Page } from '../shell/shell.tsx';
import { Checkpoints } from './model-checkpoints.tsx';
import { useChosen } from './model-chosen.ts';
import { isGoingOn } from './model-metrics.ts';
import { Step } from './model-step.tsx';
import { Tasks } from './model-tasks.tsx';
import { pathToHead } from './model-tree.ts';

type Checkpoint = api.models.Checkpoint;

const Curves = lazy(async () => await import('./model-curves.tsx').then((m) => ({ default: m.Curves })));

/** While training goes on, and otherwise: how often it is asked for again. A page that nobody sees asks for nothing. */
const LIVE_MS = 2_000;
const FIRST_MS = 5_000;
const REST_MS = 15_000;

export function ModelPage(): JSX.Element {
  const { id = '' } = useParams({ strict: false });
  const models = useCall(routes.models.list, {});
  const model = models.data?.items.find((one) => one.id === id || one.modelName === id);
  const isOwn = model?.sourceModelId != null;
  const checkpoints = useCall(routes.models.checkpoints, { params: { id: model?.id ?? id } }, { isWanted: isOwn, everyMs: pauseAfter });
  const now = useNow(10_000);
  const isLive = isGoingOn(checkpoints.data ?? [], now);
  const name = model === undefined ? '' : visibleLine(model.name, 100);
  const error = models.error ?? checkpoints.error;
  return (
    <Page title={name} crumbs={[{ text: 'Models', to: '/models' }, { text: name }]}>
      {models.data === undefined && (error === null ? <Skeleton /> : <Failure error={error} retry={() => void models.refetch()} />)}
      {models.data !== undefined && model === undefined && <Empty>There is no model of this id here. It may belong to another team.</Empty>}
      {model !== undefined && (
        <>
          <Head model={model} source={models.data?.items.find((one) => one.id === model.sourceModelId)} isLive={isLive} />
          {!isOwn && (
            <Empty {...(model.isTrainable ? { command: `hud train tasks.ts --model ${model.modelName} --steps 30` } : {})}>
              It is served as its provider made it, so it has no checkpoints here.
              {model.isTrainable && ' This forks it and trains the fork on the rewards of your tasks.'}
            </Empty>
          )}
          {isOwn &&
            checkpoints.data === undefined &&
            (error === null ? <Skeleton /> : <Failure error={error} retry={() => void checkpoints.refetch()} />)}
          {isOwn && checkpoints.data !== undefined && <Training model={model} checkpoints={checkpoints.data} isLive={isLive} />}
        </>
      )}
    </Page>
  );
}

function pauseAfter(checkpoints: readonly Checkpoint[] | undefined): number {
  if (isGoingOn(checkpoints ?? [], Date.now())) return LIVE_MS;
  return checkpoints?.length === 0 ? FIRST_MS : REST_MS;
}

interface HeadProps {
  model: api.models.Model;
  source: api.models.Model | undefined;
  isLive: boolean;
}

function Head({ model, source, isLive }: HeadProps): JSX.Element {
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
      <h1 className="min-w-0 text-title font-semibold break-words">{visibleLine(model.name, 100)}</h1>
      <span className="text-ink-2">
        asked for as{' '}
        <Copyable text={model.modelName} className="font-mono text-sm">
          {visibleLine(model.modelName, 100)}
        </Copyable>
      </span>
      {source !== undefined && <Pill>began as {visibleLine(source.name, 60)}</Pill>}
      {isLive && <Pill tone="live">training goes on</Pill>}
      {model.createdAt != null && (
        <span className="text-ink-3">
          made <Ago time={model.createdAt} />
        </span>
      )}
    </div>
  );
}

interface TrainingProps {
  model: api.models.Model;
  checkpoints: readonly Checkpoint[];
  isLive: boolean;
}

function Training({ model, checkpoints, isLive }: TrainingProps): JSX.Element {
  const [activating, activate] = useState<Checkpoint>();
  const me = useMe();
  const { shown, beside, isFollowing, selected, marked, choose, select } = useChosen(checkpoints);
  if (checkpoints.length === 0)
    return (
      <Empty command={`hud train tasks.ts --model ${model.modelName} --steps 30`}>
        Nothing was trained yet: it answers with the weights that it began with. Each step of training adds a checkpoint here, with its
        rewards, its losses and the runs that fed it; this page grows while it goes on.
      </Empty>
    );
  return (
    <>
      <p className="max-w-[78ch] text-lead">{sentence(checkpoints)}</p>
      <div className="grid grid-cols-[minmax(0,1fr)] items-start gap-4 lg:grid-cols-[minmax(340px,2fr)_minmax(0,3fr)]">
        <div className="min-w-0 lg:order-last">
          <Guard>
            <Suspense fallback={<Skeleton lines={14} />}>
              <Curves checkpoints={checkpoints} isLive={isLive} marked={marked} onChoose={choose} />
            </Suspense>
          </Guard>
        </div>
        <Checkpoints checkpoints={checkpoints} shown={shown?.id} selected={selected} onSelect={select} />
      </div>
      {shown !== undefined && (
        <Step
          model={model}
          checkpoint={shown}
          beside={beside}
          isFollowing={isFollowing && isLive}
          onActivate={me?.scopes.includes('train') === true ? activate : undefined}
          mayAsk={me?.scopes.includes('gateway') === true}
        />
      )}
      <Guard>
        <Tasks modelId={model.id} isLive={isLive} />
      </Guard>
      {activating !== undefined && <SetHead model={model} checkpoint={activating} onClose={() => activate(undefined)} />}
    </>
  );
}

function sentence(checkpoints: readonly Checkpoint[]): JSX.Element {
  const path = pathToHead(checkpoints);
  const head = path.at(-1);
  const rewards = path.flatMap(({ meanReward }) => meanReward ?? []);
  const [first, last] = [rewards[0], rewards.at(-1)];
  return (
    <>
      <b>{plural(checkpoints.length, 'checkpoint')}</b>
      {head === undefined ? (
        '; none is active, so it answers with the weights that it began with.'
      ) : (
        <>
          , of which <b>{visibleLine(head.name, 80)}</b> is active
          {path.length < checkpoints.length && ` and ${count(path.length)} led to it`}.
          {first !== undefined && last !== undefined && rewards.length > 1 && (
            <>
              {' '}
              On that way the mean reward in training went from <b>{figure(first)}</b> to <b>{figure(last)}</b>, on the rollouts it was
              trained on: what it earns on others, a job tells.
            </>
          )}
        </>
      )}
    </>
  );
}

function SetHead({ model, checkpoint, onClose }: { model: api.models.Model; checkpoint: Checkpoint; onClose: () => void }): JSX.Element {
  const change = useChange(routes.models.setHead, [routes.models.checkpoints]);
  const submit = (): void => change.mutate({ params: { id: model.id }, body: { checkpointId: checkpoint.id } }, { onSuccess: onClose });
  return (
    <Dialog title={`Make ${visibleLine(checkpoint.name, 80)} the active checkpoint?`} onClose={onClose}>
      <p className="text-ink-2">
        From then on requests for <span className="font-mono text-sm">{visibleLine(model.modelName, 80)}</span> are answered with its
        weights, and training goes on from it. No checkpoint is lost.
      </p>
      {change.error !== null && (
        <p role="alert" className="text-r0">
          {change.error.message}
        </p>
      )}
      <div className="flex justify-end gap-2">
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="main" disabled={change.isPending} onClick={submit}>
          Make it active
        </Button>
      </div>
    </Dialog>
  );
}
