/** Rows of an upload, checked one by one: every problem is told, not only the first. */
import { api, decode, isPlainObject, messageOf, normalizeEnvironmentName, stringifyJson, type JsonObject } from 'hud/protocol';
import type { Db } from '../../storage/database.ts';
import { environmentsByName, type StoredEnvironment } from '../../storage/registry/environments.ts';
import type { NewTask } from '../../storage/tasksets/tasks.ts';
import { Fault } from '../../fault.ts';
import { manifestCheck, type ManifestCheck } from './manifest-check.ts';

/** More problems than these are counted only. */
const MAX_PROBLEMS = 50;

export interface Checked {
  tasks: NewTask[];
  /** Environments without a manifest, as the rows spell them. */
  unverified: string[];
}

export interface CheckOptions {
  teamId: string;
  /** A row whose environment has no manifest is a problem. */
  isStrict: boolean;
}

/** @throws Fault 400 with a line for every problem */
export async function checkTasks(db: Db, wire: readonly unknown[], { teamId, isStrict }: CheckOptions): Promise<Checked> {
  const problems: string[] = [];
  const items = wire.flatMap((row, at) => parsed(row, at, problems));
  for (const slug of repeated(items.map(({ name }) => name))) problems.push(`Task '${slug}': the slug is there more than once.`);
  const places = new Map<string, StoredEnvironment>();
  const names = [...new Set(items.flatMap((item) => references(item).map(({ env }) => normalizeEnvironmentName(env))))];
  for (let at = 0; at < names.length; at += 200)
    for (const [name, environment] of await environmentsByName(db, teamId, names.slice(at, at + 200))) places.set(name, environment);
  const checks = new Map<string, ManifestCheck>();
  const unverified = new Set<string>();
  const tasks = items.map((item): NewTask => {
    let isVerified = true;
    for (const { env, id, args, what } of references(item)) {
      const name = normalizeEnvironmentName(env);
      const place = places.get(name);
      if (place?.manifest === undefined) {
        isVerified = false;
        if (isStrict) problems.push(`${what}: environment '${env}' not found.`);
        unverified.add(env);
        continue;
      }
      const check = checks.get(name) ?? manifestCheck(JSON.parse(place.manifest) as api.registry.Manifest);
      checks.set(name, check);
      for (const problem of check(id, args)) problems.push(`${what}: ${problem.replace('{env}', env)}`);
    }
    return { slug: item.name, row: rowText(item), environment: item.env.name, template: item.taskId, isVerified };
  });
  if (problems.length > 0) throw new Fault(400, told(problems));
  return { tasks, unverified: [...unverified].toSorted() };
}

function told(problems: readonly string[]): string {
  const lines = problems.slice(0, MAX_PROBLEMS);
  return [...lines, ...(problems.length > lines.length ? [`And ${problems.length - lines.length} more.`] : [])].join('\n');
}

function parsed(row: unknown, at: number, problems: string[]): api.tasksets.UploadItem[] {
  const name = isPlainObject(row) && typeof row.name === 'string' ? `'${row.name}'` : `${at + 1}`;
  try {
    const item = decode(api.tasksets.UploadItem, row, { what: `Task ${name}`, code: 'BAD_TASK' });
    if (item.verifier == null || (typeof item.verifier.env === 'string' && typeof item.verifier.id === 'string')) return [item];
    problems.push(`Task ${name}: its verifier needs env and id.`);
  } catch (error) {
    problems.push(messageOf(error));
  }
  return [];
}

function repeated(slugs: readonly string[]): Set<string> {
  const seen = new Set<string>();
  return new Set(slugs.filter((slug) => seen.size === seen.add(slug).size));
}

/** What of the registry a row names: its own template, and that of its verifier. */
function references({
  name,
  env,
  taskId,
  args,
  verifier,
}: api.tasksets.UploadItem): { env: string; id: string; args: JsonObject; what: string }[] {
  const own = { env: env.name, id: taskId, args: args ?? {}, what: `Task '${name}'` };
  if (verifier == null) return [own];
  const { env: place, id, args: given } = verifier as { env: string; id: string; args?: unknown };
  return [own, { env: place, id, args: isPlainObject(given) ? given : {}, what: `Verifier of task '${name}'` }];
}

/** As it is exported. Nulls inside data stay, those of whole fields are no fields. */
function rowText({ name, env, taskId, args, validation, agentConfig, columns, runtimeConfig, verifier }: api.tasksets.UploadItem): string {
  const optional = { validation, agent_config: agentConfig, columns, runtime_config: runtimeConfig, verifier };
  return stringifyJson({
    name,
    env: env.name,
    scenario: taskId,
    args: args ?? {},
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value != null)),
  });
}
