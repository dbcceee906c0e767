import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
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
  const pageBytes = Number(db.prepare('PRAGMA page_size').get()?.page_size);
  db.close();
  const bytes = await readFile(file);
  bytes.write('cd', bytes.indexOf(id, (page - 1) * pageBytes));
  await writeFile(file, bytes);
  const { code, stdout } = await place.hud(['doctor']);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^fail {2}record: .*\.hud: 1 job, damaged: .*sqlite_autoindex_jobs_1\n.*\.recover/m);
});

test('a platform that is set is asked who one is, and one that is away is a warning with what to do', async () => {
  const platform = createServer((request, response) => {
    const isKnown = request.headers.authorization === 'Bearer sk-hud-known';
    const me = { user: null, team: { id: 'ab', name: 'lab' }, role: 'member', scopes: ['read'], key: null };
    response
      .writeHead(isKnown ? 200 : 401, { 'content-type': 'application/json' })
      .end(JSON.stringify(isKnown ? me : { detail: 'unknown' }));
  });
  await once(platform.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(platform.address() as AddressInfo).port}`;
  await using place = await workplace();
  const doctor = async (key: string): Promise<string> => {
    return (await place.hud(['doctor'], { env: { HUD_BASE_URL: url, HUD_API_KEY: key } })).stdout;
  };
  expect(await doctor('sk-hud-known')).toContain(`ok    platform: ${url}, as member of lab`);
  expect(await doctor('sk-hud-other')).toMatch(/^warn {2}platform: .* answered 401: unknown\n.*hud login/m);
  platform.close();
  platform.closeAllConnections();
  expect(await doctor('sk-hud-known')).toMatch(/^warn {2}platform: .*can't be reached/m);
});
