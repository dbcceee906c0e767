/** Where tasks run when nobody says: in the source they came from, else in the environment that minted them. */
import { environmentOf, type Environment } from '../environment/index.ts';
import { HudError } from '../protocol/errors.ts';
import type { Task } from '../protocol/task.ts';
import { LocalRuntime, type ProviderObject } from '../runtime/index.ts';
import { sourceOf } from './load-tasks.ts';

/** @throws HudError PLACEMENT_UNKNOWN listing the ways to say it, when a row (or its verifier) comes from neither */
export function inferProvider(tasks: readonly Task[]): ProviderObject {
  const rows = tasks.flatMap((task) => (task.verifier === undefined ? [task] : [task, task.verifier]));
  const lost = rows.find((task) => placeOf(task) === undefined);
  if (lost !== undefined) {
    throw new HudError('PLACEMENT_UNKNOWN', `Nothing says where task ${lost.slug} (environment '${lost.env}') should run.`, {
      hint: "Pass a runtime: new LocalRuntime('env.ts') for a process on this machine, or new Runtime('tcp://host:8765') for one that is served already.",
    });
  }
  const providers = new Map<string | Environment, LocalRuntime>();
  const providerOf = (task: Task): LocalRuntime => {
    const place = placeOf(task) as string | Environment;
    const provider = providers.get(place) ?? new LocalRuntime(place);
    providers.set(place, provider);
    return provider;
  };
  for (const task of rows) providerOf(task);
  const all = [...providers.values()];
  return {
    name: 'local',
    acquire: async (task, context) => await providerOf(task).acquire(task, context),
    cost: all.find(({ cost }) => cost.computes)?.cost ?? {},
    open: async (context) => {
      const scopes = await Promise.all(all.map((provider) => provider.open(context)));
      return { [Symbol.asyncDispose]: async () => void (await Promise.all(scopes.map((scope) => scope[Symbol.asyncDispose]()))) };
    },
  };
}

function placeOf(task: Task): string | Environment | undefined {
  return sourceOf(task) ?? environmentOf(task);
}
