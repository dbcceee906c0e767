import { expect, test } from 'vitest';
import { Capability, PROTOCOLS, matchesCapability } from './capability.ts';

const shell = Capability.parse({ name: 'shell', protocol: 'ssh/2', url: 'ssh://agent@127.0.0.1:22' });

test.each([
  ['shell', true],
  ['ssh/2', true],
  ['ssh', true],
  ['ssh/', false],
  ['ssh/1', false],
  ['she', false],
  ['', false],
])('%j finds the capability shell of ssh/2: %s', (ref, isFound) => expect(matchesCapability(shell, ref)).toBe(isFound));

test('a protocol without a version is its own family', () => {
  expect(matchesCapability({ ...shell, protocol: 'custom' }, 'custom')).toBe(true);
});

test.each([{ name: '' }, { protocol: '' }, { url: '' }, { url: undefined }, { params: [] }])('%o is refused', (change) => {
  expect(Capability.safeParse({ ...shell, ...change }).success).toBe(false);
});

test('the protocols are those that Python clients open by exact name', () => {
  expect(Object.values(PROTOCOLS)).toEqual(['ssh/2', 'mcp/2025-11-25', 'cdp/1.3', 'rfb/3.8', 'openpi/0', 'filetracking/1']);
});
