/**
 * Serves one environment as its process's only work:
 * `node serve-child.js <source> [--env name] [--host h] [--port n]`.
 * Announces its port on stdout. Ends, with clean-up, on SIGTERM, SIGINT, or when its standard input
 * ends, which is how it learns that its owner is gone.
 */
import { rmSync } from 'node:fs';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { LEASE_VARIABLE } from '../host/destroy.ts';
import { isHudError, messageOf } from '../protocol/errors.ts';
import { SECRET_VARIABLE } from '../protocol/messages.ts';
import { loadEnvironment } from './load.ts';
import { serve } from './serve.ts';

const GRACE_MS = 10_000;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { env: { type: 'string' }, host: { type: 'string' }, port: { type: 'string' } },
  });
  const secret = process.env[SECRET_VARIABLE];
  delete process.env[SECRET_VARIABLE]; // what the environment starts must not inherit it
  const stop = stopSignal();
  const environment = await loadEnvironment(positionals[0] ?? 'env', values.env === undefined ? {} : { name: values.env });
  await serve(environment, {
    host: values.host ?? '127.0.0.1',
    port: Number(values.port ?? 0),
    ...(secret === undefined ? {} : { secret, requireSecret: true }),
    signal: stop,
    rehearses: true,
    onWarning: (message) => void process.stderr.write(`warning: ${message}\n`),
  });
}

/** The first cause stops gracefully; a second signal, or a clean-up that hangs, ends the process. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(1);
    controller.abort();
    setTimeout(() => process.exit(1), GRACE_MS).unref();
  };
  process.on('SIGTERM', stop).on('SIGINT', stop);
  process.stdin.on('end', stop).on('error', stop).resume();
  return controller.signal;
}

/** Its private temporary folder goes with it, for nobody else may be left to remove that. */
function removeOwnFolder(): void {
  const folder = process.env.TMPDIR ?? '';
  if (basename(folder) === `hud-${process.env[LEASE_VARIABLE]}`) rmSync(folder, { recursive: true, force: true });
}

try {
  await main();
  removeOwnFolder();
  process.exit(0); // what the environment left running must not keep a dead server alive
} catch (error) {
  const hint = isHudError(error) && error.hint !== undefined ? `\n${error.hint}` : '';
  process.stderr.write(`${messageOf(error)}${hint}\n`, () => process.exit(1));
}
