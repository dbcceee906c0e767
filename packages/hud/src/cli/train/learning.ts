/** The gradient and the step of one round, counted once whichever process asks for them, and again where the platform lost them. */
import type { PlatformClient } from '../../api-client/index.ts';
import type { Run } from '../../client/index.ts';
import { sleep } from '../../host/host.ts';
import { nodeHost } from '../../host/node.ts';
import { operation } from '../../protocol/api/training.ts';
import { HudError, isHudError } from '../../protocol/errors.ts';
import type { Round } from './journal.ts';
import { platformIsThere } from './rolling-out.ts';
import type { Session } from './session.ts';

type Learnt = Pick<Round, 'metrics' | 'checkpointId'>;

/** A platform that loses every gradient can't train. */
const MOST_TRIES = 3;
/** How long an operation of an earlier process is waited for, in milliseconds. */
const STILL_RUNNING_MS = 600_000;
const POLL_MS = 500;

/** Never interrupted half-way. @param runs of the round */
export async function learn(session: Session, number: number, runs: readonly Run[]): Promise<Learnt> {
  const { job, plan, model, isResumed, listener } = session;
  const text = `step ${number} of ${plan.steps}`;
  let made = 1;
  for (let tries = 1; ; tries += 1) {
    try {
      return await learnOnce(session, `train-${job.id}-${number}${made === 1 ? '' : `-${made}`}`, runs);
    } catch (error) {
      // Of a session that is gone on with, the step before may have found that another trainer had taken its gradient.
      const isGone = isLost(error) || (isResumed && isTaken(error));
      if (tries === MOST_TRIES || !(isGone || isUnknown(error)))
        throw isTaken(error) ? withTwoTrainers(error as HudError, model.modelName) : error;
      if (isGone) {
        made += 1; // under its old name the answer would be the old one
        listener.onNote(`${text}: the gradient was gone before it was applied, as when the platform is started again; it is made again`);
      }
    }
    await platformIsThere(session, text);
  }
}

async function learnOnce(session: Session, id: string, runs: readonly Run[]): Promise<Learnt> {
  const { plan, trainer, isResumed } = session;
  const known = isResumed ? await metricsOf(session, `${id}-gradient`) : undefined;
  const metrics =
    known ??
    (
      await trainer.forwardBackward(runs, {
        groupSize: plan.group,
        dropIncompleteGroups: true,
        lossFn: plan.loss,
        ...(plan.lossConfig === undefined ? {} : { lossFnConfig: plan.lossConfig }),
        operationId: `${id}-gradient`,
      })
    ).metrics;
  const { checkpointId } = await trainer.optimStep({ learningRate: plan.learningRate, operationId: `${id}-step` });
  return { metrics, checkpointId };
}

/** The platform says so in these words, once for each gradient; nothing of it was applied. */
function isLost(error: unknown): boolean {
  return isConflict(error, 'session rebuilt');
}

/** What became of it nobody said for a minute: asked again under the same name, it is done once. */
function isUnknown(error: unknown): boolean {
  return isHudError(error) && error.code === 'PLATFORM_UNREACHABLE';
}

/** There is nothing to apply, although a gradient was made. */
function isTaken(error: unknown): boolean {
  return isConflict(error, 'no accumulated gradient');
}

function isConflict(error: unknown, words: string): boolean {
  return isHudError(error) && error.data?.status === 409 && String(error.data.detail).includes(words);
}

function withTwoTrainers(error: HudError, name: string): HudError {
  const hint = `Something else trains '${name}' or set its head meanwhile: give each session a fork of its own (--fork <name>).`;
  return new HudError(error.code, error.message, { hint, cause: error, ...(error.data === undefined ? {} : { data: error.data }) });
}

/**
 * Of a gradient that an earlier process asked for: its batch must not be added again.
 * @returns undefined when the service never heard of it
 * @throws HudError PLATFORM_FAILED when it failed, or does not end
 */
async function metricsOf({ service, model, signal }: Session, id: string): Promise<Record<string, number> | undefined> {
  const deadline = nodeHost.monotonic() + STILL_RUNNING_MS;
  for (;;) {
    const found = await operationOf(service, model.id, id);
    if (found === undefined) return undefined;
    if (found.status === 'done') return (found.reply?.metrics ?? {}) as Record<string, number>;
    if (found.status === 'failed' || nodeHost.monotonic() > deadline) {
      const why = found.error === null ? 'does not end' : `failed: ${found.error.detail}`;
      throw new HudError('PLATFORM_FAILED', `The gradient that was under way ${why}.`, {
        hint: `Train on in a new session: hud train … --model ${model.modelName}`,
        ...(found.error === null ? {} : { data: { ...found.error } }),
      });
    }
    await sleep(nodeHost, POLL_MS, signal);
  }
}

async function operationOf(service: PlatformClient, modelId: string, id: string) {
  return await service.call(operation, { params: { id: modelId, operation: id } }).catch((error: unknown) => {
    if (isHudError(error) && error.code === 'PLATFORM_NOT_FOUND') return undefined;
    throw error;
  });
}
