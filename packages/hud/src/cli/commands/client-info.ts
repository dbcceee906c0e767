import { DEFAULT_PORT } from '../../protocol/messages.ts';
import { controlAddress, dial } from '../attach.ts';
import { defineCommand } from '../command.ts';
import { text } from '../options.ts';
import { literalLine } from '../terminal/literal.ts';

/** Longest wait for an answer, in seconds: whoever asks for information wants it now. */
export const READY_SECONDS = 10;

export const clientOptions = {
  url: text('-u, --url <url>', `where it is served (default: tcp://127.0.0.1:${DEFAULT_PORT})`),
  token: text('--token <secret>', 'the control secret (default: HUD_CONTROL_SECRET)'),
};

export const clientInfo = defineCommand({
  options: clientOptions,
  run: async ({ options }, context) => {
    const runtime = controlAddress(options.url ?? `127.0.0.1:${DEFAULT_PORT}`, options.token, context);
    await using client = await dial(runtime, context, { readyTimeout: READY_SECONDS });
    const tasks = await client.listTasks();
    const { env, manifest, sessionId } = client;
    const { bold, dim } = context.out;
    return {
      json: {
        env,
        sessionId,
        capabilities: manifest.map(({ name, protocol, url }) => ({ name, protocol, url })),
        tasks: tasks.map(({ id, description, args }) => ({ id, description, args })),
      },
      text: () => [
        `${bold(literalLine(env.name))} ${literalLine(env.version)} at ${runtime.url}`,
        '',
        bold('capabilities'),
        ...(manifest.length === 0
          ? [dim('  none')]
          : manifest.map(({ name, protocol, url }) => literalLine(`${name}: ${protocol} -> ${url}`)).map(indent)),
        '',
        bold('tasks'),
        ...(tasks.length === 0
          ? [dim('  none')]
          : tasks.map(({ id, description }) => literalLine(description === '' ? id : `${id}: ${description}`)).map(indent)),
      ],
    };
  },
});

function indent(line: string): string {
  return `  ${line}`;
}
