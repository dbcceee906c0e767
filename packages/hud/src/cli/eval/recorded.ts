/** How a job was run, as its record keeps it: everything that is needed to go on, and nothing secret. */
import { z } from 'zod';
import { HudError, RUN_CLASSES, type FaultClass } from '../../protocol/errors.ts';
import { isPlainObject } from '../../protocol/json.ts';
import type { JobRecord } from '../../protocol/record.ts';
import type { ChosenAgent } from './agent-choice.ts';
import type { EvalSettings } from './settings.ts';

export const RecordedEval = z.object({
  command: z.literal('eval'),
  /** Absolute path, or a taskset of the platform. */
  source: z.string(),
  runtime: z.string(),
  /** As it was asked for: an agent's name or a model's. */
  agent: z.string().optional(),
  /** Absolute; in place of `agent`. */
  agentModule: z.string().optional(),
  agentConfig: z.record(z.string(), z.unknown()).default({}),
  /** Settings that were given and may be secrets, so that only their names are here: `token`, or of the agent. */
  withheld: z.array(z.string()).default([]),
  /** The job whose model replies are given again. */
  replay: z.string().optional(),
  maxConcurrent: z.int().positive().optional(),
  rolloutTimeout: z.number().optional(),
  groupTimeout: z.number().optional(),
  patience: z.number().optional(),
  retries: z.int().optional(),
  retryOn: z.array(z.enum(RUN_CLASSES).transform((kind) => kind as FaultClass)).optional(),
  failUnder: z.number().optional(),
  successThreshold: z.number().default(0.7),
});
export type RecordedEval = z.infer<typeof RecordedEval>;

/** The `config` of the job's record. */
export function recordedConfig(settings: EvalSettings & { source: string }, chosen: ChosenAgent): Record<string, unknown> {
  const { source, runtime = 'local', group, all, taskIds, exclude, token, replay } = settings;
  const { maxConcurrent, rolloutTimeout, groupTimeout, patience, retries, retryOn, failUnder, successThreshold } = settings;
  const kept = Object.entries(chosen.config).filter(([name, value]) => !mayBeSecret(name, value));
  const withheld = Object.keys(chosen.config).filter((name) => mayBeSecret(name, chosen.config[name]));
  const config = {
    command: 'eval',
    source,
    runtime,
    agent: chosen.name,
    agentModule: chosen.module,
    agentConfig: Object.fromEntries(kept),
    withheld: [...(token === undefined ? [] : [TOKEN]), ...withheld],
    group,
    all,
    taskIds,
    exclude,
    replay,
    maxConcurrent,
    rolloutTimeout,
    groupTimeout,
    patience,
    retries,
    retryOn,
    failUnder,
    successThreshold,
  };
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
}

/** The name under which the control secret of a served environment is withheld. */
export const TOKEN = 'token';

/** @throws HudError BAD_ARGUMENT for a job that another program began, or another version of this one */
export function readRecorded(job: JobRecord): RecordedEval {
  if (job.config.command === 'eval') return decodeConfig(job);
  throw new HudError(
    'BAD_ARGUMENT',
    `Job ${job.id.slice(0, 8)} (${job.name}) was not begun by \`hud eval\`: the record can't tell how to go on.`,
    {
      hint: `The program that began it can: taskset.run(agent, { job: '${job.id.slice(0, 8)}' }).`,
    },
  );
}

/** Not through the codec: its names are those of the settings, not the wire's. */
function decodeConfig({ id, config }: JobRecord): RecordedEval {
  const parsed = RecordedEval.safeParse(config);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new HudError('BAD_ARGUMENT', `Job ${id.slice(0, 8)} does not say how it was run: ${issue?.path.join('.')}: ${issue?.message}.`, {
    hint: 'Another version of hud recorded it: begin anew with `hud eval`.',
    cause: parsed.error,
  });
}

const SECRET_WORDS =
  /^(?:key|keys|apikey|token|secret|secrets|password|passwd|passphrase|credential|credentials|auth|authorization|bearer|cookie)$/;

/** By its name, by a name in it, or as an address that carries a password or a key. `max_tokens` is none. */
export function mayBeSecret(name: string, value: unknown): boolean {
  if (wordsOf(name).some((word) => SECRET_WORDS.test(word))) return true;
  if (Array.isArray(value)) return value.some((item) => mayBeSecret('', item));
  if (isPlainObject(value)) return Object.entries(value).some(([key, item]) => mayBeSecret(key, item));
  return typeof value === 'string' && hasCredentials(value);
}

function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/);
}

function hasCredentials(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { username, password, searchParams } = new URL(text);
  return username !== '' || password !== '' || [...searchParams.keys()].some((key) => mayBeSecret(key, ''));
}
