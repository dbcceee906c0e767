import type { FaultClass } from '../../protocol/errors.ts';
import { defineCommand } from '../command.ts';
import { evalDocument } from '../eval/document.ts';
import { checkClasses, FAULT_CLASSES, INFRASTRUCTURE } from '../eval/fault-classes.ts';
import { goOn, goOnOptions } from '../eval/go-on.ts';
import { readRecordedJob, receiptOf, type RecordedJob } from '../eval/recorded-job.ts';
import { list } from '../options.ts';
import { openRecord } from '../record.ts';
import { literalLine } from '../terminal/literal.ts';
import { listed, plural } from '../terminal/wording.ts';

export const retry = defineCommand({
  arguments: { '<job>': 'by id or by the first digits of one' },
  options: {
    classes: list('--class <a,b>', `how the runs ended that are run again (default: ${INFRASTRUCTURE.join(',')})`),
    ...goOnOptions,
  },
  notes: `Classes: ${FAULT_CLASSES.join(', ')}.
By default those whose fault lay outside of the agent: no environment (boot), the model's API
(provider), a lost environment (sandbox). A graded run is never run again.
Flags that are not given are as the job began.
Runs that never ended are run too, as by \`hud resume\`. Earlier attempts stay readable with
\`hud trace\` and count nowhere. The report and the exit code are over the whole job.`,
  run: async ({ args: [id = ''], options: { classes: words = INFRASTRUCTURE, ...flags } }, context) => {
    await using store = await openRecord(context);
    const recorded = await readRecordedJob(store, id, context);
    const classes = [...new Set(checkClasses(words, '--class', FAULT_CLASSES, recorded.counts))];
    const { spoiled, unended } = shares(recorded, classes);
    const name = `job ${recorded.job.id.slice(0, 8)} (${literalLine(recorded.job.name)})`;
    const total = spoiled.reduce((sum, [, count]) => sum + count, 0);
    if (total === 0) {
      const rest =
        unended === 0
          ? []
          : [`${plural(unended, 'run')} of it never ended: \`hud resume ${recorded.job.id.slice(0, 8)}\` goes on with them.`];
      const judgement = { successThreshold: recorded.how.successThreshold, elapsedMs: 0, ran: 0, superseded: 0, canGoOn: false };
      return {
        json: evalDocument(receiptOf(recorded), judgement),
        text: () => [`Nothing to try again: no run of ${name} ended as ${classes.join(' or ')}.`, ...rest],
      };
    }
    const what = listed(spoiled.map(([kind, count]) => `${count} ${kind}`));
    context.note(`Trying ${plural(total, 'run')} of ${name} again: ${what}.`);
    if (unended > 0) context.note(`${plural(unended, 'run')} that never ended ${unended === 1 ? 'goes' : 'go'} on too.`);
    const rerun = [...new Set([...classes, 'cancelled' as const])];
    return await goOn({ recorded, rerun, rollouts: total + unended }, flags, context);
  },
});

/** Runs of each named class, and those that wait for `hud resume` and are of none of them. */
function shares(
  { counts, unfinished }: RecordedJob,
  classes: readonly FaultClass[],
): { spoiled: (readonly [FaultClass, number])[]; unended: number } {
  const spoiled = classes.map((kind) => [kind, counts.get(kind) ?? 0] as const).filter(([, count]) => count > 0);
  return { spoiled, unended: unfinished - (classes.includes('cancelled') ? (counts.get('cancelled') ?? 0) : 0) };
}
