/** A run as QA examines it: how it ended, and its steps. */
import { isPlainObject, parseJson, STEP_SCHEMA, type JsonObject } from 'hud/protocol';
import type { Db } from '../database.ts';
import { findRun, type RunRow } from '../runs/read-runs.ts';

export interface TraceSubject {
  kind: 'trace';
  /** The slug of its task. */
  name: string;
  /** Changes with every step, and with its end. */
  revision: string;
  /** Null until it has ended. */
  class: string | null;
  stopReason: string | null;
  reward: number | null;
  error: string | null;
  /** In their order, as the wire spells them. */
  steps: () => Promise<TraceSteps>;
}

export interface TraceSteps {
  items: JsonObject[];
  /** There are more. */
  isCut: boolean;
}

/** What is read of one run at most. */
const MOST_STEPS = 5_000;

export async function traceSubject(db: Db, teamId: string, id: string): Promise<TraceSubject | undefined> {
  const run = await findRun(db, teamId, id);
  if (run === undefined) return undefined;
  const { last } = await db
    .selectFrom('spans')
    .select(({ fn }) => fn.max('seq').as('last'))
    .where('trace_id', '=', run.trace_id)
    .executeTakeFirstOrThrow();
  return {
    kind: 'trace',
    name: run.slug,
    revision: JSON.stringify([...outcomeOf(run), Number(last ?? 0)]),
    class: run.class,
    stopReason: run.stop_reason,
    reward: run.reward,
    error: run.error === null ? null : messageIn(run.error),
    steps: async () => await stepsOf(db, run.trace_id),
  };
}

/** @param error JSON of the run's error */
function messageIn(error: string): string {
  const { message } = parseJson(error) as { message?: unknown };
  return typeof message === 'string' ? message : error;
}

function outcomeOf({ class: kind, stop_reason: stop, reward, error }: RunRow): (string | number | null)[] {
  return [kind, stop, reward, error];
}

async function stepsOf(db: Db, traceId: string): Promise<TraceSteps> {
  const rows = await db
    .selectFrom('spans')
    .select('body')
    .where('trace_id', '=', traceId)
    .where('name', 'like', 'step.%')
    .orderBy('seq')
    .limit(MOST_STEPS + 1)
    .execute();
  const items = rows.slice(0, MOST_STEPS).flatMap(({ body }) => stepIn(body));
  return { items: items.toSorted((a, b) => numberOf(a) - numberOf(b)), isCut: rows.length > MOST_STEPS };
}

function stepIn(body: string): JsonObject[] {
  const { attributes } = parseJson(body) as { attributes?: JsonObject };
  const payload = attributes?.['hud.payload'];
  return attributes?.['hud.schema'] === STEP_SCHEMA && isPlainObject(payload) ? [payload] : [];
}

function numberOf({ step_id: number }: JsonObject): number {
  return typeof number === 'number' ? number : 0;
}
