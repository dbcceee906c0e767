/** Which tasks of a taskset run: the first, all, or those that were named. */
import type { Taskset } from '../../eval/index.ts';
import { HudError } from '../../protocol/errors.ts';
import type { Task } from '../../protocol/task.ts';
import { nearest } from '../../protocol/nearest.ts';

export interface Selection {
  all: boolean;
  /** Slugs, template ids, or 0-based positions; come before `all`. */
  taskIds?: readonly string[];
  exclude?: readonly string[];
}

/**
 * @returns the chosen tasks, and how many others there were when nobody chose
 * @throws HudError TASK_NOT_FOUND naming what is there
 */
export function selectTasks(taskset: Taskset, selection: Selection): { chosen: Taskset; passedOver: number } {
  const excluded = new Set(selection.exclude?.flatMap((name) => findTasks(taskset, name)).map((task) => task.slug));
  const included =
    selection.taskIds === undefined
      ? undefined
      : new Set(selection.taskIds.flatMap((name) => findTasks(taskset, name)).map((task) => task.slug));
  const left = taskset.filter((task) => !excluded.has(task.slug) && (included?.has(task.slug) ?? true));
  if (left.size === 0) throw nothingLeft(taskset);
  if (selection.all || included !== undefined) return { chosen: left, passedOver: 0 };
  const [first] = left;
  return { chosen: left.filter((task) => task === first), passedOver: left.size - 1 };
}

/**
 * By slug, else every task of a template, else by 0-based position in the loaded order.
 * @throws HudError TASK_NOT_FOUND listing the slugs
 */
export function findTasks(taskset: Taskset, name: string): Task[] {
  const tasks = [...taskset];
  const bySlug = taskset.get(name);
  if (bySlug !== undefined) return [bySlug];
  const byId = tasks.filter((task) => task.id === name);
  if (byId.length > 0) return byId;
  const byIndex = /^\d+$/.test(name) ? tasks[Number(name)] : undefined;
  if (byIndex !== undefined) return [byIndex];
  throw notFound(taskset, name);
}

/**
 * The one task that a name means.
 * @throws HudError TASK_NOT_FOUND, also when a template has several tasks
 */
export function findTask(taskset: Taskset, name: string): Task {
  const [only, ...others] = findTasks(taskset, name);
  if (only !== undefined && others.length === 0) return only;
  throw new HudError('TASK_NOT_FOUND', `'${name}' means ${others.length + 1} tasks of ${taskset.name}.`, {
    hint: `Name one: ${slugs([...(only ? [only] : []), ...others])}.`,
  });
}

function notFound(taskset: Taskset, name: string): HudError {
  const near = nearest(
    name,
    [...taskset].flatMap((task) => [task.slug, task.id]),
  );
  const guess = near === undefined ? '' : `Did you mean '${near}'? `;
  return new HudError('TASK_NOT_FOUND', `There is no task '${name}' in ${taskset.name}.`, {
    hint: `${guess}Tasks: ${slugs([...taskset]) || 'none'}.`,
  });
}

function nothingLeft(taskset: Taskset): HudError {
  if (taskset.size > 0) return new HudError('TASK_NOT_FOUND', `Every task of ${taskset.name} was excluded.`);
  return new HudError('TASK_NOT_FOUND', `There are no tasks in ${taskset.name}.`, {
    hint: 'Export some: export const tasks = [count({ word: "strawberry" })].',
  });
}

const SHOWN = 20;

function slugs(tasks: readonly Task[]): string {
  const shown = tasks
    .slice(0, SHOWN)
    .map((task) => task.slug)
    .join(', ');
  return tasks.length > SHOWN ? `${shown} and ${tasks.length - SHOWN} more` : shown;
}
