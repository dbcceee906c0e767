import { DEFAULT_PORT } from '../../protocol/messages.ts';
import { answerOptions, readAnswer } from '../answer.ts';
import { controlAddress, dial } from '../attach.ts';
import { defineCommand } from '../command.ts';
import { gradeResult } from '../grade-result.ts';
import { jsonObject } from '../options.ts';
import { READY_SECONDS, clientOptions } from './client-info.ts';

export const clientRun = defineCommand({
  arguments: { '<task>': 'template id' },
  options: {
    ...clientOptions,
    ...answerOptions,
    args: jsonObject('-a, --args <json>', 'arguments of the template'),
  },
  run: async ({ args: [id = ''], options }, context) => {
    const { signal, cwd } = context;
    const answer = await readAnswer(options, cwd);
    const runtime = controlAddress(options.url ?? `127.0.0.1:${DEFAULT_PORT}`, options.token, context);
    await using client = await dial(runtime, context, { readyTimeout: READY_SECONDS });
    await client.start(id, options.args ?? {}, { signal });
    return gradeResult(await client.grade(answer, { signal }), context);
  },
});
