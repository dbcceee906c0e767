/**
 * Trains the models of teams: accumulates gradients, steps, and keeps the tree of checkpoints.
 * Knows no HTTP; what it refuses are faults all the same. Start with `forwardBackward`, then `step.ts`.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { HudError, isHudError, type api } from 'hud/protocol';
import { absent, Fault } from '../fault.ts';
import { findModel, setHead, type HeadOutcome, type StoredModel } from '../storage/models/models.ts';
import type { Db } from '../storage/database.ts';
import type { Kept } from '../storage/training/retention.ts';
import { findOperation, finishOperation, forgetOperation, type Added, type StoredOperation } from '../storage/training/operations.ts';
import { groupsOf, type AdvantageKind } from './advantages.ts';
import { byRecordedGroup, checkGroups, comparedIn, datumOf, partsOf, type Compared } from './batch.ts';
import type { AdamParams, BaseModel, Datum, EngineModel, Loss, TrainEngine } from './engine.ts';
import { fedBy } from './fed.ts';
import { addTo, readGradient, type Accumulated } from './gradient.ts';
import { readInputs, type Trajectory } from './inputs.ts';
import { Journal, type Asked, type JournalContext, type Turn } from './journal.ts';
import { chooseLoss, needsSamplingLogprobs, type ChosenLoss } from './losses.ts';
import { batchMetrics, combine, passMetrics, type Metrics } from './metrics.ts';
import { Retention } from './retention.ts';
import { Session } from './session.ts';
import { refuseStale } from './stale.ts';
import { carryOn, nothingToApply, planStep, type StepReply } from './step.ts';

export interface TrainingOptions {
  db: Db;
  engine: TrainEngine;
  advantage: AdvantageKind;
  /** Of each model, as HUD_TRAIN_KEEP_STATES and HUD_TRAIN_KEEP_SAMPLERS say. */
  keep: Kept;
  /** As the retention takes it. */
  graceMs?: number;
  log: JournalContext['log'];
  now: () => number;
  /** Called when a phase of an operation is on record. */
  onPhase?: (kind: string, phase: string) => void;
}

type PassRequest = api.Body<typeof api.training.forwardBackward>;
type ForwardRequest = api.Body<typeof api.training.forward>;
type BackwardRequest = api.Body<typeof api.training.backward>;
type PassReply = api.training.PassReply;

/** How long operations may take to end once the platform closes, in milliseconds. */
const CLOSE_MS = 5_000;

/** Tokens of a forward whose answer is kept for whoever lost it, some 10 MB of text. */
const MOST_KEPT = 200_000;

/** Of an Idempotency-Key, in characters. */
const MOST_KEY = 200;

export class Training implements AsyncDisposable {
  readonly #options: TrainingOptions;
  readonly #closing = new AbortController();
  readonly #sessions = new Map<string, Session>();
  readonly #context: JournalContext;
  readonly #journal: Journal;
  readonly #retention: Retention;
  #bases: Promise<BaseModel[]> | undefined;

  constructor(options: TrainingOptions) {
    this.#options = options;
    const { db, engine, log, now, onPhase, keep, graceMs } = options;
    this.#retention = new Retention({ db, engine, log, now, graceMs });
    const told = ({ kind }: StoredOperation, phase: string): void => {
      if (kind === 'optim-step' && phase === 'done') this.#retention.schedule();
      onPhase?.(kind, phase);
    };
    this.#context = { db, engine, log, now, keep, signal: this.#closing.signal, onPhase: told };
    this.#journal = new Journal(this.#context);
  }

