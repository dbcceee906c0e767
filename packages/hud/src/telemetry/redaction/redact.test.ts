import { describe, expect, test } from 'vitest';
import { Redactor } from './redact.ts';
import { isSecretName } from './secrets.ts';

const SECRET = 's3cr3t/Väl+ue "quoted"\\=';
const redactor = new Redactor({ secrets: new Map([[SECRET, 'API_KEY']]) });

function cleaned(value: unknown, of = redactor): unknown {
  return JSON.parse(of.json(JSON.stringify(value)).toString());
}

describe('what leaves as JSON', () => {
  test.each([
    { name: 'as it is', text: SECRET },
    { name: 'in JSON', text: JSON.stringify({ key: SECRET }) },
    { name: 'in JSON within JSON', text: JSON.stringify(JSON.stringify({ key: SECRET })) },
    { name: 'percent-encoded', text: `https://x.test/?key=${encodeURIComponent(SECRET)}&b=1` },
    { name: 'as a form', text: new URLSearchParams({ key: SECRET }).toString() },
    { name: 'in base64', text: Buffer.from(SECRET).toString('base64') },
    { name: 'in base64 behind a user', text: Buffer.from(`user:${SECRET}`).toString('base64') },
    { name: 'in base64 behind another user', text: Buffer.from(`users:${SECRET}`).toString('base64') },
    { name: 'in base64 for addresses', text: Buffer.from(`x:${SECRET}:y`).toString('base64url') },
  ])('has no secret $name', ({ text }) => {
    const out = JSON.stringify(cleaned({ a: [`before ${text} after`] }));
    expect(out).toContain('[redacted:API_KEY]');
    expect(out).toContain('before ');
    expect(out).toContain(' after');
    for (const form of [SECRET, SECRET.slice(2, -2), encodeURIComponent(SECRET), Buffer.from(SECRET).toString('base64').slice(0, -4)]) {
      expect(out).not.toContain(form);
    }
  });

  test('is the same when there is none', () => {
    const value = { text: 'nothing to hide', n: [1, 2.5, null, true] };
    expect(cleaned(value)).toEqual(value);
  });

  test('stays JSON when the secret is a number', () => {
    const pin = new Redactor({ secrets: new Map([['12345678', 'PIN_TOKEN']]) });
    expect(cleaned({ n: 123456789, text: 'it is 12345678.', list: [-12345678.5] }, pin)).toEqual({
      n: '[redacted:PIN_TOKEN]',
      text: 'it is [redacted:PIN_TOKEN].',
      list: ['[redacted:PIN_TOKEN]'],
    });
  });

  test('keeps the words of the wire, whatever a setting says', () => {
    const odd = new Redactor({
      secrets: new Map([
        ['trace_id', 'A_TOKEN'],
        ['attributes', 'B_TOKEN'],
        ['short', 'C_TOKEN'],
      ]),
    });
    const value = { trace_id: 'short', attributes: {} };
    expect(cleaned(value, odd)).toEqual(value);
  });

  test('has no matches of the patterns, in values alone', () => {
    const patterns = new Redactor({ secrets: new Map(), patterns: [/AKIA[A-Z0-9]{16}/gu, /\d{3}-\d{2}-\d{4}/gu] });
    expect(cleaned({ AKIAAAAAAAAAAAAAAAAA: 'a "AKIAIOSFODNN7EXAMPLE" b', ssn: '123-45-6789', n: 1234567890 }, patterns)).toEqual({
      AKIAAAAAAAAAAAAAAAAA: 'a "[redacted:pattern]" b',
      ssn: '[redacted:pattern]',
      n: 1234567890,
    });
  });
});

test('a file of text loses its secrets, any other is the same object', () => {
  const file = Buffer.from(`key: ${SECRET}\n`);
  expect(Buffer.from(redactor.text(file)).toString()).toBe('key: [redacted:API_KEY]\n');
  const other = Buffer.from('nothing');
  expect(redactor.text(other)).toBe(other);
});

test.each([
  'OPENAI_API_KEY',
  'PGPASSWORD',
  'GITHUB_PAT',
  'HF_TOKEN',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_ACCESS_KEY_ID',
  'MYSQL_PWD',
  'apiKey',
  'DB_PASS',
])('%s names a secret', (name) => {
  expect(isSecretName(name)).toBe(true);
});

test.each(['PWD', 'OLDPWD', 'PATH', 'SSH_AUTH_SOCK', 'HOME', 'KEY_FILE', 'MAX_TOKENS', 'COMPASS', 'TOKENIZERS_PARALLELISM', 'PATTERN'])(
  '%s names none',
  (name) => {
    expect(isSecretName(name)).toBe(false);
  },
);
