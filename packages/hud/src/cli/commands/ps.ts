import { defineCommand } from '../command.ts';
import { leaseDocument, leaseTable, listLeases } from '../leases.ts';
import { openRecord, recordDirectory } from '../record.ts';
import { plural } from '../terminal/wording.ts';

export const ps = defineCommand({
  options: {},
  notes: `Jobs, processes and folders that exist now, as the record in .hud of the current directory, or in
HUD_DIR, names them: written down before they are made, forgotten when they are gone. What belongs to
a process that has ended is marked; \`hud reap\` destroys it, and so does the next \`hud eval\`.`,
  run: async (_input, context) => {
    await using store = await openRecord(context);
    const leases = store === undefined ? [] : await listLeases(store);
    const orphans = leases.filter(({ isOrphan }) => isOrphan).length;
    if (leases.length === 0) context.note(`Nothing that is recorded in ${recordDirectory(context)} runs or exists now.`);
    if (orphans > 0) {
      context.note(`${plural(orphans, 'entry', 'entries')} without a living owner: \`hud reap\` ends what is left.`);
    }
    return { json: leases.map(leaseDocument), text: () => (leases.length === 0 ? [] : leaseTable(leases, context)) };
  },
});
