import { extname, resolve } from 'node:path';
import { openPlatform, type PlatformClient } from '../../api-client/index.ts';
import { sync, Taskset } from '../../eval/index.ts';
import { platformSettings } from '../../host/settings.ts';
import { hexId } from '../../protocol/api/route.ts';
import { get as getEnvironment } from '../../protocol/api/registry.ts';
import { HudError, isHudError } from '../../protocol/errors.ts';
import { normalizeEnvironmentName } from '../../protocol/ids.ts';
import type { Task } from '../../protocol/task.ts';
import { confirm } from '../ask.ts';
import { defineCommand, type Context, type Result } from '../command.ts';
import { flag, text, texts } from '../options.ts';
import { projectConfigPath, readProjectConfig, updateProjectConfig } from '../project-config.ts';
import { planDocument, planLines } from '../sync-plan.ts';
import { listed, plural } from '../terminal/wording.ts';
import { UsageError } from '../usage-error.ts';

/** `--check` found differences. */
const OUT_OF_DATE = 4;

const options = {
  id: text('--id <uuid>', 'a taskset that there is, by its id'),
  task: texts('--task <slug>', 'only this task; repeatable'),
  exclude: texts('--exclude <slug>', 'leave this task out; repeatable'),
  yes: flag('-y, --yes', 'do not ask'),
  dryRun: flag('--dry-run', 'show what would change, and change nothing'),
  check: flag('--check', 'exit with 4 when something would change, and change nothing'),
  force: flag('--force', 'upload every task, changed or not'),
  prune: flag('--prune', 'delete tasks that are on the platform alone'),
  export: text('--export <file>', 'download the taskset instead: .json, .jsonl or .csv'),
};

type Flags = { [K in keyof typeof options]?: K extends 'task' | 'exclude' ? string[] : K extends 'id' | 'export' ? string : boolean };

export const syncTasks = defineCommand({
  arguments: {
    '[taskset]': 'name or id on the platform (default: the one that this folder is linked to)',
    '[source]': 'file or directory with tasks (default: the current directory)',
  },
  options,
  notes: `Tasks are matched by slug; those that are on the platform alone are left there, unless --prune is given.
The link is in .hud/config.json. A taskset is created only when it was named.`,
  run: async ({ args: [name, source], options: flags }, context) => {
    checkFlags(flags);
    const client = openPlatform();
    const target = await targetOf(name, flags.id, context);
    if (flags.export !== undefined) return await download(client, target.reference, flags.export, context);
    const local = select(await Taskset.fromFile(resolve(context.cwd, source ?? '.')), flags);
    await noteOtherEnvironments(client, local, context);
    const remote = await sync.fetchTaskset(target.reference, client);
    if (remote === undefined && !target.mayCreate) throw absent(target.reference);
    const plan = sync.diff({ name: target.reference, tasks: local }, remote ?? { name: target.reference, tasks: [] });
    const pruned = flags.prune ? (remote?.tasks ?? []).filter(({ slug }) => local.get(slug) === undefined).map(({ slug }) => slug) : [];
    return await carryOut({ client, plan, remote, uploads: flags.force ? [...local] : plan.toApply, pruned, flags }, context);
  },
});

interface Work {
  client: PlatformClient;
  plan: sync.SyncPlan;
  remote: sync.RemoteTaskset | undefined;
  uploads: Task[];
  /** Slugs to delete. */
  pruned: string[];
  flags: Flags;
}

async function carryOut(work: Work, context: Context): Promise<Result> {
  const { plan, remote, uploads, pruned, flags } = work;
  const count = uploads.length + pruned.length;
  const document = planDocument(plan, remote);
  const lines = planLines(plan, pruned, remote === undefined, context.out);
  if (flags.check || flags.dryRun || count === 0) {
    if (count === 0 && remote !== undefined && !flags.check && !flags.dryRun) await link(remote.id, context);
    const end = count === 0 ? 'Everything is up to date.' : 'Nothing was changed.';
    return {
      json: { ...document, applied: false, created: 0, updated: 0, deleted: 0 },
      text: () => [...lines, end],
      exitCode: flags.check && count > 0 ? OUT_OF_DATE : 0,
    };
  }
  for (const line of context.isJson ? [] : lines) context.note(line);
  if (!flags.yes && !(await mayGoOn(work, context)))
    return { json: { ...document, applied: false, created: 0, updated: 0, deleted: 0 }, text: () => ['Nothing was changed.'] };
  const { id, created, updated, deleted } = await apply(work, context);
  await link(id, context);
  const { webUrl } = platformSettings();
  return {
    json: { ...document, tasksetId: id, applied: true, created, updated, deleted },
    text: () => [
      `${plan.tasksetName}: ${created} created, ${updated} updated${deleted > 0 ? `, ${deleted} deleted` : ''}`,
      ...(webUrl === undefined ? [] : [`${webUrl}/tasksets/${id}`]),
    ],
  };
}

async function apply(
  { client, plan, remote, uploads, pruned }: Work,
  { note }: Context,
): Promise<{ id: string; created: number; updated: number; deleted: number }> {
  const target = remote === undefined ? { name: plan.tasksetName } : { id: remote.id };
  const { tasksetId, tasksCreated, tasksUpdated, unverified } = await uploaded(() => sync.uploadTasks(target, uploads, client));
  if (unverified.length > 0)
    note(`The registry has no manifest of ${listed(unverified)}: the arguments were taken on trust. \`hud sync env\` registers one.`);
  const deleted = pruned.length === 0 ? 0 : await sync.deleteTasks(tasksetId, pruned, client);
  return { id: tasksetId, created: tasksCreated, updated: tasksUpdated, deleted };
}

