import { nodeHost } from '../../host/node.ts';
import { JOB_LEASE, reap as reapOrphans, type Reaped } from '../../store/index.ts';
import { defineCommand, type Context } from '../command.ts';
import { EXIT } from '../error-report.ts';
import { leaseDocument, leaseTable, listLeases, type ListedLease } from '../leases.ts';
import { flag } from '../options.ts';
import { openRecord } from '../record.ts';
import { literalLine } from '../terminal/literal.ts';

const NOTHING = 'Nothing to reap: everything that exists has a living owner.';

export const reap = defineCommand({
  options: { dryRun: flag('--dry-run', 'only list what would be destroyed') },
  notes: `Destroys what processes that have ended left behind, and what is past its deadline: processes, their
folders, their control groups. Jobs that such a process ran are marked as cancelled; \`hud resume\`
goes on with them. Exit code 1 when something could not be destroyed.`,
  run: async ({ options }, context) => {
    await using store = await openRecord(context);
    const orphans = store === undefined ? [] : (await listLeases(store)).filter(({ isOrphan }) => isOrphan);
    if (options.dryRun === true || store === undefined) {
      return { json: orphans.map(leaseDocument), text: () => (orphans.length === 0 ? [NOTHING] : leaseTable(orphans, context)) };
    }
    const reaped = await reapOrphans(store, nodeHost);
    const hasFailed = reaped.some(({ problem }) => problem !== undefined);
    return {
      json: reaped.map((row) => ({ ...leaseDocument(listedBy(row, orphans)), problem: row.problem ?? null })),
      text: () => (reaped.length === 0 ? [NOTHING] : reaped.flatMap((row) => [...reapedLines(row, orphans, context)])),
      exitCode: hasFailed ? EXIT.failed : EXIT.ok,
    };
  },
});

/** As it was listed before it was destroyed; one that became an orphan since then has only its lease. */
function listedBy({ lease }: Reaped, orphans: readonly ListedLease[]): ListedLease {
  const found = orphans.find((row) => row.lease.id === lease.id);
  return found ?? { lease, what: '', ownerPid: Number.parseInt(lease.owner, 10), isOwnerAlive: false, isOrphan: true };
}

function* reapedLines(row: Reaped, orphans: readonly ListedLease[], { out }: Context): Generator<string> {
  const { lease, what, ownerPid, isOwnerAlive } = listedBy(row, orphans);
  const whose = isOwnerAlive ? `past its deadline, of process ${ownerPid}` : `of process ${ownerPid}, which has ended`;
  if (row.problem !== undefined) {
    yield `${out.red('left')}   ${lease.kind}  ${literalLine(what)}  ${out.dim(whose)}`;
    yield `       ${literalLine(row.problem)}`;
    return;
  }
  yield `${out.green('ended')}  ${lease.kind}  ${literalLine(what)}  ${out.dim(whose)}`;
  if (lease.kind === JOB_LEASE && lease.jobId !== undefined) yield out.dim(`       hud resume ${lease.jobId.slice(0, 8)} goes on with it`);
}
