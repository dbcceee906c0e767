import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { openStore } from '../../store/index.ts';
import { workplace } from '../testing.ts';

test('a record whose index lacks a row opens, and doctor finds that it is damaged', async () => {
  await using place = await workplace();
  const directory = join(place.path, '.hud');
  const id = 'ab'.repeat(16);
  const store = await openStore({ directory });
  await store.createJob({ id, name: 'one', group: 1, status: 'completed', createdAt: 1, config: {} }, []);
  await store.close();
  const sound = await place.hud(['doctor']);
  expect(sound.stdout).toMatch(/^ok {4}record: .*\.hud: 1 job$/m);

  const file = join(directory, 'hud.db');
  const db = new DatabaseSync(file, { readOnly: true });
  const page = Number(db.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_jobs_1'").get()?.rootpage);
  db.close();
  const bytes = await readFile(file);
  bytes.write('cd', bytes.indexOf(id, (page - 1) * 4_096));
  await writeFile(file, bytes);
  const { code, stdout } = await place.hud(['doctor']);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^fail {2}record: .*\.hud: 1 job, damaged: .*sqlite_autoindex_jobs_1\n.*\.recover/m);
});
