/** What a sync would change, for people and for programs. */
import type { sync } from '../eval/index.ts';
import { pythonJson } from '../protocol/json.ts';
import type { Task } from '../protocol/task.ts';
import { literalLine } from './terminal/literal.ts';
import type { Terminal } from './terminal/terminal.ts';

export interface PlanDocument {
  taskset: string;
  tasksetId?: string;
  create: string[];
  update: { slug: string; fields: string[] }[];
  unchanged: number;
  remoteOnly: string[];
}

export function planDocument(plan: sync.SyncPlan, remote: sync.RemoteTaskset | undefined): PlanDocument {
  const before = new Map(remote?.tasks.map((task) => [task.slug, task]));
  return {
    taskset: plan.tasksetName,
    ...(remote === undefined ? {} : { tasksetId: remote.id }),
    create: slugsOf(plan.toCreate),
    update: plan.toUpdate.map((task) => ({ slug: task.slug, fields: changedFields(task, before.get(task.slug)) })),
    unchanged: plan.unchanged.length,
    remoteOnly: slugsOf(plan.remoteOnly),
  };
}

/** Rows by name, as long as they are few. */
const MOST_NAMED = 20;

export function planLines(plan: sync.SyncPlan, pruned: readonly string[], isNew: boolean, { bold, dim }: Terminal): string[] {
  const gone = new Set(pruned);
  const left = plan.remoteOnly.filter(({ slug }) => !gone.has(slug)).length;
  return [
    `${bold(literalLine(plan.tasksetName))}${isNew ? ' (new)' : ''}: ${plan.toCreate.length} to create, ${plan.toUpdate.length} to update, ${plan.unchanged.length} unchanged${pruned.length > 0 ? `, ${pruned.length} to delete` : ''}${left > 0 ? `, ${left} on the platform alone` : ''}`,
    ...named('+', slugsOf(plan.toCreate)),
    ...named('~', slugsOf(plan.toUpdate)),
    ...named('-', pruned),
  ].map((line, at) => (at === 0 ? line : dim(line)));
}

function slugsOf(tasks: readonly Task[]): string[] {
  return tasks.map(({ slug }) => slug);
}

function named(mark: string, slugs: readonly string[]): string[] {
  const rest = slugs.length - MOST_NAMED;
  return [
    ...slugs.slice(0, MOST_NAMED).map((slug) => `  ${mark} ${literalLine(slug)}`),
    ...(rest > 0 ? [`  ${mark} and ${rest} more`] : []),
  ];
}

function changedFields(task: Task, before: Task | undefined): string[] {
  const after = task.toJSON();
  const known = before?.toJSON() ?? {};
  const text = (value: unknown): string => (value === undefined ? '' : pythonJson(value, { compact: true }));
  return [...new Set([...Object.keys(after), ...Object.keys(known)])]
    .filter((field) => text(after[field]) !== text(known[field]))
    .toSorted();
}
