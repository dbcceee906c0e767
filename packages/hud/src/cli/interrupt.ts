/** Ctrl-C, SIGTERM and a closed terminal: the first asks the command to finish, the second ends the process. */
import { HudError } from '../protocol/errors.ts';
import { EXIT } from './error-report.ts';

/** @returns fires once, with a CANCELLED error */
export function listenForInterrupt(): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    controller.abort(new HudError('CANCELLED', 'Interrupted.'));
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, stop);
  return controller.signal;
}
