/** A model of a team in the engine: opened when it is needed, from its head, and opened again when the engine has lost it. */
import { isHudError, type HudError } from 'hud/protocol';
import { Fault } from '../fault.ts';
import type { Db } from '../storage/database.ts';
import { findCheckpoint, type StoredModel } from '../storage/models/models.ts';
import { newId } from '../storage/tasksets/tasksets.ts';
import { EngineLost, type EngineModel, type TrainEngine, type WeightsPath } from './engine.ts';
import { Forwards } from './forwards.ts';
import { Queue } from './queue.ts';

export class Session {
  readonly queue = new Queue();
  readonly forwards = new Forwards();
  /** The step whose weights the engine holds, while its checkpoint is not there yet. */
  pendingStep: string | undefined;
  /** The engine may hold a gradient. */
  isDirty = false;
  #open: { id: string; model: EngineModel; headId: string | null } | undefined;

  /** Of the engine model; undefined while there is none. Another one holds nothing of its gradient. */
  get id(): string | undefined {
    return this.#open?.id;
  }

  /** As the head is, with the gradient that it has accumulated. @throws Fault 409 when the head's state was not kept */
  async ready({ db, engine, signal }: Opening, model: StoredModel): Promise<EngineModel> {
    if (this.#open !== undefined && this.#open.headId === model.head_id) return this.#open.model;
    const head = model.head_id === null ? undefined : await findCheckpoint(db, model.id, model.head_id);
    if (model.head_id !== null && head?.state_path == null) {
      const which = head?.name ?? 'the head';
      throw new Fault(409, `The optimizer's state of ${which} was not kept, so it can't be trained on. Make another checkpoint the head.`);
    }
    return await this.openAt({ db, engine, signal }, model, { state: head?.state_path ?? undefined, headId: model.head_id });
  }

  async openAt(
    { engine, signal }: Opening,
    model: StoredModel,
    at: { state: WeightsPath | undefined; headId: string | null },
  ): Promise<EngineModel> {
    await this.close();
    const opened = await engine.open(model.base_model, at.state, signal).catch((error: unknown) => {
      throw at.state !== undefined && isHudError(error) && BAD_WEIGHTS.includes(error.code) ? unusable(at.state, error) : error;
    });
    this.#open = { id: newId(), model: opened, headId: at.headId };
    return opened;
  }

  /** The engine model, if there is one, whatever it holds. */
  get held(): EngineModel | undefined {
    return this.#open?.model;
  }

  /** The weights that the engine holds are those of this checkpoint now. */
  promoted(headId: string): void {
    if (this.#open !== undefined) this.#open.headId = headId;
    this.isDirty = false;
    this.pendingStep = undefined;
    this.forwards.drop();
  }

  /** The engine forgets the model; the next operation opens it again. */
  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    this.isDirty = false;
    this.pendingStep = undefined;
    try {
      await open?.model[Symbol.asyncDispose]();
    } catch (error) {
      if (!(error instanceof EngineLost)) throw error;
    }
  }
}

/** What engines say of saved weights that are damaged, missing, or of another model. */
const BAD_WEIGHTS = ['STORE_DAMAGED', 'BAD_ARGUMENT'];

function unusable(path: WeightsPath, error: HudError): Fault {
  const what = `The saved weights that this model goes on from can't be used (${path}): ${error.message}`;
  return new Fault(409, `${what} Make another checkpoint the head, and train on from there.`, { cause: error });
}

export interface Opening {
  db: Db;
  engine: TrainEngine;
  signal: AbortSignal;
}
