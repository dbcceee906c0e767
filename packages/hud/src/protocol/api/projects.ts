/** Newer releases of the Python package ask in which project of a team to put things. Here a team is one project. */
import { z } from 'zod';
import { route } from './route.ts';

const Project = z.object({
  /** A dashed UUID: the team's. */
  id: z.string(),
  name: z.string(),
  isDefault: z.boolean(),
  capabilities: z.object({ create: z.boolean() }),
});

export const identity = route({
  method: 'GET',
  path: '/v2/auth/me',
  summary: 'Whose key it is: the ids of its user and team',
  access: 'read',
  reply: z.object({ userId: z.string(), teamId: z.string() }),
});

export const list = route({
  method: 'GET',
  path: '/v2/projects',
  summary: "The team's one project",
  access: 'read',
  query: z.object({
    /** Its name, or the beginning of it. */
    search: z.string().optional(),
    limit: z.coerce.number().int().min(1).max(500).default(100),
    offset: z.coerce.number().int().min(0).default(0),
  }),
  reply: z.object({ items: z.array(Project), total: z.int() }),
});

export const create = route({
  method: 'POST',
  path: '/v2/projects',
  summary: "The team's project, when it is asked for by its name: others can't be made",
  access: 'write',
  body: z.object({ name: z.string().trim().min(1).max(200), description: z.string().nullish() }),
  reply: Project,
});

export const get = route({
  method: 'GET',
  path: '/v2/projects/{id}',
  summary: "The team's project",
  access: 'read',
  reply: Project,
});
