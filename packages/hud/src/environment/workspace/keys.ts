/** The key pairs of a workspace: its host key, and the one that its clients are given. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { HudError } from '../../protocol/errors.ts';

export interface KeyPair {
  /** OpenSSH's text form, not encrypted. */
  private: string;
  /** `ssh-ed25519 AAAA…`, one line. */
  public: string;
}

const TYPE = 'ssh-ed25519';
const BLOCK = 8;
const LINE = 70;

/** Written by hand: ssh2's own generator spoils one key of 256, whose public half begins with a zero byte. */
export function makeKeyPair(): KeyPair {
  const { d, x } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  const [seed, point] = [Buffer.from(String(d), 'base64url'), Buffer.from(String(x), 'base64url')];
  const known = Buffer.concat([field(TYPE), field(point)]);
  const check = randomBytes(4);
  const secret = [check, check, known, field(Buffer.concat([seed, point])), field('')];
  const length = secret.reduce((sum, part) => sum + part.length, 0);
  const padding = Buffer.from(Array.from({ length: (BLOCK - (length % BLOCK)) % BLOCK }, (_, index) => index + 1));
  const one = Buffer.from([0, 0, 0, 1]);
  const body = [field('none'), field('none'), field(''), one, field(known), field(Buffer.concat([...secret, padding]))];
  const encoded = Buffer.concat([Buffer.from('openssh-key-v1\0'), ...body]).toString('base64');
  const lines = encoded.match(new RegExp(`.{1,${LINE}}`, 'g')) ?? [];
  return {
    private: ['-----BEGIN OPENSSH PRIVATE KEY-----', ...lines, '-----END OPENSSH PRIVATE KEY-----', ''].join('\n'),
    public: `${TYPE} ${known.toString('base64')}`,
  };
}

/** RFC 4251's string: its length, then its bytes. */
function field(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value as string);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** The pair of a private key. @throws HudError BAD_ARGUMENT for anything but an ed25519 key without a passphrase */
export async function readKeyPair(text: string, path: string): Promise<KeyPair> {
  const { utils } = (await import('ssh2')).default;
  const key = utils.parseKey(text);
  if (key instanceof Error || Array.isArray(key) || key.type !== TYPE || !key.isPrivateKey()) {
    const reason = key instanceof Error ? key.message : 'it is of another kind';
    throw new HudError('BAD_ARGUMENT', `${path} is no private ed25519 key: ${reason}.`, {
      hint: "Make one with `ssh-keygen -t ed25519 -N ''`, or leave hostKeyPath out.",
    });
  }
  return { private: text, public: `${TYPE} ${key.getPublicSSH().toString('base64')}` };
}
