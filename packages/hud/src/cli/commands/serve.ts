import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { loadEnvironment, splitTarget, type BindOptions, type Environment } from '../../environment/index.ts';
import { messageOf } from '../../protocol/errors.ts';
import { DEFAULT_PORT, PORT_ANNOUNCEMENT, PYTHON_FRAME_BYTES, SECRET_VARIABLE } from '../../protocol/messages.ts';
import { defineCommand, type Context } from '../command.ts';
import { flag, integer, pairs, text } from '../options.ts';
import { ReloadingServer } from '../reloading-server.ts';
import { literal, literalLine } from '../terminal/literal.ts';
import { plural } from '../terminal/wording.ts';

interface ServeFlags {
  port: number;
  host: string;
  arg: Record<string, string>;
  token: string | true;
  allowSolutions: boolean;
  peerFrameLimit: number;
  watch: boolean;
}

export const serve = defineCommand<ServeFlags>({
  arguments: { '[target]': 'file, directory, or file:name where a source has several environments (default: env)' },
  options: {
    port: integer('-p, --port <n>', `port; 0 takes any free one (default: ${DEFAULT_PORT})`, { min: 0, max: 65_535 }),
    host: text('--host <address>', 'address to listen on (default: 127.0.0.1)'),
    arg: pairs('--arg <key=value>', 'argument for a target that is a function; repeatable'),
    token: {
      flags: '--token [secret]',
      help: `demand this secret of whoever connects, a fresh one when none is given (default: ${SECRET_VARIABLE})`,
    },
    allowSolutions: flag('--allow-solutions', 'show reference solutions to every client'),
    peerFrameLimit: integer(
      '--peer-frame-limit <bytes>',
      `longest message to a client that does not say what it reads (default: ${PYTHON_FRAME_BYTES})`,
      { min: PYTHON_FRAME_BYTES },
    ),
    watch: flag('--watch', 'load the source again when it changes, between sessions'),
  },
  notes: `Prints HUD_SERVE_PORT=<port> on standard output once it accepts connections.
Ctrl-C or SIGTERM ends it in order: every task is closed, the shutdown hooks run. A second one ends it at once.
Without a token whoever reaches the port controls it; keep --host at 127.0.0.1 then.`,
  run: async ({ args: [target = 'env'], options }, context) => {
    const load = async (): Promise<Environment> =>
      await loadEnvironment(inDirectory(target, context.cwd), options.arg === undefined ? {} : { args: options.arg });
    const secret = secretOf(options.token, context);
    const settings = bindOptions(options, secret, context);
    await using server = new ReloadingServer(load, settings);
    await server.start();
    announce(
      server,
      {
        wasMade: options.token === true,
        secret,
        isOpen: secret === undefined && settings.host !== undefined && !isLoopback(settings.host),
      },
      context,
    );
    if (options.watch) server.watch(resolve(context.cwd, splitTarget(target).path), (event) => context.note(describe(event)));
    await server.runUntil(context.signal);
    context.note('Stopping …');
    await server.close();
    context.note('Stopped.');
    return { json: undefined };
  },
});

function bindOptions(flags: Partial<ServeFlags>, secret: string | undefined, { note }: Context): BindOptions {
  return {
    port: flags.port ?? DEFAULT_PORT,
    host: flags.host ?? '127.0.0.1',
    allowSolutions: flags.allowSolutions ?? false,
    unannouncedFrameBytes: flags.peerFrameLimit ?? PYTHON_FRAME_BYTES,
    onWarning: (message) => note(`warning: ${literal(message)}`),
    ...(secret === undefined ? {} : { secret, requireSecret: true }),
  };
}

/** Removed from the environment: what is served must not inherit it. */
function secretOf(token: string | true | undefined, { env }: Context): string | undefined {
  const inherited = env[SECRET_VARIABLE];
  delete env[SECRET_VARIABLE];
  if (token === true) return randomBytes(24).toString('base64url');
  return token ?? (inherited === '' ? undefined : inherited);
}

function announce(
  server: ReloadingServer,
  access: { wasMade: boolean; secret: string | undefined; isOpen: boolean },
  { out, isJson, note }: Context,
): void {
  const { environment, url, port } = server;
  const templates = environment.listTemplates().length;
  const capabilities = environment.capabilities.length;
  note(`${literalLine(environment.name)} ${literalLine(environment.version)}`);
  note(`serving on ${url}`);
  note(`${plural(templates, 'template')}, ${plural(capabilities, 'capability', 'capabilities')}`);
  if (access.wasMade) note(`token: ${access.secret}`);
  if (access.isOpen) note('warning: other machines can reach this port and no token protects it; add --token.');
  out.line(
    isJson
      ? JSON.stringify({
          name: environment.name,
          version: environment.version,
          url,
          port,
          templates,
          capabilities,
          ...(access.wasMade ? { token: access.secret } : {}),
        })
      : `${PORT_ANNOUNCEMENT}${port}`,
  );
}

function describe(event: { type: 'reloaded' } | { type: 'waiting'; connections: number } | { type: 'failed'; error: unknown }): string {
  if (event.type === 'reloaded') return 'Reloaded.';
  if (event.type === 'waiting') return `The source changed; it is loaded again when ${plural(event.connections, 'connection')} ended.`;
  return `The changed source does not load, the old one is served on: ${literal(messageOf(event.error))}`;
}

/** Absolute but for the name after the colon. */
function inDirectory(target: string, cwd: string): string {
  const { path, name } = splitTarget(target);
  return name === undefined ? resolve(cwd, path) : `${resolve(cwd, path)}:${name}`;
}

function isLoopback(host: string): boolean {
  return /^127\.|^::1$|^localhost$/.test(host);
}
