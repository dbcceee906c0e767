/** A request as far as it matters: what is equal here was asked before. */
import { createHash } from 'node:crypto';
import { isPlainObject } from 'hud/protocol';
import type { ModelCall } from '../seams.ts';

export interface RequestPrint {
  /** SHA-256 of the whole. */
  hash: string;
  parts: RequestParts;
}

/** Hashes by member of the body; lists of turns by turn. */
export interface RequestParts {
  /** Where it was sent: dialect and path. */
  to: string;
  members: Record<string, string>;
  /** Name of the member that holds the conversation. */
  list: string | undefined;
  turns: string[];
}

/** The conversation, in each dialect's word. */
const LISTS = ['messages', 'input', 'contents'] as const;
/** Names of users and caches change from run to run, and no answer depends on them. */
const VOLATILE = new Set(['user', 'prompt_cache_key', 'safety_identifier']);

type Printed = Pick<ModelCall, 'dialect' | 'path' | 'body'> & { model: Pick<ModelCall['model'], 'modelName'> };

export function printRequest({ dialect, path, model, body }: Printed): RequestPrint {
  const to = `${dialect} ${path.replace(/^\/v1(?=\/)/, '')} ${model.modelName}`;
  const parsed = parse(body);
  if (parsed === undefined) {
    return { hash: digest(to, body), parts: { to, members: { body: short(digest(body)) }, list: undefined, turns: [] } };
  }
  const members = Object.entries(parsed).filter(([name]) => !VOLATILE.has(name));
  const known = members.map(([name, value]): [string, unknown] => [name, name === 'metadata' ? withoutUser(value) : value]);
  const list = LISTS.find((name) => Array.isArray(parsed[name]));
  const turns = list === undefined ? [] : (parsed[list] as unknown[]).map((turn) => digest(canonical(turn)));
  const rest = known.filter(([name]) => name !== list).map(([name, value]): [string, string] => [name, digest(canonical(value))]);
  const ordered = rest.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    hash: digest(to, JSON.stringify([ordered, list ?? null, turns])),
    parts: { to, members: Object.fromEntries(ordered.map(([name, hash]) => [name, short(hash)])), list, turns: turns.map(short) },
  };
}

/** `messages[3]`, `tools`; undefined when they are equal. */
export function firstDifference(now: RequestParts, then: RequestParts): string | undefined {
  if (now.to !== then.to) return `it goes to ${now.to.split(' ').slice(0, 3).join(' ')}, then to ${then.to}`;
  const names = [...new Set([...Object.keys(now.members), ...Object.keys(then.members)])].toSorted();
  const member = names.find((name) => now.members[name] !== then.members[name]);
  if (member !== undefined) return `\`${member}\` is not what it was`;
  const list = now.list ?? then.list ?? 'messages';
  const at = now.turns.findIndex((turn, i) => turn !== then.turns[i]);
  if (at >= 0) return at >= then.turns.length ? `\`${list}[${at}]\` was not there` : `\`${list}[${at}]\` is not what it was`;
  return now.turns.length < then.turns.length ? `\`${list}[${now.turns.length}]\` is missing` : undefined;
}

function parse(body: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return isPlainObject(value) ? value : undefined;
  } catch {
    return undefined; // compared byte by byte
  }
}

function withoutUser(metadata: unknown): unknown {
  if (!isPlainObject(metadata)) return metadata;
  const { user_id: _user, ...rest } = metadata;
  return rest;
}

/** Members in the order of their names. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, member: unknown) =>
    isPlainObject(member) ? Object.fromEntries(Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : 1))) : member,
  );
}

function digest(...parts: (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/** Enough to tell parts of one run apart. */
function short(hash: string): string {
  return hash.slice(0, 16);
}