/** The platform tells every bad row on a line of its own. */
async function uploaded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isHudError(error) || error.data?.status !== 400) throw error;
    const detail = String(error.data.detail);
    throw new HudError('PLATFORM_FAILED', `The platform refused the tasks, and stored none:\n${detail}`, {
      hint: detail.includes('not found')
        ? 'Register the environment as it is now: `hud sync env` in its folder.'
        : 'Mend these rows and run it again.',
      cause: error,
    });
  }
}

async function mayGoOn({ uploads, pruned }: Work, context: Context): Promise<boolean> {
  const what = [
    ...(uploads.length === 0 ? [] : [`upload ${plural(uploads.length, 'task')}`]),
    ...(pruned.length === 0 ? [] : [`delete ${plural(pruned.length, 'task')}`]),
  ].join(' and ');
  return await confirm(context, {
    question: `${what[0]?.toUpperCase()}${what.slice(1)}?`,
    otherwise: `This would ${what}, and nobody can be asked whether it should.`,
    hint: 'Add --yes.',
    standard: false,
  });
}

async function download(client: PlatformClient, reference: string, file: string, { cwd }: Context): Promise<Result> {
  const remote = await sync.fetchTaskset(reference, client);
  if (remote === undefined) throw absent(reference);
  const path = resolve(cwd, file);
  await new Taskset(remote.name, remote.tasks, { tasksetId: remote.id }).toFile(path);
  return {
    json: { taskset: remote.name, tasksetId: remote.id, path, tasks: remote.tasks.length },
    text: () => [`Wrote ${plural(remote.tasks.length, 'task')} to ${file}`],
  };
}

interface Target {
  reference: string;
  /** It was named, so it may be made. */
  mayCreate: boolean;
}

async function targetOf(name: string | undefined, id: string | undefined, context: Context): Promise<Target> {
  if (id !== undefined) return { reference: id, mayCreate: false };
  if (name !== undefined) return { reference: name, mayCreate: hexId(name) === undefined };
  const { tasksetId } = await readProjectConfig(context.cwd, context);
  if (tasksetId === undefined)
    throw new UsageError('Which taskset? This folder is linked to none yet.', {
      hint: 'Name one, which is created when it is new: hud sync tasks my-tasks',
    });
  context.note(`The taskset is ${tasksetId}, as ${projectConfigPath('.')} says.`);
  return { reference: tasksetId, mayCreate: false };
}

function checkFlags({ id, task, exclude, prune, export: file, check, dryRun, force }: Flags): void {
  if (id !== undefined && hexId(id) === undefined) throw new UsageError(`--id takes the UUID of a taskset, not '${id}'.`);
  if (prune && (task !== undefined || exclude !== undefined))
    throw new UsageError('--prune looks at all tasks: it excludes --task and --exclude.');
  if (force && check) throw new UsageError('--force and --check exclude each other.');
  if (file === undefined) return;
  if (!['.json', '.jsonl', '.csv'].includes(extname(file)))
    throw new UsageError(`--export takes a .json, .jsonl or .csv file, not '${file}'.`);
  if (check || dryRun || prune || force)
    throw new UsageError('--export changes nothing: it excludes --check, --dry-run, --prune and --force.');
}

function select(tasks: Taskset, { task, exclude }: Flags): Taskset {
  if (tasks.size === 0)
    throw new HudError('TASK_NOT_FOUND', 'There are no tasks in the source.', { hint: 'Export some, or name another source.' });
  for (const slug of [...(task ?? []), ...(exclude ?? [])])
    if (tasks.get(slug) === undefined)
      throw new HudError('TASK_NOT_FOUND', `There is no task '${slug}' in the source.`, { hint: '`hud task list` shows the slugs.' });
  const kept = tasks.filter(({ slug }) => (task === undefined || task.includes(slug)) && exclude?.includes(slug) !== true);
  if (kept.size === 0) throw new HudError('TASK_NOT_FOUND', 'No task is left to sync.');
  return kept;
}

/** A hint only: tasks of several environments may live in one folder. */
async function noteOtherEnvironments(client: PlatformClient, tasks: Taskset, context: Context): Promise<void> {
  const { registryId } = await readProjectConfig(context.cwd, context);
  if (registryId === undefined) return;
  try {
    const { name } = await client.call(getEnvironment, { params: { id: registryId } });
    const others = tasks.environmentNames().filter((env) => normalizeEnvironmentName(env) !== name);
    if (others.length > 0) context.note(`This folder is linked to the environment ${name}, but its tasks are of ${listed(others)}.`);
  } catch (error) {
    if (!isHudError(error) || error.code !== 'PLATFORM_NOT_FOUND') throw error;
    context.note(`The environment that this folder is linked to is gone from the registry: ${registryId}.`);
  }
}

async function link(tasksetId: string, context: Context): Promise<void> {
  if (await updateProjectConfig(context.cwd, { tasksetId }, context))
    context.note(`This folder is linked to it now: ${projectConfigPath('.')}.`);
}

function absent(reference: string): HudError {
  return new HudError('PLATFORM_NOT_FOUND', `The platform has no taskset '${reference}'.`, {
    hint: 'Name one to create it: hud sync tasks my-tasks',
  });
}
