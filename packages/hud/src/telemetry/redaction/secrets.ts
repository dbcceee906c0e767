/** Values that must not leave this process: settings whose names say so, and keys that programs passed on. */
import { readFileSync } from 'node:fs';
import { parseSettings, userSettingsPath } from '../../host/settings.ts';

/** Shorter ones are too likely to be ordinary words. */
export const MIN_SECRET_CHARACTERS = 8;

/** What a part of a name ends with that holds a secret; parts are what `_` and `-` separate. */
const TELLS = /(?:key|token|secret|password|passwd|passphrase|credentials?|cookie|dsn|^pass|^pwd|^pat|^auth|^bearer)$/i;
/** They only lead to one. */
const LEADS = /(?:^|_)(?:file|path|dir|sock|socket|home)$/i;
const FOLDERS = new Set(['PWD', 'OLDPWD']);

const passed = new Map<string, string>();
let generation = 0;

/** Of an agent, say, that was given a key in code. @param name stands in place of the value from now on */
export function rememberSecret(name: string, value: string): void {
  if (value.length < MIN_SECRET_CHARACTERS || passed.has(value)) return;
  passed.set(value, name);
  generation += 1;
}

/** Another number once {@link knownSecrets} may have more to tell. */
export function secretsGeneration(): number {
  return generation;
}

/** By value: its name. Read from the process's environment, `./.env`, `~/.hud/.env`, and what was remembered. */
export function knownSecrets(): Map<string, string> {
  const found = new Map<string, string>();
  const sources = [Object.entries(process.env), readSettings('.env'), readSettings(userSettingsPath())];
  for (const [name, value] of sources.flat()) {
    if (value === undefined) continue;
    const password = passwordOf(value);
    if (password !== undefined) add(found, name, password);
    if (isSecretName(name)) add(found, name, value);
  }
  for (const [value, name] of passed) add(found, name, value);
  return found;
}

export function isSecretName(name: string): boolean {
  if (FOLDERS.has(name) || LEADS.test(name)) return false;
  return name.split(/[_-]/).some((part) => TELLS.test(part));
}

/** A key of several lines is met line by line too, in a diff for instance. */
function add(found: Map<string, string>, name: string, value: string): void {
  const lines = value.includes('\n') ? value.split(/\r?\n/).filter((line) => line.length >= 16 && !line.startsWith('-----')) : [];
  for (const text of [value.trim(), ...lines]) {
    if (text.length >= MIN_SECRET_CHARACTERS && !found.has(text)) found.set(text, name);
  }
}

/** Of `postgres://user:password@host/…`, whatever the setting is called. */
function passwordOf(value: string): string | undefined {
  const [, text] = /^[a-z][\w+.-]*:\/\/[^/@\s:]*:([^/@\s]+)@/i.exec(value) ?? [];
  if (text === undefined) return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // no percent-encoding then
  }
}

function readSettings(path: string): [string, string | undefined][] {
  try {
    return [...parseSettings(readFileSync(path, 'utf8'))];
  } catch {
    return []; // no such file, or none that may be read: then it sets nothing
  }
}
