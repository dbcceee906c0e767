import fs, { mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { loadSaved, save } from './saved-models.ts';
import { sizeOf } from './shape.ts';
import { readWeights, writeWeights, type SavedModel } from './weights-file.ts';

const shape = { vocabulary: 5, width: 4, layers: 1, heads: 2, hidden: 4, context: 8 };
const model = (stepId: string): SavedModel => ({
  base: 'small',
  shape,
  step: 1,
  stepId,
  weights: Float32Array.from({ length: sizeOf(shape) }, (_none, i) => i / 7),
  moments: undefined,
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hud-weights-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

test('a file is on the disk before it has its name, and its name before anybody is told', async () => {
  const order: string[] = [];
  const probe = await open(join(folder, 'probe'), 'w');
  const handles = Object.getPrototypeOf(probe) as typeof probe;
  await probe.close();
  const [write, sync, rename] = [handles.writeFile, handles.sync, fs.rename];
  const spies = [
    vi.spyOn(handles, 'writeFile').mockImplementation(async function writeAll(this: typeof probe, ...args) {
      await write.apply(this, args);
      order.push('written');
    }),
    vi.spyOn(handles, 'sync').mockImplementation(async function syncAll(this: typeof probe) {
      const isFolder = (await this.stat()).isDirectory();
      await sync.call(this);
      order.push(isFolder ? 'folder synced' : 'file synced');
    }),
    vi.spyOn(fs, 'rename').mockImplementation(async (from, to) => {
      await rename(from, to);
      order.push(`named ${basename(String(to))}`);
    }),
  ];
  syncBuiltinESMExports();
  try {
    await writeWeights(join(folder, 'new', 'a.weights'), model('a'));
  } finally {
    for (const spy of spies) spy.mockRestore();
    syncBuiltinESMExports();
  }
  expect(order).toEqual(['folder synced', 'written', 'file synced', 'named a.weights', 'folder synced']);
});

test('every byte counts: a file that is cut, changed or longer is refused, and what to do is said', async () => {
  const path = join(folder, 'b.weights');
  await writeWeights(path, model('b'));
  const whole = await readFile(path);
  const changed = (at: number): Buffer => {
    const copy = Buffer.from(whole);
    copy[at]! ^= 0x10;
    return copy;
  };
  const cuts = [0, 7, 8, 39, 43, 44, 100, whole.length - 1].map((end) => whole.subarray(0, end));
  for (const bytes of [...cuts, ...[0, 8, 40, 44, 60, whole.length - 1].map(changed), Buffer.concat([whole, whole])]) {
    await writeFile(path, bytes);
    await expect(readWeights(path)).rejects.toMatchObject({ code: 'STORE_DAMAGED', hint: 'Go back to another checkpoint.' });
  }
  await writeFile(path, whole);
  expect((await readWeights(path))?.weights).toEqual(model('b').weights);
});

test('what a write left half-way is nobody’s checkpoint, and the save that follows is whole', async () => {
  const name = `state-1-${'c'.repeat(32)}`;
  await writeWeights(join(folder, 'whole.weights'), model('c'.repeat(32)));
  const whole = await readFile(join(folder, 'whole.weights'));
  await writeFile(join(folder, `${name}.weights.1b2c.tmp`), whole.subarray(0, whole.length / 2));
  await expect(loadSaved(folder, name)).rejects.toThrow(`There are no saved weights "${name}".`);
  await save(folder, name, model('c'.repeat(32)));
  expect((await loadSaved(folder, name)).stepId).toBe('c'.repeat(32));
});

test('a file of another step or model in the place of one is refused, whole as it is', async () => {
  const [mine, theirs] = ['d', 'e'].map((id) => `sampler-3-${id.repeat(32)}`) as [string, string];
  await save(folder, mine, model('d'.repeat(32)));
  await save(folder, theirs, model('e'.repeat(32)));
  await writeFile(join(folder, `${mine}.weights`), await readFile(join(folder, `${theirs}.weights`)));
  await expect(loadSaved(folder, mine)).rejects.toMatchObject({
    code: 'STORE_DAMAGED',
    message: `What is saved as "${mine}" are the weights of another step or model.`,
  });
});

test('where nothing can be written the reason is told without the folder’s name, and nothing is left behind', async () => {
  await writeFile(join(folder, 'file'), '');
  await expect(writeWeights(join(folder, 'file', 'f.weights'), model('f'))).rejects.toMatchObject({
    code: 'STORE_UNWRITABLE',
    message: expect.not.stringContaining(folder) as string,
  });
  expect((await readdir(folder)).filter((name) => name.endsWith('.tmp') && !name.includes('1b2c'))).toEqual([]);
});
