/** Identifiers as they appear on the wire, in files and in links. */
import { sha1 } from '@noble/hashes/legacy.js';
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';

const URL_NAMESPACE = hexToBytes('6ba7b8119dad11d180b400c04fd430c8');

/** UUID version 5 in the URL namespace, as 32 hex digits. */
export function uuid5(name: string): string {
  const bytes = sha1(concatBytes(URL_NAMESPACE, utf8ToBytes(name))).slice(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytesToHex(bytes);
}

/** The 32 hex digits by which a trace is indexed, whatever form its id was given in. */
export function normalizeTraceId(id: string): string {
  const compact = id.replaceAll('-', '');
  return /^[0-9a-fA-F]{32}$/.test(compact) ? compact.toLowerCase() : uuid5(`hud.task_run:${id}`);
}

/** `03dd2a73d3df…` → `03dd2a73-d3df-…`, as web links and hosted submits spell it. */
export function dashedUuid(hex: string): string {
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** Environment names as the registry spells them: lower case, `-` for space and `_`. */
export function normalizeEnvironmentName(name: string): string {
  const normalized = name
    .toLowerCase()
    .replace(/[ _]/g, '-')
    .replace(/[^a-z0-9-]/g, '')
    .replace(/-+/g, '-')
    .replace(/^-|-$/g, '');
  return normalized === '' ? 'environment' : normalized;
}

/** Safe as one path component: session ids name files during verifier hand-over. */
export function isPathComponent(id: string): boolean {
  return id !== '' && id !== '.' && id !== '..' && !/[/\\\0]/.test(id);
}
