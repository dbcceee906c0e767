/** A second opinion that replaces the first: another task grades the whole grade frame of the actor. */
import type { Client } from '../client/client.ts';
import { connect } from '../client/connect.ts';
import type { Run } from '../client/run.ts';
import { toHudError } from '../protocol/errors.ts';
import { UNGRADED } from '../protocol/grade.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { Task } from '../protocol/task.ts';
import type { RuntimeLease } from '../runtime/provider.ts';
import { liveness, placeContext, type Place } from './rollout.ts';
import type { Scope } from './scope.ts';
import type { Faults } from './verdict.ts';

export interface VerifyContext {
  place: Place;
  scope: Scope;
  /** The actor's. */
  client: Client;
  runtime: RuntimeLease;
  faults: Faults;
}

/**
 * On the actor's own connection when it is the same environment without a configuration of its own;
 * otherwise the actor's place is torn down first and the verifier gets a fresh one.
 */
export async function verify(run: Run, verifier: Task, context: VerifyContext): Promise<void> {
  const actorFrame = frameForVerifier(run, context.faults);
  delete context.faults.last; // the actor's failed grade was provisional; the verifier decides
  run.verdict = UNGRADED;
  try {
    const client = await placeVerifier(run, verifier, context);
    const startedAt = run.trace.isoNow();
    await client.start(verifier.id, verifier.args);
    run.record({ source: 'task', startedAt, taskCall: { phase: 'setup', name: verifier.id, arguments: verifier.args } });
    run.verdict = await client.grade(actorFrame);
    run.record({ source: 'task', startedAt, taskCall: { phase: 'evaluate', name: verifier.id, result: run.verdict.raw } });
  } catch (error) {
    context.place.interrupt.signal.throwIfAborted();
    context.faults.last = { phase: 'verifying', error: toHudError(error, 'GRADE_FAILED') };
  }
}

/** The actor's frame as it travelled, or one that says why there is none. */
function frameForVerifier(run: Run, faults: Faults): JsonObject {
  if (faults.last === undefined && Object.keys(run.verdict.raw).length > 0) return run.verdict.raw;
  return {
    score: 0,
    answer: run.trace.content ?? null,
    content: (faults.last?.error ?? faults.agent)?.message ?? 'not graded',
    isError: true,
  };
}

async function placeVerifier(run: Run, verifier: Task, { place, scope, client, runtime }: VerifyContext): Promise<Client> {
  if (verifier.env === run.task.env && verifier.runtimeConfig === undefined) return client;
  await scope.drop(client);
  await scope.drop(runtime);
  const fresh = await scope.use(place.provider.acquire(verifier, { ...placeContext(run, place), upcoming: 0 }));
  return await scope.use(connect(fresh, liveness(place)));
}
