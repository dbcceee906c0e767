/** What differs between a local taskset and the platform's, row by row. Nothing is ever deleted. */
import { Float, pythonJson, type JsonObject } from './json.ts';
import type { Task } from './task.ts';

/**
 * Equal for rows that need no upload: the template id and the row's canonical text without environment,
 * id and slug. The text is the Python package's, so that floats and key order agree.
 */
export function taskSignature(task: Task): string {
  const { env: _env, id, slug: _slug, ...row } = task.toJSON();
  return `${String(id)}|${pythonJson(withDeclaredFloats(finite(row) as JsonObject), { compact: true })}`;
}

export interface SyncPlan {
  tasksetName: string;
  toCreate: Task[];
  toUpdate: Task[];
  unchanged: Task[];
  /** On the platform only; left alone. */
  remoteOnly: Task[];
  /** What an upload sends: created, then updated. */
  toApply: Task[];
  summary(): string;
}

/** Rows are matched by slug. A row that moved to another environment counts as changed. */
export function diffTasks(
  local: { name: string; tasks: Iterable<Task> },
  remote: { name: string; tasks: Iterable<Task> } | undefined,
): SyncPlan {
  const rest = new Map([...(remote?.tasks ?? [])].map((task) => [task.slug, task]));
  const plan = { toCreate: [] as Task[], toUpdate: [] as Task[], unchanged: [] as Task[] };
  for (const task of local.tasks) {
    const other = rest.get(task.slug);
    rest.delete(task.slug);
    if (other === undefined) plan.toCreate.push(task);
    else if (other.env === task.env && taskSignature(other) === taskSignature(task)) plan.unchanged.push(task);
    else plan.toUpdate.push(task);
  }
  const remoteOnly = [...rest.values()];
  return {
    ...plan,
    tasksetName: remote?.name ?? local.name,
    remoteOnly,
    toApply: [...plan.toCreate, ...plan.toUpdate],
    summary: () =>
      `${plan.toCreate.length} to create, ${plan.toUpdate.length} to update, ${plan.unchanged.length} unchanged, ${remoteOnly.length} remote only`,
  };
}

/** The one number of a row that is declared a float prints as one: `"cpu":2.0`. */
function withDeclaredFloats(row: JsonObject): JsonObject {
  const config = row.runtime_config as { resources?: { cpu?: unknown } | null } | null | undefined;
  const verifier = row.verifier as JsonObject | null | undefined;
  const cpu = config?.resources?.cpu;
  return {
    ...row,
    ...(typeof cpu === 'number' ? { runtime_config: { ...config, resources: { ...config?.resources, cpu: new Float(cpu) } } } : {}),
    ...(verifier ? { verifier: withDeclaredFloats(verifier) } : {}),
  };
}

/** Numbers that JSON does not have become null. */
function finite(value: unknown): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (Array.isArray(value)) return value.map(finite);
  if (typeof value !== 'object' || value === null || value instanceof Float) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, finite(item)]));
}
