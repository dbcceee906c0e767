import { defineCommand } from '../command.ts';
import { EXIT } from '../error-report.ts';
import { bar, goOn, goOnOptions, withFlags } from '../eval/go-on.ts';
import { completeJob, readRecordedJob } from '../eval/recorded-job.ts';
import { missesBar, reported } from '../eval/run-eval.ts';
import { openRecord } from '../record.ts';
import { literalLine } from '../terminal/literal.ts';

export const resume = defineCommand({
  arguments: { '[job]': 'by id or by the first digits of one (default: the newest that was stopped before its end)' },
  options: goOnOptions,
  notes: `Goes on with a job of \`hud eval\` that was interrupted, killed, or ended by an error, with the same
agent and settings. What it finished is taken from the record and not run again; a run that was
interrupted is tried again, and its first attempt stays readable with \`hud trace\`.
Runs that ended in a fault stay as they are: \`hud retry\` runs them again.
Flags that are not given are as the job began.
The report and the exit code are over the whole job, as those of \`hud eval\`.`,
  run: async ({ args: [id], options }, context) => {
    await using store = await openRecord(context);
    const recorded = await readRecordedJob(store, id, context);
    const { job, slots, how, unfinished } = recorded;
    const name = `job ${job.id.slice(0, 8)} (${literalLine(job.name)})`;
    if (unfinished > 0) {
      if (id === undefined) context.note(`Going on with ${name}.`);
      return await goOn({ recorded, rerun: ['cancelled'], rollouts: unfinished }, options, context);
    }
    context.note(`${name[0]?.toUpperCase()}${name.slice(1)} is complete: nothing was run.`);
    const measure = bar(withFlags(how, options));
    const receipt = await completeJob(recorded);
    const judgement = { ...measure, elapsedMs: 0, ran: 0, superseded: 0, canGoOn: false };
    return reported(receipt, judgement, slots.length > 0 && missesBar(receipt, measure, context) ? EXIT.failed : EXIT.ok, context);
  },
});
