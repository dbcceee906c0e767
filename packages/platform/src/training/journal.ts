/** Operations that happen once: by their key, in their model's turn, with what a crash left settled first. */
import { messageOf } from 'hud/protocol';
import { Fault, toFault } from '../fault.ts';
import { findModel, type StoredModel } from '../storage/models/models.ts';
import { isPassing } from '../storage/passing.ts';
import { newId } from '../storage/tasksets/tasksets.ts';
import {
  beginOperation,
  failOperation,
  findOperation,
  openOperations,
  Overtaken,
  type StoredOperation,
} from '../storage/training/operations.ts';
import { digestOf } from './digest.ts';
import { EngineLost } from './engine.ts';
import { readGradient } from './gradient.ts';
import type { Session } from './session.ts';
import { carryOn, type StepContext, type StepReply } from './step.ts';

export interface JournalContext extends StepContext {
  log: { warn(message: string, values: Record<string, unknown>): void };
}

export type OperationKind = 'forward-backward' | 'forward' | 'backward' | 'optim-step';

export interface Asked {
  kind: OperationKind;
  /** The caller's id of the operation. */
  key: string | undefined;
  body: unknown;
}

/** The operation's turn: the model as it is now. */
export interface Turn {
  model: StoredModel;
  operation: StoredOperation;
  /** A step that was left unfinished, and is finished now. */
  resumed: StepReply | undefined;
  /**
   * To be called by what adds to the gradient or applies it, once the request is known to be a good one: of a gradient that is lost
   * one caller is told, and must not be one who has asked for nonsense.
   * @throws EngineLost when what was accumulated is gone
   */
  countOnGradient(): void;
}

const REBUILT =
  'session rebuilt, re-run the batch, each operation under a new key: ' +
  'what was accumulated since the last step is gone with the engine that held it. Nothing was applied.';

interface OperationError {
  status: number;
  detail: string;
  /** The same key is answered so from now on. */
  isFinal?: boolean;
}

const NO_RECORD =
  'The record can not be reached right now: its disk is full, or others hold it. Nothing was applied; send the operation again.';

export class Journal {
  readonly #context: JournalContext;
  readonly #running = new Map<string, { kind: string; hash: string; answer: Promise<unknown> }>();

  constructor(context: JournalContext) {
    this.#context = context;
  }

  isRunning(modelId: string, key: string): boolean {
    return this.#running.has(`${modelId} ${key}`);
  }

