/** From an `ssh/2` entry of the manifest to an address, an identity and the key that opens it. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { AnyAuthMethod } from 'ssh2';
import { readSetting } from '../host/settings.ts';
import type { Capability } from '../protocol/capability.ts';
import { HudError, messageOf } from '../protocol/errors.ts';
import type { SshTarget } from './ssh-connection.ts';

const PORT = 22;
const USER = 'agent';
const DEFAULT_KEYS = ['id_ed25519', 'id_ecdsa', 'id_rsa'];

/** @throws HudError CAPABILITY_FAILED for an entry that can't be understood */
export function targetOf(capability: Capability): SshTarget {
  const { name, params } = capability;
  const url = URL.parse(capability.url);
  if (url === null || url.hostname === '') {
    throw new HudError('CAPABILITY_FAILED', `The address '${capability.url}' of capability '${name}' is no URL.`);
  }
  const user = text(params.user) ?? (url.username === '' ? USER : decodeURIComponent(url.username));
  const hostKey = text(params.host_pubkey);
  return {
    name,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? PORT : Number(url.port),
    user,
    ...(hostKey === undefined ? {} : { hostKey: publicKey(name, hostKey) }),
    login: async () => await methods(name, user, params),
  };
}

/** `ssh-ed25519 AAAA… comment`, as OpenSSH writes it. */
function publicKey(name: string, line: string): { type: string; blob: Buffer } {
  const [type, encoded] = line.trim().split(/\s+/);
  if (type !== undefined && encoded !== undefined) {
    const blob = Buffer.from(encoded, 'base64');
    const length = blob.length >= 4 ? blob.readUInt32BE(0) : 0;
    if (length > 0 && blob.toString('latin1', 4, 4 + length) === type) return { type, blob };
  }
  throw new HudError('CAPABILITY_FAILED', `host_pubkey of capability '${name}' is no public key of one line.`);
}

/** The key of the manifest; without one what the user's own `ssh` would try. */
async function methods(name: string, username: string, params: Record<string, unknown>): Promise<AnyAuthMethod[]> {
  const key = text(params.client_key);
  if (key !== undefined) return [{ type: 'publickey', username, key }];
  const path = text(params.client_key_path);
  if (path !== undefined) return [{ type: 'publickey', username, key: await keyFile(name, path) }];
  return await userMethods(name, username);
}

async function keyFile(name: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new HudError('CAPABILITY_FAILED', `The key file of capability '${name}' can't be read: ${messageOf(cause)}`, { cause });
  }
}

async function userMethods(name: string, username: string): Promise<AnyAuthMethod[]> {
  const { utils } = (await import('ssh2')).default;
  const agent = readSetting('SSH_AUTH_SOCK');
  const found: AnyAuthMethod[] = agent === undefined ? [] : [{ type: 'agent', username, agent }];
  for (const file of DEFAULT_KEYS) {
    const key = await readFile(join(homedir(), '.ssh', file)).catch(() => undefined); // most people have one or two of them
    if (key !== undefined && !(utils.parseKey(key) instanceof Error)) found.push({ type: 'publickey', username, key });
  }
  if (found.length > 0) return found;
  throw new HudError('CAPABILITY_FAILED', `Nothing to log in to '${name}' with: its manifest names no key, and this user has none.`, {
    hint: 'Publish client_key with the capability, start an SSH agent, or make a key with ssh-keygen.',
  });
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
