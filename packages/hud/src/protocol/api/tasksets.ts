/** Named lists of tasks that a team shares. Numbers keep their spelling all the way: a slug rests on them. */
import { z } from 'zod';
import { isPlainObject, type JsonObject } from '../json.ts';
import { route } from './route.ts';

/** Passed by reference, so that no key and no number of user data is touched. */
const Data = z.custom<JsonObject>(isPlainObject, 'expected an object');

/** One row as it is uploaded. */
export const UploadItem = z.object({
  /** The slug: a task's identity within its taskset. */
  name: z.string().min(1).max(500),
  env: z.object({ name: z.string().min(1).max(200) }),
  /** The template. */
  taskId: z.string().min(1).max(500),
  args: Data.nullish(),
  validation: z.array(Data).nullish(),
  agentConfig: Data.nullish(),
  columns: Data.nullish(),
  /** A null inside is an override, an absent key is none. */
  runtimeConfig: Data.nullish(),
  /** A whole row: `env`, `id`, `args`, `slug`. */
  verifier: Data.nullish(),
});
export type UploadItem = z.infer<typeof UploadItem>;

/** One row as it is exported; nothing that was null is there. */
export const ExportedTask = z.looseObject({
  /** Of the row, for QA; no part of the task. */
  id: z.string().optional(),
  name: z.string(),
  env: z.string(),
  scenario: z.string(),
  args: Data.nullish(),
  validation: z.array(Data).nullish(),
  agentConfig: Data.nullish(),
  columns: Data.nullish(),
  runtimeConfig: Data.nullish(),
  verifier: Data.nullish(),
});
export type ExportedTask = z.infer<typeof ExportedTask>;

/** What `exported` answers with. */
export const Export = z.object({
  tasksetId: z.string(),
  name: z.string(),
  version: z.number(),
  tasks: z.array(ExportedTask),
});

/** Times are ISO 8601. */
export const TasksetSummary = z.object({
  id: z.string(),
  tasksetId: z.string(),
  name: z.string(),
  /** Counts the changes, from 1. */
  version: z.number(),
  tasks: z.number(),
  /** Of them, those that no manifest has been held against. */
  unverified: z.number(),
  createdAt: z.string(),
  updatedAt: z.string(),
  canEdit: z.boolean(),
});
export type TasksetSummary = z.infer<typeof TasksetSummary>;

export const list = route({
  method: 'GET',
  path: '/v2/tasksets',
  summary: 'Tasksets of the team, newest change first',
  access: 'read',
  query: z.object({
    search: z.string().optional(),
    limit: z.coerce.number().int().min(1).max(500).default(100),
    offset: z.coerce.number().int().min(0).default(0),
  }),
  reply: z.object({ items: z.array(TasksetSummary), total: z.number() }),
});

export const create = route({
  method: 'POST',
  path: '/v2/tasksets',
  summary: 'A taskset without tasks yet; the one of that name when there is one',
  access: 'write',
  body: z.object({ name: z.string().trim().min(1).max(200) }),
  reply: TasksetSummary,
});

export const byName = route({
  method: 'GET',
  path: '/v2/tasksets/by-name/{name}',
  summary: 'The taskset of that name',
  access: 'read',
  reply: TasksetSummary,
});

export const get = route({
  method: 'GET',
  path: '/v2/tasksets/{id}',
  summary: 'One taskset, without its tasks',
  access: 'read',
  reply: TasksetSummary,
});

export const exported = route({
  method: 'GET',
  path: '/v2/tasksets/{id}/export',
  summary: 'All tasks: {taskset_id, name, version, tasks}. Answers 304 to If-None-Match with the ETag of the last export',
  access: 'read',
  query: z.object({ version: z.coerce.number().int().min(1).optional() }),
});

export const versions = route({
  method: 'GET',
  path: '/v2/tasksets/{id}/versions',
  summary: 'Its changes, newest first; each can be exported',
  access: 'read',
  query: z.object({ limit: z.coerce.number().int().min(1).max(500).default(50) }),
  reply: z.object({
    items: z.array(
      z.object({
        version: z.number(),
        createdAt: z.string(),
        tasksCreated: z.number(),
        tasksUpdated: z.number(),
        tasksDeleted: z.number(),
        userId: z.string().nullable(),
      }),
    ),
  }),
});

export const upload = route({
  method: 'POST',
  path: '/v2/tasks/upload',
  summary: 'Creates and updates tasks by slug, all or none; deletes nothing. The name may be the id of one',
  access: 'write',
  isLossless: true,
  body: z.object({
    tasksetName: z.string().trim().min(1).max(200),
    /** Wins over the name. */
    tasksetId: z.string().nullish(),
    tasks: z.array(z.unknown()).max(200_000),
  }),
  reply: z.object({
    tasksetId: z.string(),
    name: z.string(),
    version: z.number(),
    tasksCreated: z.number(),
    tasksUpdated: z.number(),
    /** Environments without a manifest: their tasks were taken on trust. */
    unverified: z.array(z.string()),
  }),
});

export const remove = route({
  method: 'DELETE',
  path: '/v2/tasksets/{id}/tasks',
  summary: 'Deletes tasks by slug; earlier versions keep them',
  access: 'write',
  body: z.object({ slugs: z.array(z.string()).min(1).max(200_000) }),
  reply: z.object({ tasksetId: z.string(), version: z.number(), tasksDeleted: z.number() }),
});
