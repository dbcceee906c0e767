/** `~/.hud/.env`: what `hud set` saves for this user. `agents/settings.ts` reads it. */
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseSettings, userSettingsPath } from '../host/settings.ts';
import { HudError, messageOf } from '../protocol/errors.ts';
import { UsageError } from './usage-error.ts';

const HEADER = `# Settings of hud for this user, written by \`hud set\`.
# One KEY=VALUE a line. The process environment and a project's .env come before these.
# Values may be API keys: this file is readable by its owner alone.
# Remove a line to forget a setting.
`;

/**
 * Adds or replaces settings; the file is sorted, quoted, and its owner's alone.
 * @throws UsageError before anything is written, when a key or value can't be kept
 */
export async function saveUserSettings(changes: Record<string, string>): Promise<void> {
  for (const [key, value] of Object.entries(changes)) line(key, value);
  await rewrite((before) => ({ ...before, ...changes }));
}

/** @returns false when the file does not set it */
export async function forgetUserSetting(key: string): Promise<boolean> {
  const before = parseSettings(await readFile(userSettingsPath(), 'utf8').catch(emptyWhenAbsent));
  if (!before.has(key)) return false;
  await rewrite(({ [key]: _forgotten, ...others }) => others);
  return true;
}

async function rewrite(change: (before: Readonly<Record<string, string>>) => Record<string, string>): Promise<void> {
  const path = userSettingsPath();
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const before = parseSettings(await readFile(path, 'utf8').catch(emptyWhenAbsent));
    const settings = change(Object.fromEntries(before));
    const lines = Object.keys(settings)
      .toSorted()
      .map((key) => line(key, settings[key] ?? ''));
    await writeFile(temporary, `${HEADER}${lines.map((text) => `${text}\n`).join('')}`, { mode: 0o600 });
    await chmod(temporary, 0o600); // a umask can only have narrowed it, but a file left over keeps its own mode
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new HudError('BAD_CONFIG', `${path} can't be written: ${messageOf(cause)}.`, {
      hint: 'Make the folder writable, or set the variable in the environment.',
      cause,
    });
  }
}

/** The format has no escapes, so a value that holds both quotes, or a line break, can't be kept. */
function line(key: string, value: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key))
    throw new UsageError(`'${key}' is not a name for a setting.`, { hint: 'Names consist of letters, digits and underscores.' });
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
