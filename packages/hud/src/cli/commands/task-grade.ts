import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { isHudError } from '../../protocol/errors.ts';
import type { Grade } from '../../protocol/grade.ts';
import { stringifyJson } from '../../protocol/json.ts';
import { RPC } from '../../protocol/messages.ts';
import { answerOptions, readAnswer } from '../answer.ts';
import { withTarget, type Target } from '../attach.ts';
import { defineCommand } from '../command.ts';
import { gradeResult } from '../grade-result.ts';
import { jsonObject, text } from '../options.ts';
import { UsageError } from '../usage-error.ts';

export const taskGrade = defineCommand({
  arguments: { '<task>': 'slug, template id, or 0-based position; with --url alone a template id' },
  options: {
    ...answerOptions,
    source: text('-s, --source <path>', 'serve this file or directory for the occasion'),
    url: text('-u, --url <url>', 'an environment that is served already: tcp://host:port'),
    args: jsonObject('-a, --args <json>', "arguments in place of the task's own, where it has to be started"),
    session: text('--session <id>', 'grade the task of exactly this session'),
    sessionSecret: text('--session-secret <secret>', 'what `hud task start --json` gave as sessionSecret'),
    out: text('-o, --out <file>', 'write the whole reply there as JSON and print nothing'),
    token: text('--token <secret>', 'the control secret (default: HUD_CONTROL_SECRET)'),
  },
  notes: `Grades the task that \`hud task start\` left behind. Where none waits, the task is started first.
Prints the score alone. Exit code 3: the grader reported an error.`,
  run: async ({ args: [name = ''], options }, context) => {
    const { session: id, sessionSecret: secret, url, source, token, args } = options;
    if (secret !== undefined && id === undefined) throw new UsageError('--session-secret needs --session.');
    const answer = await readAnswer(options, context.cwd);
    const session = id === undefined ? {} : { session: { id, ...(secret === undefined ? {} : { secret }) } };
    const attachment = { url, source, token, args, ...session };
    const grade = await withTarget(
      name,
      attachment,
      context,
      async (target) =>
        await gradeParked(target, answer, {
          mayRestart: id === undefined,
          signal: context.signal,
        }),
    );
    if (options.out === undefined) return gradeResult(grade, context);
    await writeFile(resolve(context.cwd, options.out), `${stringifyJson(grade.raw, 2)}\n`);
    return { ...gradeResult(grade, context), text: () => [] };
  },
});

/** A new start is right only where nothing waits: after any other error it would repeat the task's effects and hide the reason. */
async function gradeParked(
  { client, id, args }: Target,
  answer: string,
  options: { mayRestart: boolean; signal: AbortSignal },
): Promise<Grade> {
  const { signal } = options;
  try {
    return await client.grade(answer, { signal });
  } catch (error) {
    const isNothingThere = isHudError(error) && error.rpcCode === RPC.invalidRequest && error.message === 'no task in progress';
    if (!isNothingThere || !options.mayRestart) throw error;
  }
  await client.start(id, args, { signal });
  return await client.grade(answer, { signal });
}
