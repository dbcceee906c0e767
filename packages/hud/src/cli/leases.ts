/** What exists outside of processes, as `hud ps` and `hud reap` list it. */
import { basename } from 'node:path';
import { nodeHost } from '../host/node.ts';
import { encode } from '../protocol/codec.ts';
import { stringifyJson, type JsonObject } from '../protocol/json.ts';
import { Lease } from '../protocol/record.ts';
import { JOB_LEASE, listOrphans, type Store } from '../store/index.ts';
import { REPORT_LEASE } from '../telemetry/export/report-lease.ts';
import type { Context } from './command.ts';
import { isoTime, shortId, withTimes } from './record-rows.ts';
import { table } from './terminal/table.ts';

export interface ListedLease {
  lease: Lease;
  /** A command, a folder, or a job's name. */
  what: string;
  /** undefined: it lives elsewhere, where its number can't be looked up. */
  ownerPid: number | undefined;
  isOwnerAlive: boolean;
  /** Nobody looks after it any more: a reaper may destroy it. */
  isOrphan: boolean;
}

/** Rights that concern a job, and that nobody loses for their age. */
const OF_JOBS: readonly string[] = [JOB_LEASE, REPORT_LEASE];

export async function listLeases(store: Store): Promise<ListedLease[]> {
  const orphans = new Set((await listOrphans(store, nodeHost)).map(({ id }) => id));
  return await Promise.all((await store.listLeases()).map(async (lease) => await describe(store, lease, orphans)));
}

async function describe(store: Store, lease: Lease, orphans: ReadonlySet<string>): Promise<ListedLease> {
  const job = OF_JOBS.includes(lease.kind) ? await store.getJob(lease.jobId ?? '') : undefined;
  const pid = Number.parseInt(lease.owner, 10);
  return {
    lease,
    what: job?.name ?? targetText(lease.target),
    ownerPid: Number.isNaN(pid) ? undefined : pid,
    isOwnerAlive: nodeHost.isOwnerAlive(lease.owner),
    isOrphan: orphans.has(lease.id),
  };
}

/** A child of ours is told by what it serves. */
function targetText({ command, folder, ...rest }: JsonObject): string {
  if (Array.isArray(command)) {
    const words = command.map(String);
    const [, program = '', ...args] = words;
    return /^serve-child\.[jt]s$/.test(basename(program)) ? `serve ${args.join(' ')}` : words.join(' ');
  }
  return typeof folder === 'string' ? folder : stringifyJson(rest);
}

export function leaseDocument({ lease, what, ownerPid, isOwnerAlive, isOrphan }: ListedLease): JsonObject {
  return {
    ...withTimes(encode(Lease, lease) as JsonObject),
    ...(OF_JOBS.includes(lease.kind) ? { deadline: null } : {}),
    what,
    owner_pid: ownerPid ?? null,
    owner_alive: isOwnerAlive,
    orphan: isOrphan,
  };
}

export function leaseTable(leases: readonly ListedLease[], context: Context): string[] {
  const { out } = context;
  const columns = [
    { header: 'kind' },
    { header: 'what', shrinks: { min: 12 } },
    { header: 'job' },
    { header: 'run' },
    { header: 'owner' },
    { header: out.isTTY ? 'age' : 'since' },
    { header: out.isTTY ? 'ends' : 'until' },
  ];
  return table(
    columns,
    leases.map((row) => cells(row, context)),
    out,
    (cell, at, column) => (column === 4 && leases[at]?.isOrphan === true ? out.red(cell) : cell),
  );
}

const ID_DIGITS = 8;

function cells({ lease, what, ownerPid, isOwnerAlive, isOrphan }: ListedLease, context: Context): string[] {
  const owner = `${ownerPid ?? lease.owner}${isOwnerAlive ? (isOrphan ? ', overdue' : '') : ', ended'}`;
  const id = (text = ''): string => (context.out.isTTY ? shortId(text, context).slice(0, ID_DIGITS) : text);
  return [
    lease.kind,
    context.out.isTTY ? what.replaceAll(`${context.cwd}/`, '') : what,
    lease.jobId === undefined ? '' : id(lease.jobId),
    lease.traceId === undefined ? '' : id(lease.traceId),
    owner,
    context.out.isTTY ? span(Date.now() - lease.createdAt) : isoTime(lease.createdAt),
    deadline(lease, context),
  ];
}

function deadline({ kind, deadline: time }: Lease, { out }: Context): string {
  if (OF_JOBS.includes(kind)) return '';
  if (!out.isTTY) return isoTime(time);
  const left = time - Date.now();
  return left > 0 ? `in ${span(left)}` : 'overdue';
}

/** `45 s`, `12 min`, `23 h`, `3 d`: one unit. */
function span(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}
