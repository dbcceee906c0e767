/** `~/.hud/.env`: what `hud set` saves for this user. Read again by the agents' settings. */
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { HudError, messageOf } from '../protocol/errors.ts';
import { UsageError } from './usage-error.ts';

const HEADER = `# Settings of hud for this user, written by \`hud set\`.
# One KEY=VALUE a line. The process environment and a project's .env come before these.
# Values may be API keys: this file is readable by its owner alone.
# Remove a line to forget a setting.
`;

export function userSettingsPath(): string {
  return join(homedir(), '.hud', '.env');
}

/**
 * Adds or replaces settings; the file is sorted, quoted, and its owner's alone.
 * @throws UsageError before anything is written, when a key or value can't be kept
 */
export async function saveUserSettings(changes: Record<string, string>): Promise<void> {
  for (const [key, value] of Object.entries(changes)) line(key, value);
  const path = userSettingsPath();
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const settings = { ...readLines(await readFile(path, 'utf8').catch(emptyWhenAbsent)), ...changes };
    const lines = Object.keys(settings).toSorted().map((key) => line(key, settings[key] ?? ''));
    await writeFile(temporary, `${HEADER}${lines.join('\n')}\n`, { mode: 0o600 });
    await chmod(temporary, 0o600); // a umask can only have narrowed it, but a file left over keeps its own mode
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new HudError('BAD_CONFIG', `${path} can't be written: ${messageOf(cause)}.`, { hint: 'Make the folder writable, or set the variable in the environment.', cause });
  }
}

/**
 * The settings of a file in that format: blanks and `#` lines are skipped, a quoted value ends at its
 * matching quote, an unquoted one at the first `#`. No escapes, no interpolation.
 */
export function readLines(content: string): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const raw of content.split(/\r?\n/)) {
    const at = raw.indexOf('=');
    if (at < 0 || raw.trim().startsWith('#')) continue;
    const key = raw.slice(0, at).trim();
    const value = raw.slice(at + 1).trim();
    const quote = /^["']/.exec(value)?.[0];
    const end = quote === undefined ? -1 : value.indexOf(quote, 1);
    settings[key] = end > 0 ? value.slice(1, end) : (value.split('#')[0] ?? '').trim();
  }
  return settings;
}

/** The format has no escapes, so a value that holds both quotes, or a line break, can't be kept. */
function line(key: string, value: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) throw new UsageError(`'${key}' is not a name for a setting.`, { hint: 'Names consist of letters, digits and underscores.' });
  const quote = value.includes('"') ? "'" : '"';
  if (value.includes(quote) || /[\r\n\0]/.test(value)) {
    throw new UsageError(`The value of ${key} holds both kinds of quotes or a line break, which the settings file can't keep.`);
  }
  return `${key}=${quote}${value}${quote}`;
}

function emptyWhenAbsent(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return '';
  throw error;
}
