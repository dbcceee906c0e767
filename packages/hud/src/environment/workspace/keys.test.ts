import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { expect, test } from 'vitest';
import { makeKeyPair, readKeyPair } from './keys.ts';

test('every pair can be read, and its halves belong together', async () => {
  for (let count = 0; count < 1_500; count += 1) {
    const pair = makeKeyPair(); // one in 256 has a public half that begins with a zero byte
    const [known, secret] = [ssh2.utils.parseKey(pair.public), ssh2.utils.parseKey(pair.private)];
    if (known instanceof Error || secret instanceof Error) throw new Error(`${pair.public} can't be read`);
    expect(known.verify('text', secret.sign('text'))).toBe(true);
  }
  const pair = makeKeyPair();
  expect(await readKeyPair(pair.private, 'key')).toEqual(pair);
});

const missing = spawnSync('ssh-keygen', ['-?']).error;

test.skipIf(missing)('OpenSSH reads it too', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hud-key-'));
  const pair = makeKeyPair();
  writeFileSync(join(folder, 'key'), pair.private, { mode: 0o600 });
  const said = spawnSync('ssh-keygen', ['-y', '-f', join(folder, 'key')])
    .stdout.toString()
    .trim();
  rmSync(folder, { recursive: true });
  expect(said).toBe(pair.public);
});

test('a key of another kind is refused', async () => {
  const { private: rsa } = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 });
  await expect(readKeyPair(rsa, '/keys/host')).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
  await expect(readKeyPair('nonsense', '/keys/host')).rejects.toMatchObject({ code: 'BAD_ARGUMENT' });
});
