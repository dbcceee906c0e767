import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseSettings } from '../../host/settings.ts';
import { workplace } from '../testing.ts';

test('settings are saved sorted, quoted, under a header, for their owner alone', async () => {
  await using place = await workplace();
  const { code, stdout } = await place.hud(['set', 'OPENAI_API_KEY=sk-1 # not a comment', 'ANTHROPIC_API_KEY= with "quotes" ']);
  const path = join(place.path, '.hud', '.env');
  expect(stdout).toBe(`Saved OPENAI_API_KEY, ANTHROPIC_API_KEY to ${path}\n`);
  expect(code).toBe(0);
  const content = await readFile(path, 'utf8');
  expect(content.split('\n').slice(4)).toEqual([`ANTHROPIC_API_KEY='with "quotes"'`, 'OPENAI_API_KEY="sk-1 # not a comment"', '']);
  expect(
    content
      .split('\n')
      .slice(0, 4)
      .every((line) => line.startsWith('#')),
  ).toBe(true);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await stat(join(place.path, '.hud'))).mode & 0o777).toBe(0o700);
});

test('what was saved before stays, what is set again is replaced, a file open to others is closed', async () => {
  await using place = await workplace();
  await mkdir(join(place.path, '.hud'));
  await writeFile(join(place.path, '.hud', '.env'), 'OLD=kept # by hand\nKEY=old\n', { mode: 0o644 });
  await place.hud(['set', 'KEY=new']);
  const path = join(place.path, '.hud', '.env');
  expect(Object.fromEntries(parseSettings(await readFile(path, 'utf8')))).toEqual({ OLD: 'kept', KEY: 'new' });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test.each([['NOVALUE'], ['=x'], ['1KEY=x'], ['BAD KEY=x'], [`KEY=both "quotes" and 'quotes'`]])(
  '%s is refused before anything is written',
  async (pair) => {
    await using place = await workplace();
    const { code, stdout } = await place.hud(['set', 'GOOD=1', pair]);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    await expect(stat(join(place.path, '.hud', '.env'))).rejects.toMatchObject({ code: 'ENOENT' });
  },
);

test('the document names what was saved, never the values', async () => {
  await using place = await workplace();
  const { stdout } = await place.hud(['set', 'KEY=secret', '--json']);
  expect(JSON.parse(stdout)).toEqual({ saved: ['KEY'], path: join(place.path, '.hud', '.env') });
  expect(stdout).not.toContain('secret');
});
