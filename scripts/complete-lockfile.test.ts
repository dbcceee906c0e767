import { expect, test } from 'vitest';
import { complete, type Lockfile, missingOptionals } from './complete-lockfile.ts';

test('an optional package is found where Node would find it', () => {
  const lockfile: Lockfile = {
    packages: {
      '': { optionalDependencies: { top: '^1.0.0' } },
      'node_modules/top': { version: '1.0.0', optionalDependencies: { beside: '1.0.0', within: '1.0.0', gone: '1.0.0' } },
      'node_modules/beside': { version: '1.0.0' },
      'node_modules/top/node_modules/within': { version: '1.0.0', optionalDependencies: { beside: '1.0.0' } },
    },
  };
  expect(missingOptionals(lockfile)).toEqual([{ by: 'node_modules/top', name: 'gone', range: '1.0.0' }]);
});

test.each([
  ['@tool/binding-darwin-arm64', { os: ['darwin'], cpu: ['arm64'] }],
  ['@tool/binding-linux-x64-musl', { os: ['linux'], cpu: ['x64'], libc: ['musl'] }],
  ['@tool/binding-linux-arm-gnueabihf', { os: ['linux'], cpu: ['arm'], libc: ['glibc'] }],
  ['@tool/linux-x64', { os: ['linux'], cpu: ['x64'] }],
  ['tool-win32-ia32-msvc', { os: ['win32'], cpu: ['ia32'] }],
  ['@tool/binding-android-arm-eabi', { os: ['android'], cpu: ['arm'] }],
])('%s is added for its platform alone', (name, platform) => {
  const lockfile: Lockfile = {
    packages: { 'node_modules/tool': { version: '2.0.0', dev: true, optionalDependencies: { [name]: '2.0.0' } } },
  };
  for (const missing of missingOptionals(lockfile)) expect(complete(lockfile, missing)).toBe(true);
  expect(lockfile.packages[`node_modules/${name}`]).toEqual({ version: '2.0.0', dev: true, optional: true, ...platform });
  expect(missingOptionals(lockfile)).toEqual([]);
});

test('what can not be derived is left to say', () => {
  const lockfile: Lockfile = { packages: { 'node_modules/tool': { version: '2.0.0' } } };
  expect(complete(lockfile, { by: 'node_modules/tool', name: 'tool-fast-path', range: '2.0.0' })).toBe(false);
  expect(complete(lockfile, { by: 'node_modules/tool', name: 'tool-linux-x64', range: '^2.0.0' })).toBe(false);
  expect(Object.keys(lockfile.packages)).toEqual(['node_modules/tool']);
});
