/** Tasksets of a platform: read, compared with local ones, uploaded. Numbers keep their spelling both ways. */
import { openPlatform, type PlatformClient, type PlatformClientOptions } from '../api-client/index.ts';
import { exported, byName, remove, upload as uploadRoute } from '../protocol/api/tasksets.ts';
import { hexId } from '../protocol/api/route.ts';
import { HudError, isHudError } from '../protocol/errors.ts';
import { isPlainObject, parseJson, type JsonObject } from '../protocol/json.ts';
import { diffTasks, type SyncPlan } from '../protocol/sync.ts';
import { Task } from '../protocol/task.ts';

export type { SyncPlan };

/** A platform, by the settings or named. */
export type PlatformLike = PlatformClient | PlatformClientOptions | undefined;

export interface RemoteTaskset {
  id: string;
  name: string;
  tasks: Task[];
}

/** A whole taskset may travel in one request, in milliseconds. */
const TRANSFER_MS = 600_000;

/**
 * What changes when the local tasks are uploaded. Rows are matched by slug; one that moved to another environment
 * counts as changed.
 * @param remote undefined: the platform has none yet
 */
export function diff(local: NamedTasks, remote: NamedTasks | undefined): SyncPlan {
  return diffTasks(withTasks(local), remote === undefined ? undefined : withTasks(remote));
}

/** A `Taskset`, or what `fetchTaskset` gave. */
export type NamedTasks = { name: string } & (Iterable<Task> | { tasks: Iterable<Task> });

/**
 * @param nameOrId a UUID is an id
 * @returns undefined when the team has no such taskset
 * @throws HudError PLATFORM_*, BAD_TASK for a row that this version can't read
 */
export async function fetchTaskset(nameOrId: string, platform?: PlatformLike): Promise<RemoteTaskset | undefined> {
  const client = clientOf(platform);
  return await unlessAbsent(async () => {
    const id = hexId(nameOrId) === undefined ? (await client.call(byName, { params: { name: nameOrId } })).tasksetId : nameOrId;
    const response = await client.call(exported, { params: { id } }, { timeoutMs: TRANSFER_MS });
    const { name, tasks } = readExport(await response.text(), client);
    return { id, name, tasks };
  });
}

/**
 * Creates and updates tasks by slug, all or none; deletes nothing.
 * @param target an id that there is, or a name, which is created when it is new
 * @throws HudError PLATFORM_FAILED with a line for every problem of a row
 */
export async function uploadTasks(
  target: { id: string; name?: string } | { name: string },
  tasks: Iterable<Task>,
  platform?: PlatformLike,
): Promise<{ tasksetId: string; tasksCreated: number; tasksUpdated: number; unverified: string[] }> {
  const body = {
    tasksetName: 'id' in target ? target.id : target.name,
    tasks: [...tasks].map(uploadItem),
  };
  return await clientOf(platform).call(uploadRoute, { body }, { timeoutMs: TRANSFER_MS });
}

/** Deletes by slug; earlier versions keep them. @returns how many there were */
export async function deleteTasks(id: string, slugs: readonly string[], platform?: PlatformLike): Promise<number> {
  const { tasksDeleted } = await clientOf(platform).call(remove, { params: { id }, body: { slugs: [...slugs] } });
  return tasksDeleted;
}

function clientOf(platform: PlatformLike): PlatformClient {
  return platform !== undefined && 'call' in platform ? platform : openPlatform(platform);
}

function withTasks(set: NamedTasks): { name: string; tasks: Iterable<Task> } {
  return 'tasks' in set ? set : { name: set.name, tasks: set };
}

async function unlessAbsent<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (isHudError(error) && error.code === 'PLATFORM_NOT_FOUND') return undefined;
    throw error;
  }
}

/** The row under the names of an upload. */
function uploadItem(task: Task): JsonObject {
  const { slug, env, id, ...row } = task.toJSON();
  return { name: slug, env: { name: env }, task_id: id, ...row };
}

/** Not through the codec: rows are read by `Task.parse`, in the wire's spelling. */
function readExport(text: string, { baseUrl }: PlatformClient): { name: string; tasks: Task[] } {
  const answer = parseJson(text, { lossless: true });
  if (!isPlainObject(answer) || typeof answer.name !== 'string' || !Array.isArray(answer.tasks))
    throw new HudError('PLATFORM_FAILED', `What the platform at ${baseUrl} exports is no taskset: it has no name or no tasks.`);
  return { name: answer.name, tasks: answer.tasks.map((record) => Task.parse(rowOf(record))) };
}

function rowOf(record: unknown): unknown {
  if (!isPlainObject(record)) return record;
  const { name, env, scenario, args, validation, agent_config, columns, runtime_config, verifier } = record;
  return { slug: name, env, id: scenario, args: args ?? {}, validation, agent_config, columns, runtime_config, verifier };
}
