/** Results of QA agents: which are meant, how they read, what they mean for the exit code. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { PlatformClient } from '../api-client/index.ts';
import { agents, results, type Agent, type Result, type SubjectType } from '../protocol/api/qa.ts';
import { list as listEnvironments } from '../protocol/api/registry.ts';
import { hexId } from '../protocol/api/route.ts';
import { byName } from '../protocol/api/tasksets.ts';
import { HudError, isHudError } from '../protocol/errors.ts';
import { normalizeEnvironmentName } from '../protocol/ids.ts';
import { nearest } from '../protocol/nearest.ts';
import { literalLine } from './terminal/literal.ts';
import { table } from './terminal/table.ts';
import type { Terminal } from './terminal/terminal.ts';

export async function allAgents(client: PlatformClient): Promise<Agent[]> {
  const items: Agent[] = [];
  for (;;) {
    const page = await client.call(agents, { query: { limit: 500, offset: items.length } });
    items.push(...page.items);
    if (items.length >= page.total || page.items.length === 0) return items;
  }
}

/** By id or name. */
export async function findAgent(client: PlatformClient, reference: string): Promise<Agent> {
  const known = await allAgents(client);
  const found = known.find(({ id, name }) => name === reference || (hexId(reference) !== undefined && hexId(id) === hexId(reference)));
  if (found !== undefined) return found;
  const names = known.map(({ name }) => name);
  const near = nearest(reference, names);
  throw new HudError('PLATFORM_NOT_FOUND', `There is no QA agent '${reference}'.`, {
    hint: near === undefined ? `There are ${names.join(', ')}.` : `Did you mean ${near}?`,
  });
}

/** Tasksets and environments by name too. @throws HudError PLATFORM_NOT_FOUND */
export async function subjectIds(client: PlatformClient, type: SubjectType, references: readonly string[]): Promise<string[]> {
  return await Promise.all(
    references.map(async (reference) => {
      if (hexId(reference) !== undefined) return reference;
      const id = await idByName(client, type, reference);
      if (id !== undefined) return id;
      throw new HudError('PLATFORM_NOT_FOUND', `The platform has no ${type} '${reference}'.`, {
        hint:
          type === 'task'
            ? 'A task is named by its id, as the export of its taskset tells.'
            : type === 'trace'
              ? 'A run is named by its whole trace id, as `hud jobs <id>` tells.'
              : 'Name it as the platform does, or by its id.',
      });
    }),
  );
}

async function idByName(client: PlatformClient, type: SubjectType, name: string): Promise<string | undefined> {
  if (type === 'task' || type === 'trace') return undefined;
  if (type === 'environment') {
    const { items } = await client.call(listEnvironments, { query: { search: name, limit: 5 } });
    return items.find((item) => item.name === normalizeEnvironmentName(name))?.id;
  }
  try {
    return (await client.call(byName, { params: { name } })).tasksetId;
  } catch (error) {
    if (isHudError(error) && error.code === 'PLATFORM_NOT_FOUND') return undefined;
    throw error;
  }
}

export interface Waiting {
  timeoutSeconds: number;
  signal: AbortSignal;
}

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 2_000;

/** @throws HudError PLATFORM_FAILED when it takes longer, the signal's reason when that fires first */
export async function untilEnded(
  client: PlatformClient,
  started: readonly Result[],
  { timeoutSeconds, signal }: Waiting,
): Promise<Result[]> {
  const resultIds = started.map(({ id }) => id);
  const deadline = performance.now() + timeoutSeconds * 1000;
  let current = [...started];
  for (
    let waitMs = FIRST_WAIT_MS;
    current.length < resultIds.length || current.some(isOpen);
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)
  ) {
    if (performance.now() > deadline)
      throw new HudError(
        'PLATFORM_FAILED',
        `${current.filter(isOpen).length} of ${resultIds.length} results were not there after ${timeoutSeconds} s.`,
        {
          hint: '`hud qa results` shows them when they are; --timeout waits longer.',
        },
      );
    await sleep(waitMs, undefined, { signal });
    current = await client.call(results, { query: { resultIds } }, { signal });
  }
  return current;
}

function isOpen({ status }: Result): boolean {
  return status !== 'completed' && status !== 'error';
}

export function isPassed({ status, canonicalResult }: Result): boolean {
  return status === 'completed' && canonicalResult?.verdict === 'passed';
}

/** A line for each; for people the findings under it. */
export function resultLines(items: readonly Result[], out: Terminal): string[] {
  const columns = [{ header: 'subject' }, { header: 'agent' }, { header: 'verdict' }, { header: 'summary', shrinks: { min: 20 } }];
  const rows = items.map((item) => [item.subjectId, item.agentName, verdictOf(item), item.canonicalResult?.summary ?? item.error ?? '']);
  const paint = (cell: string, _row: number, column: number): string => {
    if (column !== 2) return cell;
    return cell.startsWith('passed') ? out.green(cell) : /^(failed|error)/.test(cell) ? out.red(cell) : out.yellow(cell);
  };
  return [
    ...(rows.length === 0 ? [] : table(columns, rows, out, paint)),
    ...(out.isTTY ? items.flatMap((item) => findingLines(item, out)) : []),
  ];
}

function verdictOf({ status, canonicalResult, stale }: Result): string {
  return `${status === 'completed' ? (canonicalResult?.verdict ?? 'unknown') : status}${stale ? ' stale' : ''}`;
}

function findingLines({ canonicalResult }: Result, { dim }: Terminal): string[] {
  return (canonicalResult?.findings ?? []).flatMap(({ severity, summary, description, recommendedAction }) => [
    `  ${severity ?? 'finding'}: ${literalLine(summary)}`,
    ...[description, recommendedAction].flatMap((more) =>
      more === undefined ? [] : more.split('\n').map((line) => dim(`    ${literalLine(line)}`)),
    ),
  ]);
}
