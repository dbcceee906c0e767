import { expect, test } from 'vitest';
import { mayBeSecret } from './recorded.ts';

test.each([
  { name: 'apiKey', value: 'x' },
  { name: 'api_key', value: 'x' },
  { name: 'OPENAI-API-KEY', value: 'x' },
  { name: 'accessToken', value: 'x' },
  { name: 'headers', value: { Authorization: 'Bearer x' } },
  { name: 'extra', value: [{ nested: { password: 'x' } }] },
  { name: 'baseUrl', value: 'https://me:secret@models.example' },
  { name: 'baseUrl', value: 'https://models.example/v1?key=x' },
])('$name of $value is withheld from the record', ({ name, value }) => {
  expect(mayBeSecret(name, value)).toBe(true);
});

test.each([
  { name: 'maxTokens', value: 77 },
  { name: 'max_output_tokens', value: 77 },
  { name: 'systemPrompt', value: 'Find the key: it is in the drawer.' },
  { name: 'baseUrl', value: 'https://models.example/v1?region=eu' },
  { name: 'keyboardLayout', value: 'de' },
  { name: 'stopOn', value: ['length'] },
])('$name of $value is kept', ({ name, value }) => {
  expect(mayBeSecret(name, value)).toBe(false);
});