  /**
   * The same key again has the effect and the answer of the first time; an operation that failed has had none, and begins anew,
   * unless it was told that a gradient is lost: that stays its answer.
   * @param work records the end of the operation, by `finishOperation` or a step
   * @throws Fault 409 when another request had the key, or what was accumulated is lost
   */
  async perform<T>(session: Session, model: StoredModel, asked: Asked, work: (turn: Turn) => Promise<T>): Promise<T> {
    const key = asked.key ?? newId();
    const name = `${model.id} ${key}`;
    const hash = asked.key === undefined ? '' : await digestOf(asked.body);
    const running = this.#running.get(name);
    if (running !== undefined) {
      if (running.hash !== hash || running.kind !== asked.kind) throw otherRequest(key);
      return (await running.answer) as T;
    }
    const answer = session.queue.run(async () => await this.#once(session, model, { ...asked, key, hash }, work));
    this.#running.set(name, { kind: asked.kind, hash, answer });
    try {
      return await answer;
    } finally {
      this.#running.delete(name);
    }
  }

  /** What a process before this one, or a failed save, left of a model's operations. */
  async settle(session: Session, model: StoredModel): Promise<{ resumed: StepReply | undefined; isInterrupted: boolean }> {
    let resumed: StepReply | undefined;
    let isInterrupted = false;
    for (const operation of await openOperations(this.#context.db, model.id)) {
      resumed = await this.#resume(session, model, operation);
      if (resumed === undefined) isInterrupted = true;
    }
    // What the engine has applied is nobody's once its step has ended by another hand.
    if (session.pendingStep !== undefined) await session.close();
    return { resumed, isInterrupted };
  }

  async #once<T>(
    session: Session,
    stale: StoredModel,
    { kind, key, hash }: { kind: OperationKind; key: string; hash: string },
    work: (turn: Turn) => Promise<T>,
  ): Promise<T> {
    const { db, now } = this.#context;
    const { resumed, isInterrupted } = await this.settle(session, await this.#current(stale));
    const known = await findOperation(db, stale.id, key);
    const refusal = known?.phase === 'failed' ? (JSON.parse(known.error ?? '{}') as OperationError) : undefined;
    if (known !== undefined && (refusal === undefined || refusal.isFinal === true)) {
      if (known.request_hash !== hash || known.kind !== kind) throw otherRequest(key);
      if (refusal !== undefined) throw new Fault(409, refusal.detail);
      return JSON.parse(known.reply ?? 'null') as T;
    }
    const model = await this.#current(stale);
    const operation = await beginOperation(db, { id: newId(), model_id: model.id, key, kind, request_hash: hash }, now());
    this.#context.onPhase(operation, 'accepted');
    const countOnGradient = (): void => refuseLost(session, model, isInterrupted && kind === 'optim-step');
    try {
      return await work({ model, operation, resumed, countOnGradient });
    } catch (error) {
      if (error instanceof Overtaken) return JSON.parse(await this.#replyOfOther(session, model, operation)) as T;
      throw await this.#failed(session, model, operation, error);
    }
  }

  /** Another process uses the same record: what it made of the operation counts. @throws Fault 409 when that is nothing */
  async #replyOfOther(session: Session, model: StoredModel, { key, kind }: StoredOperation): Promise<string> {
    await session.close();
    const row = await findOperation(this.#context.db, model.id, key);
    this.#context.log.warn('training operation overtaken', { model: model.id, kind, phase: row?.phase });
    if (row?.phase === 'done') return row.reply ?? 'null';
    const fault = new Fault(409, `Another platform with the same record trains this model as well: ${REBUILT}`);
    if (row?.ended_at === null) await this.#fail(model, row, fault); // it was the head that moved
    throw fault;
  }

  /** @returns undefined when it can't be gone on with: then it has failed, and nothing of it took effect */
  async #resume(session: Session, model: StoredModel, operation: StoredOperation): Promise<StepReply | undefined> {
    const isHeld = session.pendingStep === operation.id;
    if (operation.kind === 'optim-step' && (isSaved(operation) || (isHeld && operation.phase === 'applying'))) {
      try {
        return await carryOn(this.#context, session, model, operation);
      } catch (error) {
        if (error instanceof Overtaken) return JSON.parse(await this.#replyOfOther(session, model, operation)) as StepReply;
        const isUnusable = error instanceof Fault; // what was saved can't be read: as if it had not been
        if (!(error instanceof EngineLost) && !isUnusable) throw unsaved(error);
        await session.close();
        const row = await findOperation(this.#context.db, model.id, operation.key);
        if (row !== undefined && isSaved(row) && !isUnusable) throw unsaved(error);
      }
    }
    await session.close();
    // What was accumulated before stays on record until a call that counts on it is told.
    await this.#fail(model, operation, new Fault(409, REBUILT));
    return undefined;
  }

  async #failed(session: Session, model: StoredModel, operation: StoredOperation, error: unknown): Promise<Fault> {
    if (error instanceof EngineLost) {
      await session.close();
      const row = await findOperation(this.#context.db, model.id, operation.key);
      if (row !== undefined && isSaved(row)) return unsaved(error);
      const fault = new Fault(409, REBUILT, { cause: error });
      // A forward counts on nothing, and may be another's: whoever does is told.
      await this.#fail(model, operation, fault, { dropsGradient: operation.kind !== 'forward' });
      return fault;
    }
    // Weights that were applied stay to be saved; the next call goes on with that.
    if (session.pendingStep === operation.id) return unsaved(error);
    const fault = this.#faultOf(error);
    await this.#fail(model, operation, fault);
    return fault;
  }

  #faultOf(error: unknown): Fault {
    if (this.#context.signal.aborted) return new Fault(503, 'The platform is shutting down. Send the operation again.', { cause: error });
    if (isPassing(error)) return new Fault(503, NO_RECORD, { cause: error, retryAfter: 2 });
    return toFault(error);
  }

  /**
   * Who is told that a gradient was dropped may not hear it, and ask again: the answer stays, or a batch would be half of itself.
   * Whatever else failed begins anew under the same key.
   */
  async #fail(
    model: StoredModel,
    operation: StoredOperation,
    { status, message }: Fault,
    { dropsGradient = false }: { dropsGradient?: boolean } = {},
  ): Promise<void> {
    const { db, now, log } = this.#context;
    log.warn('training operation failed', { operation: operation.id, kind: operation.kind, model: model.id, reason: message });
    const end = { id: operation.id, modelId: model.id, now: now() };
    const error: OperationError = { status, detail: message, ...(dropsGradient && { isFinal: true }) };
    await failOperation(db, end, JSON.stringify(error), dropsGradient);
  }

  async #current({ id, team_id: teamId }: StoredModel): Promise<StoredModel> {
    const model = await findModel(this.#context.db, teamId, id);
    if (model === undefined) throw new Fault(404, 'The model is gone.');
    return model;
  }
}

/** @throws EngineLost when what the model had accumulated is gone, and nobody was told yet */
function refuseLost(session: Session, { gradient }: StoredModel, isInterrupted: boolean): void {
  const { session: holder } = readGradient(gradient) ?? { session: session.id };
  if (holder !== session.id || isInterrupted) throw new EngineLost('What was accumulated is gone.');
}

/** It can be gone on with whatever the engine still holds. */
function isSaved({ state_path: state }: StoredOperation): boolean {
  return state !== null;
}

function otherRequest(key: string): Fault {
  return new Fault(409, `Another request had the Idempotency-Key '${key.slice(0, 100)}'. Each operation needs a key of its own.`);
}

function unsaved(cause: unknown): Fault {
  const why = isPassing(cause) ? 'the record can not be reached right now' : messageOf(cause).replace(/\.$/, '');
  return new Fault(
    503,
    `The step was applied, and its checkpoint is not saved yet (${why}). Call optim-step again: it goes on with the save.`,
    {
      cause,
      retryAfter: 2,
    },
  );
}
