import { openPlatform } from '../../api-client/index.ts';
import { Result, run } from '../../protocol/api/qa.ts';
import { encode } from '../../protocol/codec.ts';
import { defineCommand } from '../command.ts';
import { EXIT } from '../error-report.ts';
import { flag, number } from '../options.ts';
import { findAgent, isPassed, resultLines, subjectIds, untilEnded } from '../qa-results.ts';

const DEFAULT_TIMEOUT_SECONDS = 900;

export const qaRun = defineCommand({
  arguments: {
    '<agent>': 'a QA agent, by name or id',
    '<subject...>': 'what to examine: ids, or names of tasksets and environments',
  },
  options: {
    overwrite: flag('--overwrite', 'examine again what has not changed'),
    wait: flag('--wait', 'wait for the results (default)'),
    noWait: flag('--no-wait', 'start, and leave'),
    timeout: number('--timeout <seconds>', `longest wait (default: ${DEFAULT_TIMEOUT_SECONDS})`, { above: 0 }),
  },
  notes: 'Exit code 1 unless every verdict is passed.',
  run: async ({ args: [reference = '', ...subjects], options }, context) => {
    const client = openPlatform();
    const agent = await findAgent(client, reference);
    const ids = await subjectIds(client, agent.subjectType, subjects);
    const started = await client.call(run, { params: { id: agent.id }, body: { subjectIds: ids, overwrite: options.overwrite ?? false } });
    const isWaiting = options.wait !== false; // what --no-wait sets
    const ended = isWaiting
      ? await untilEnded(client, started, { timeoutSeconds: options.timeout ?? DEFAULT_TIMEOUT_SECONDS, signal: context.signal })
      : started;
    return {
      json: ended.map((result) => encode(Result, result)),
      text: () => resultLines(ended, context.out),
      exitCode: !isWaiting || ended.every(isPassed) ? EXIT.ok : EXIT.failed,
    };
  },
});
