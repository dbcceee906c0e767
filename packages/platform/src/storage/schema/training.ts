/** Tables of training: operations as they go on, turns that were sampled, and what checkpoints need to be gone on from. */
import type { Kysely } from 'kysely';

export interface TrainingTables {
  training_operations: TrainingOperationsTable;
  training_samples: TrainingSamplesTable;
  training_inputs: TrainingInputsTable;
  checkpoint_pins: CheckpointPinsTable;
  weights_removals: WeightsRemovalsTable;
}

/** Ids are 32 hex digits, times milliseconds since 1970. */
export interface TrainingOperationsTable {
  id: string;
  model_id: string;
  /** What the caller calls it: its Idempotency-Key, else the id. Unique in the model. */
  key: string;
  /** forward-backward, forward, backward, optim-step */
  kind: string;
  /** Order within the model. */
  sequence: number;
  /** SHA-256 of the request. */
  request_hash: string;
  /** accepted; of a step also applying, state-saved; done, failed */
  phase: string;
  /** JSON of what the step is going to leave: known before its first phase. */
  plan: string | null;
  state_path: string | null;
  /** JSON of the answer. */
  reply: string | null;
  /** JSON: status and detail. */
  error: string | null;
  created_at: number;
  ended_at: number | null;
}

/** One turn that a model of the platform's own sampled for a run. */
export interface TrainingSamplesTable {
  /** Of the call; of a call that was sent again, of the first. */
  id: string;
  team_id: string;
  trace_id: string;
  /** What requests say. */
  model_name: string;
  /** Null: base weights. */
  checkpoint_id: string | null;
  /** JSON lists. */
  prompt_token_ids: string;
  output_token_ids: string;
  output_logprobs: string;
  created_at: number;
}

/** A trajectory that fed a step. */
export interface TrainingInputsTable {
  team_id: string;
  model_id: string;
  /** The checkpoint that the step made; empty while the gradient waits for its step. */
  checkpoint_id: string;
  /** Among all that fed the step, from 0. */
  position: number;
  /** From 0; trajectories of one group are compared. */
  group_index: number;
  /** Null for one that was sent without a run of the team's. */
  trace_id: string | null;
  reward: number;
  /** Null for losses that know none. */
  advantage: number | null;
  /** That the model wrote. */
  tokens: number;
  /** The checkpoint that sampled its first turn, `base` for base weights; null where nobody knows. */
  served_by: string | null;
}

/** A checkpoint whose weights stay, however many come after it. */
export interface CheckpointPinsTable {
  checkpoint_id: string;
  model_id: string;
  created_at: number;
}

/** Saved weights that no checkpoint names any more, until the engine has removed them. */
export interface WeightsRemovalsTable {
  path: string;
  noted_at: number;
}

export async function createTraining({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('training_operations')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('key', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('sequence', 'bigint', (column) => column.notNull())
    .addColumn('request_hash', 'text', (column) => column.notNull())
    .addColumn('phase', 'text', (column) => column.notNull())
    .addColumn('plan', 'text')
    .addColumn('state_path', 'text')
    .addColumn('sampler_path', 'text')
    .addColumn('reply', 'text')
    .addColumn('error', 'text')
    .addColumn('created_at', 'double precision', (column) => column.notNull())
    .addColumn('ended_at', 'double precision')
    .addUniqueConstraint('training_operations_once', ['model_id', 'key'])
    .execute();
  await schema.createIndex('training_operations_open').on('training_operations').columns(['model_id', 'ended_at', 'sequence']).execute();
  await schema
    .createTable('training_samples')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('team_id', 'text', (column) => column.notNull())
    .addColumn('trace_id', 'text', (column) => column.notNull())
    .addColumn('model_name', 'text', (column) => column.notNull())
    .addColumn('checkpoint_id', 'text')
    .addColumn('prompt_token_ids', 'text', (column) => column.notNull())
    .addColumn('output_token_ids', 'text', (column) => column.notNull())
    .addColumn('output_logprobs', 'text', (column) => column.notNull())
    .addColumn('created_at', 'double precision', (column) => column.notNull())
    .execute();
  await schema.createIndex('training_samples_by_run').on('training_samples').columns(['team_id', 'trace_id', 'created_at']).execute();
  await schema.alterTable('models').addColumn('gradient', 'text').execute();
  for (const column of ['state_path', 'optimizer'] as const) await schema.alterTable('checkpoints').addColumn(column, 'text').execute();
  await schema.alterTable('checkpoints').addColumn('step', 'bigint').execute();
}

/** Where a step's sampler is was on record before its checkpoint was: it is saved again instead. */
export async function dropSamplerPath({ schema }: Kysely<unknown>): Promise<void> {
  await schema.alterTable('training_operations').dropColumn('sampler_path').execute();
}

export async function createTrainingInputs({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('training_inputs')
    .addColumn('team_id', 'text', (column) => column.notNull())
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('checkpoint_id', 'text', (column) => column.notNull())
    .addColumn('position', 'bigint', (column) => column.notNull())
    .addColumn('group_index', 'bigint', (column) => column.notNull())
    .addColumn('trace_id', 'text')
    .addColumn('reward', 'double precision', (column) => column.notNull())
    .addColumn('advantage', 'double precision')
    .addColumn('tokens', 'bigint', (column) => column.notNull())
    .addColumn('served_by', 'text')
    .addPrimaryKeyConstraint('training_inputs_once', ['model_id', 'checkpoint_id', 'position'])
    .execute();
}

export async function createRetention({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('checkpoint_pins')
    .addColumn('checkpoint_id', 'text', (column) => column.primaryKey())
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('created_at', 'double precision', (column) => column.notNull())
    .execute();
  await schema.createIndex('checkpoint_pins_by_model').on('checkpoint_pins').column('model_id').execute();
  await schema
    .createTable('weights_removals')
    .addColumn('path', 'text', (column) => column.primaryKey())
    .addColumn('noted_at', 'double precision', (column) => column.notNull())
    .execute();
  // Forks share weights: whether anybody still names some is asked for each that goes.
  await schema.createIndex('checkpoints_by_state').on('checkpoints').column('state_path').execute();
  await schema.createIndex('checkpoints_by_sampler').on('checkpoints').column('checkpoint_name').execute();
}
