/** Lines of JSON on standard error: constant words, values apart. No prompt, answer or key ever comes here. */
import { pino } from 'pino';
import type { Config } from './config.ts';

export interface Log {
  debug(message: string, values?: Record<string, unknown>): void;
  info(message: string, values?: Record<string, unknown>): void;
  warn(message: string, values?: Record<string, unknown>): void;
  error(message: string, values?: Record<string, unknown>): void;
}

export function openLog(level: Config['HUD_PLATFORM_LOG']): Log {
  const logger = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ dest: 2, sync: false }));
  return {
    debug: (message, values) => logger.debug(values ?? {}, message),
    info: (message, values) => logger.info(values ?? {}, message),
    warn: (message, values) => logger.warn(values ?? {}, message),
    error: (message, values) => logger.error(values ?? {}, message),
  };
}
