import { describe, expect, test } from 'vitest';
import { isCredential, sessionEnv } from './session-env.ts';
import { SYSTEM_MOUNTS } from './workspace-options.ts';

const INSIDE = { workspace: {}, proxy: {}, guestPath: '/workspace', mounts: SYSTEM_MOUNTS, isDropped: false };

test.each(
  [
    'HUD_API_KEY HUD_ANYTHING OPENAI_API_KEY ANTHROPIC_AUTH_TOKEN AWS_ACCESS_KEY_ID AWS_PROFILE GITHUB_TOKEN KUBECONFIG DOCKER_HOST',
    'GOOGLE_APPLICATION_CREDENTIALS SSH_AUTH_SOCK MY_SECRET SERVICE_PASSWORD npm_config_registry',
  ].flatMap((names) => names.split(' ')),
)('%s is not handed on', (name) => {
  expect(isCredential(name, 'x')).toBe(true);
});

test.each(['EDITOR', 'LANG', 'MONKEY', 'KEYBOARD', 'PYTHONPATH', 'JAVA_HOME', 'HUDDLE'])('%s is', (name) => {
  expect(isCredential(name, 'x')).toBe(false);
});

test('an address with a login in it is a credential by whatever name', () => {
  expect(isCredential('MIRROR', 'https://me:secret@example.org/')).toBe(true);
  expect(isCredential('MIRROR', 'https://example.org/@me')).toBe(false);
});

describe('sessionEnv', () => {
  test('inside, HOME is the guest path and PATH has only folders that are there', () => {
    const server = {
      PATH: '/opt/tools/bin:/usr/local/bin:/usr/bin:.',
      HOME: '/home/me',
      EDITOR: 'vi',
      HUD_KEY: 'x',
      TMPDIR: '/tmp/mine',
      http_proxy: 'http://p',
    };
    expect(sessionEnv({ ...INSIDE, server, workspace: { WORD: '1', HUD_KEY: 'given' }, proxy: { https_proxy: 'http://q' } })).toEqual({
      PATH: '/usr/local/bin:/usr/bin:/usr/local/sbin:/usr/sbin:/sbin:/bin',
      HOME: '/workspace',
      LANG: 'C.UTF-8',
      EDITOR: 'vi',
      WORD: '1',
      HUD_KEY: 'given',
      https_proxy: 'http://q',
    });
  });

  test("another user's commands get nothing of this process's environment but language and time zone", () => {
    const env = sessionEnv({ ...INSIDE, server: { PATH: '/usr/bin', EDITOR: 'vi', LANG: 'de_DE.UTF-8', TZ: 'UTC' }, isDropped: true });
    expect(Object.keys(env).toSorted()).toEqual(['HOME', 'LANG', 'PATH', 'TZ']);
  });

  test('without a sandbox HOME and PATH stay as they are', () => {
    const env = sessionEnv({ ...INSIDE, guestPath: undefined, server: { PATH: '/opt/bin', HOME: '/home/me' } });
    expect(env).toEqual({ PATH: '/opt/bin', HOME: '/home/me', LANG: 'C.UTF-8' });
  });
});
