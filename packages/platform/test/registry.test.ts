import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testPlatform, type TestPlatform } from './registry.fixtures.ts';

let on: TestPlatform;
beforeAll(async () => {
  on = await testPlatform();
});
afterAll(async () => await on[Symbol.asyncDispose]());

interface Listed {
  items: { id: string; name: string; latest_build: { version: string } | null }[];
  total: number;
}

async function register(name: string, manifest?: object): Promise<Listed['items'][number]> {
  return (await on.call('POST', '/v2/registry', { name, ...(manifest === undefined ? {} : { manifest }) })).json as Listed['items'][number];
}

async function search(query: string): Promise<Listed> {
  return (await on.call('GET', `/v2/registry${query}`)).json as Listed;
}

const manifest = (...ids: string[]): object => ({
  tasks: ids.map((id) => ({ id, description: 'd', args: { type: 'object', properties: {} } })),
});

describe('the registry', () => {
  test('E1: names are kept in their normal form, and the same environment is one', async () => {
    const first = await register('My_Env X');
    expect(first).toMatchObject({ name: 'my-env-x', latest_build: null });
    expect(await register('my-env-x')).toEqual(first);
    expect(await on.call('POST', '/v2/registry', { name: '__' })).toMatchObject({ status: 400 });
  });

  test('E2: the exact name comes first, so that no limit hides it', async () => {
    for (const name of ['browser', 'browser-use', 'a-browser', 'my-browser-2', 'other_browser']) await register(name);
    const { items, total } = await search('?search=Browser&limit=2');
    expect([items[0]?.name, items.length, total]).toEqual(['browser', 2, 5]);
    expect((await search('?search=browser_use')).items.map(({ name }) => name)).toEqual(['browser-use']);
    expect((await search('?search=%25')).total).toBe(0);
  });

  test('the newest comes first, page by page', async () => {
    const { id } = await register('newest', manifest('a'));
    const { items, total } = await search('?limit=20&sort_by=date');
    expect(items[0]).toMatchObject({ id, name: 'newest' });
    expect((await search(`?limit=1&offset=${total - 1}`)).items).toHaveLength(1);
  });

  test('a manifest that changed is a new version, the same one is none', async () => {
    const { id } = await register('versions', manifest('a'));
    expect(await register('versions', manifest('a'))).toMatchObject({ latest_build: { version: '1' } });
    expect(await register('versions', manifest('a', 'b'))).toMatchObject({ latest_build: { version: '2' } });
    expect(await register('versions')).toMatchObject({ latest_build: { version: '2' } });
    expect((await on.call('GET', `/v2/registry/${id}`)).json).toMatchObject({ name: 'versions', manifest: manifest('a', 'b') });
    expect((await on.call('GET', `/v2/registry/${id}/versions`)).json).toMatchObject({
      items: [
        { version: '2', manifest: manifest('a', 'b') },
        { version: '1', manifest: manifest('a') },
      ],
    });
  });

  test('G3: ids count in any form; what belongs to another team is absent', async () => {
    const { id } = await register('shown');
    for (const spelled of [id, id.replaceAll('-', ''), id.toUpperCase()])
      expect(await on.call('GET', `/v2/registry/${spelled}`)).toMatchObject({ status: 200, json: { id } });
    expect(await on.other('GET', `/v2/registry/${id}`)).toMatchObject({ status: 404 });
    expect(await on.other('GET', `/v2/registry/${id}/versions`)).toMatchObject({ status: 404 });
    expect((await on.other('GET', '/v2/registry?search=shown')).json).toEqual({ items: [], total: 0 });
  });
});
