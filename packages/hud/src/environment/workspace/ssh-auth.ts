/** Who may log in: whoever proves to hold an authorized ed25519 key, under any name. */
import { timingSafeEqual } from 'node:crypto';
import type { AuthContext, ParsedKey, utils } from 'ssh2';
import { HudError } from '../../protocol/errors.ts';

const KEY_TYPE = 'ssh-ed25519';
const MAX_REFUSALS = 6;

/** @throws HudError BAD_ARGUMENT for anything but ed25519 */
export function parseAuthorizedKeys({ parseKey }: typeof utils, lines: readonly string[]): ParsedKey[] {
  return lines.map((line) => {
    const key = parseKey(line);
    if (key instanceof Error || Array.isArray(key) || key.type !== KEY_TYPE) {
      throw new HudError('BAD_ARGUMENT', `An authorized key is no ed25519 public key: '${line.slice(0, 40)}'.`, {
        hint: 'Make one with `ssh-keygen -t ed25519`, and pass the line of its .pub file.',
      });
    }
    return key;
  });
}

/** @param hangUp called instead of an answer once a connection has been refused too often */
export function authenticate(keys: readonly ParsedKey[], hangUp: () => void): (context: AuthContext) => void {
  let refusals = 0;
  return (context) => {
    if (isAllowed(context, keys)) return context.accept(); // without a signature this only says that the key would do
    refusals += 1;
    if (refusals > MAX_REFUSALS) return hangUp();
    context.reject(['publickey']);
  };
}

function isAllowed(context: AuthContext, keys: readonly ParsedKey[]): boolean {
  if (context.method !== 'publickey' || context.key.algo !== KEY_TYPE) return false;
  const { data } = context.key;
  const key = keys.find((candidate) => {
    const known = candidate.getPublicSSH();
    return known.length === data.length && timingSafeEqual(known, data);
  });
  if (key === undefined) return false;
  if (context.signature === undefined) return true;
  if (context.blob === undefined) return false;
  const verdict: unknown = key.verify(context.blob, context.signature); // an Error, other than its type says, for one that can't be read
  return verdict === true;
}
