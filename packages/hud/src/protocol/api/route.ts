/**
 * What a route of the platform is: data. The server answers it, the client calls it, the OpenAPI document
 * describes it and the tests try every one as a stranger, all from the same description.
 */
import type { z } from 'zod';

/** What a key may be used for. `admin` covers members, keys and budgets. */
export const SCOPES = ['read', 'write', 'trace:write', 'gateway', 'runtime', 'train', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** Of a member of a team, each with all that those before it may. */
export const ROLES = ['viewer', 'member', 'admin', 'owner'] as const;
export type Role = (typeof ROLES)[number];

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface RouteSpec {
  method: Method;
  /** As in `/v2/trace/{id}/enter`: each `{name}` is one component of the path, percent-decoded. */
  path: string;
  /** Other paths that lead to the same, with the same names. */
  aliases?: readonly string[];
  /** One line, for the reference. */
  summary: string;
  /** `anyone` needs no key. */
  access: Scope | 'anyone';
  /** A key that was made for one trace may call it, for that trace: the path's member that names the trace, or `body` when the handler looks. */
  childKey?: 'id' | 'body';
  /** Whoever opened a shared link may call it, for what is shared: `id` names the job or the run, see `shares.ts`. */
  isShared?: boolean;
  /** Members are text or lists of text on the wire; use `z.coerce`. */
  query?: z.ZodObject;
  /** Absent: no body is read. */
  body?: z.ZodType;
  /** The body may be a form as well (`application/x-www-form-urlencoded`). */
  isForm?: boolean;
  /** Numbers of the body and the reply keep their spelling, see `parseJson`. */
  isLossless?: boolean;
  /** The body may be as large as an upload, come compressed or packed (`packed.ts`), and its long lists of numbers are typed arrays. */
  isLarge?: boolean;
  /** What answers with 200 and JSON; absent when the handler writes a response of its own (a stream, bytes). */
  reply?: z.ZodType;
}

export type Route<S extends RouteSpec = RouteSpec> = Readonly<S>;

/** Keeps the types of what it is given. */
export function route<const S extends RouteSpec>(spec: S): Route<S> {
  return spec;
}

type Names<P extends string> = P extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never;

export type Params<S extends RouteSpec> = { [K in Names<S['path']>]: string };
/** As the handler gets it. */
export type Query<S extends RouteSpec> = S extends { query: infer Q extends z.ZodType } ? z.output<Q> : Record<string, never>;
/** As the handler gets it. */
export type Body<S extends RouteSpec> = S extends { body: infer B extends z.ZodType } ? z.output<B> : undefined;
/** As the handler gives it, and the client gets it. */
export type Reply<S extends RouteSpec> = S extends { reply: infer R extends z.ZodType } ? z.output<R> : Response;

/** What a caller passes; members that the route lacks are absent. */
export type Input<S extends RouteSpec> = ([Names<S['path']>] extends [never] ? { params?: never } : { params: Params<S> }) &
  (S extends { query: infer Q extends z.ZodType } ? { query?: z.input<Q> } : { query?: never }) &
  (S extends { body: infer B extends z.ZodType } ? { body: z.input<B> } : { body?: never });

/** Ids come as 32 hex digits, as dashed UUIDs, in capitals; stored are 32 lower-case hex digits. */
export function hexId(id: string): string | undefined {
  const compact = id.replaceAll('-', '').toLowerCase();
  return /^[0-9a-f]{32}$/.test(compact) ? compact : undefined;
}