  /** Those that the engine has. */
  async bases(): Promise<BaseModel[]> {
    const asked = (this.#bases ??= this.#options.engine.bases());
    try {
      return await asked;
    } catch (error) {
      this.#bases = undefined; // the next one asks again
      throw error;
    }
  }

  async losses(model: StoredModel): Promise<Loss[]> {
    await this.#baseOf(model);
    return await this.#options.engine.losses();
  }

  /** @throws Fault 400 for what can't be trained on, 404, 409 */
  async forwardBackward(model: StoredModel, key: string | undefined, body: PassRequest): Promise<PassReply> {
    const loss = chooseLoss(body.lossFn, body.lossFnConfig ?? {}, await this.losses(model));
    const groupSize = body.groupSize ?? undefined;
    checkGroups(body.inputs.length, groupSize);
    return await this.#perform(model, { kind: 'forward-backward', key, body }, async (turn, session) => {
      const read = await this.#read(turn.model, body.inputs, needsSamplingLogprobs(loss.name));
      await refuseStale(this.#options.db, turn.model, read, body.maxLag);
      const trajectories = byRecordedGroup(read, groupSize);
      if (trajectories.some((one, i) => one !== read[i])) this.#options.log.warn('groups reordered', { model: model.id });
      const options = { loss: loss.name, groupSize, rewardScale: body.rewardScale ?? 1, advantage: this.#options.advantage };
      const parts = await partsOf(trajectories, { ...options, substeps: body.numSubsteps ?? 1 });
      const compared = comparedIn(trajectories, options);
      return await this.#accumulate(turn, session, { parts, loss, metrics: batchMetrics(trajectories), trajectories, compared });
    });
  }

  async forward(model: StoredModel, key: string | undefined, body: ForwardRequest): Promise<api.training.ForwardReply> {
    const groupSize = body.groupSize ?? undefined;
    checkGroups(body.inputs.length, groupSize);
    return await this.#perform(model, { kind: 'forward', key, body }, async ({ model: now, operation }, session) => {
      const read = await this.#read(now, body.inputs, false);
      await refuseStale(this.#options.db, now, read, body.maxLag);
      const trajectories = byRecordedGroup(read, groupSize);
      const turns = trajectories.flatMap((one) => one.turns);
      const engine = await session.ready(this.#context, now);
      const logprobs = await engine.forward(
        turns.map((turn) => datumOf(turn, 0, 0)),
        this.#closing.signal,
      );
      const forwardId = session.forwards.add({ turns, trajectories, groupSize, headId: now.head_id, createdAt: this.#options.now() });
      const owners = trajectories.flatMap((one, place) => one.turns.map(() => ({ one, place })));
      const data = owners.map(({ one, place }, d) => ({
        reward: one.reward * (body.rewardScale ?? 1),
        trajIdx: one.index,
        logprobs: Array.from(logprobs[d] ?? []),
        samplingLogprobs: [...(turns[d]?.samplingLogprobs ?? [])],
        mask: [...(turns[d]?.mask ?? [])],
        ...(groupSize === undefined ? {} : { groupIdx: Math.floor(place / groupSize) }),
      }));
      const isKept = key !== undefined && data.reduce((sum, one) => sum + one.logprobs.length, 0) <= MOST_KEPT;
      if (isKept) return await this.#finish(operation, now, { forwardId, data });
      await forgetOperation(this.#options.db, operation.id); // asked for again, it is computed again
      this.#options.onPhase?.(operation.kind, 'done');
      return { forwardId, data };
    });
  }

  /** @throws Fault 422 for weights of another shape */
  async backward(model: StoredModel, key: string | undefined, body: BackwardRequest): Promise<PassReply> {
    return await this.#perform(model, { kind: 'backward', key, body }, async (turn, session) => {
      const found = session.forwards.find(body.forwardId, { headId: turn.model.head_id, now: this.#options.now() });
      const { turns, trajectories, groupSize } = found;
      checkShape(
        body.weights,
        turns.map(({ targets }) => targets.length),
      );
      const data = turns.map((one, d) => ({ ...datumOf(one, 0, 0), weights: body.weights[d] ?? [] }));
      const loss: ChosenLoss = { name: 'cross_entropy', config: {} };
      const metrics = { ...batchMetrics(trajectories), ...body.metrics };
      const compared = { groups: groupsOf(trajectories.length, groupSize), advantages: trajectories.map(() => null) };
      const reply = await this.#accumulate(turn, session, { parts: [data], loss, metrics, trajectories, compared, lossName: 'custom' });
      session.forwards.use(body.forwardId);
      return reply;
    });
  }

  /** @throws Fault 409 when nothing is accumulated; 503 when the step is applied and its save failed: the next call goes on with it */
  async optimStep(model: StoredModel, key: string | undefined, params: AdamParams): Promise<StepReply> {
    return await this.#perform(model, { kind: 'optim-step', key, body: params }, async (turn, session) => {
      const { model: now, operation, resumed } = turn;
      turn.countOnGradient();
      if (resumed !== undefined) return await this.#finish(operation, now, resumed);
      const gradient = readGradient(now.gradient);
      if (gradient === undefined) throw await nothingToApply(this.#options.db, now);
      const planned = await planStep(this.#context, now, operation, { params, gradient });
      return await carryOn(this.#context, session, now, planned);
    });
  }

  /** In its turn among the operations; what was accumulated is dropped. */
  async setHead(model: StoredModel, checkpointId: string): Promise<HeadOutcome> {
    const session = this.#sessionOf(model);
    return await session.queue.run(async () => {
      await this.#journal.settle(session, model);
      const outcome = await setHead(this.#options.db, model.id, checkpointId);
      if (outcome === 'set') session.forwards.drop();
      return outcome;
    });
  }

  /** One that a crash interrupted is settled first. @returns undefined when there is none of that key */
  async operation(model: StoredModel, key: string): Promise<StoredOperation | undefined> {
    const session = this.#sessionOf(model);
    const { db } = this.#options;
    const found = await findOperation(db, model.id, key);
    if (found?.ended_at !== null || this.#journal.isRunning(model.id, key)) return found;
    await session.queue.run(async () => await this.#journal.settle(session, model));
    return await findOperation(db, model.id, key);
  }

  /** Ends what runs; what it was at is settled by whoever comes next. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new HudError('CANCELLED', 'The platform is shutting down.'));
    const removed = this.#retention.stop();
    const idle = Promise.all([...this.#sessions.values()].map(async ({ queue }) => await queue.idle()));
    await Promise.race([idle, sleep(CLOSE_MS, undefined, { ref: false })]);
    await Promise.all([...this.#sessions.values()].map(async (session) => await session.close()));
    await this.#options.engine[Symbol.asyncDispose]();
    await Promise.race([removed, sleep(CLOSE_MS, undefined, { ref: false })]);
  }

  async #perform<T>(model: StoredModel, asked: Asked, work: (turn: Turn, session: Session) => Promise<T>): Promise<T> {
    if (asked.key !== undefined && asked.key.length > MOST_KEY)
      throw new Fault(400, `The Idempotency-Key is longer than ${MOST_KEY} characters.`);
    await this.#baseOf(model);
    const session = this.#sessionOf(model);
    return await this.#journal.perform(session, model, asked, async (turn) => await work(turn, session));
  }

  async #accumulate(
    { model, operation, countOnGradient }: Turn,
    session: Session,
    { parts, loss, metrics, trajectories, compared, lossName = loss.name }: Batch & { lossName?: string },
  ): Promise<PassReply> {
    countOnGradient();
    const engine = await session.ready(this.#context, model);
    const before = readGradient(model.gradient);
    if (before === undefined && session.isDirty) await engine.dropGradient();
    const numDatums = parts.reduce((sum, part) => sum + part.length, 0);
    const sofar = { traces: before?.traces ?? 0, groups: before?.groups ?? 0 };
    const inputs = numDatums === 0 ? [] : await fedBy(this.#options.db, model, trajectories, { ...compared, before: sofar });
    let passes: { metrics: Metrics; datums: number }[];
    try {
      passes = await this.#passes(engine, session, operation.id, parts, loss);
      const all = { ...combine([{ metrics: { 'loss:sum': 0 }, datums: 0 }, ...passes]), ...metrics };
      const reply = { metrics: finite(all), numDatums };
      if (numDatums === 0) return await this.#finish(operation, model, reply);
      const added: Accumulated = {
        datums: numDatums,
        traces: trajectories.length,
        groups: compared.groups.length,
        tokens: reply.metrics.num_tokens ?? 0,
        rewardSum: trajectories.reduce((sum, { reward }) => sum + reward, 0),
        loss: lossName,
        metrics: reply.metrics,
      };
      return await this.#finish(operation, model, reply, { gradient: JSON.stringify(addTo(before, session.id ?? '', added)), inputs });
    } catch (error) {
      // Half of a batch must not count: what the engine holds is forgotten, and the next call is told.
      if (!(error instanceof Untouched)) await session.close();
      throw error instanceof Untouched ? error.cause : error;
    }
  }

  async #passes(engine: EngineModel, session: Session, id: string, parts: readonly Datum[][], { name, config }: ChosenLoss) {
    const results = [];
    for (const [i, data] of parts.entries()) {
      try {
        const result = await engine.forwardBackward({ loss: name, config, data, id: `${id}-${i}` }, this.#closing.signal);
        session.isDirty = true;
        results.push(await passMetrics(result, data, name, config));
      } catch (error) {
        // An engine that refuses a pass has added nothing of it.
        if (i === 0 && isHudError(error)) throw new Untouched('refused', { cause: error });
        throw error;
      }
    }
    return results;
  }

  async #finish<T>(operation: StoredOperation, model: StoredModel, reply: T, added?: Added): Promise<T> {
    const { db, now, onPhase } = this.#options;
    await finishOperation(db, { id: operation.id, modelId: model.id, now: now() }, JSON.stringify(reply), added);
    onPhase?.(operation.kind, 'done');
    return reply;
  }

  async #read(model: StoredModel, inputs: readonly api.training.TrainInput[], needsLogprobs: boolean): Promise<Trajectory[]> {
    const { contextLength } = await this.#baseOf(model);
    return await readInputs(this.#options.db, inputs, { teamId: model.team_id, needsLogprobs, contextLength });
  }

  /** @throws Fault 403 for a model that the engine can't train */
  async #baseOf({ base_model: base, model_name: name }: StoredModel): Promise<BaseModel> {
    const bases = await this.bases();
    const found = bases.find((each) => each.name === base);
    if (found !== undefined) return found;
    const known = bases.map((each) => each.name).join(', ') || 'none';
    throw new Fault(403, `'${name}' can't be trained here: its base '${base}' is not one of the training engine's (${known}).`);
  }

  #sessionOf({ id }: StoredModel): Session {
    let session = this.#sessions.get(id);
    if (session === undefined) this.#sessions.set(id, (session = new Session()));
    return session;
  }
}

interface Batch {
  parts: readonly Datum[][];
  loss: ChosenLoss;
  metrics: Metrics;
  trajectories: readonly Trajectory[];
  compared: Compared;
}

/** The engine is as it was; the cause is the caller's. */
class Untouched extends Error {}

/** The team's, by id. @throws Fault 404, with a hint for who sent a name */
export async function trainedModel(db: Db, teamId: string, { text, id }: { text: string; id: string | undefined }): Promise<StoredModel> {
  const model = id === undefined ? undefined : await findModel(db, teamId, id);
  if (model !== undefined) return model;
  const hint = id === undefined ? ' Training takes ids: GET /v2/models/resolve?model= tells the id of a name.' : '';
  throw new Fault(404, `${absent(`model '${text.slice(0, 100)}' of your team`).message}${hint}`);
}

function checkShape(weights: readonly { length: number }[], lengths: readonly number[]): void {
  if (weights.length !== lengths.length)
    throw new Fault(422, `There are weights for ${weights.length} data; the forward gave ${lengths.length}.`);
  const at = weights.findIndex(({ length }, d) => length !== lengths[d]);
  if (at !== -1)
    throw new Fault(422, `weights[${at}] has ${weights[at]?.length} entries; the forward's logprobs there have ${lengths[at]}.`);
}

function finite(metrics: Metrics): Metrics {
  return Object.fromEntries(Object.entries(metrics).filter(([, value]) => Number.isFinite(value)));
}
