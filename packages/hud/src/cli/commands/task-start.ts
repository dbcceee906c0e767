import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { stringifyJson } from '../../protocol/json.ts';
import { withTarget } from '../attach.ts';
import { defineCommand } from '../command.ts';
import { jsonObject, text } from '../options.ts';
import { literal } from '../terminal/literal.ts';

export const taskStart = defineCommand({
  arguments: { '<task>': 'slug, template id, or 0-based position; with --url alone a template id' },
  options: {
    source: text('-s, --source <path>', 'serve this file or directory for the occasion'),
    url: text('-u, --url <url>', 'an environment that is served already: tcp://host:port'),
    args: jsonObject('-a, --args <json>', "arguments in place of the task's own"),
    out: text('-o, --out <file>', 'write the whole reply there as JSON and print nothing'),
    token: text('--token <secret>', 'the control secret (default: HUD_CONTROL_SECRET)'),
  },
  notes: `Without --url and --source it takes whatever listens on 127.0.0.1:8765, else the current directory.
The task stays behind, waiting for \`hud task grade\`.`,
  run: async ({ args: [name = ''], options }, context) => {
    const { frame, session } = await withTarget(
      name,
      { ...options, adoptable: true },
      context,
      async ({ client, id, args, isTemporary }) => {
        const started = await client.start(id, args, { signal: context.signal });
        if (isTemporary)
          context.note('The environment ends with this command. To grade the task later, serve the source with `hud serve` first.');
        return {
          frame: started,
          session: { sessionId: client.sessionId, ...(client.sessionSecret === undefined ? {} : { sessionSecret: client.sessionSecret }) },
        };
      },
    );
    const json = { ...frame, ...session };
    if (options.out === undefined) return { json, text: () => [promptOf(frame.prompt)] };
    await writeFile(resolve(context.cwd, options.out), `${stringifyJson(frame, 2)}\n`);
    return { json };
  },
});

function promptOf(prompt: unknown): string {
  return typeof prompt === 'string' ? literal(prompt) : stringifyJson(prompt ?? null, 2);
}
