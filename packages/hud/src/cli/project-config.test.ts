import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tempDir } from '../testing/temp-dir.ts';
import { projectConfigPath, readProjectConfig, updateProjectConfig } from './project-config.ts';

const silent = { note: (line: string) => expect.unreachable(line) };

async function folder(content?: string): Promise<{ path: string; text(): Promise<string> } & AsyncDisposable> {
  const dir = await tempDir('hud-link-');
  await mkdir(join(dir.path, '.hud'));
  if (content !== undefined) await writeFile(projectConfigPath(dir.path), content);
  return { ...dir, text: async () => await readFile(projectConfigPath(dir.path), 'utf8') };
}

describe('the link of a folder', () => {
  test('is empty where there is no file, and is written with its folder', async () => {
    await using dir = await tempDir('hud-link-');
    expect(await readProjectConfig(dir.path, silent)).toEqual({});
    expect(await updateProjectConfig(dir.path, { tasksetId: 't' }, silent)).toBe(true);
    expect(await readFile(projectConfigPath(dir.path), 'utf8')).toBe('{\n  "tasksetId": "t"\n}\n');
  });

  test('is merged: what others keep there stays', async () => {
    await using dir = await folder('{"registryId":"r","syncEnv":true,"theirs":[1]}');
    expect(await updateProjectConfig(dir.path, { tasksetId: 't' }, silent)).toBe(true);
    expect(JSON.parse(await dir.text())).toEqual({ registryId: 'r', syncEnv: true, theirs: [1], tasksetId: 't' });
    expect(await updateProjectConfig(dir.path, { tasksetId: 't', registryId: 'r' }, silent)).toBe(false);
  });

  test('reads the spelling of newer Python packages, and never leaves two of one thing', async () => {
    await using dir = await folder('{"version":1,"registry_id":null,"taskset_id":"old"}');
    expect(await readProjectConfig(dir.path, silent)).toEqual({ tasksetId: 'old' });
    expect(await updateProjectConfig(dir.path, { tasksetId: 'old' }, silent)).toBe(false);
    await updateProjectConfig(dir.path, { tasksetId: 'new', registryId: 'r' }, silent);
    expect(JSON.parse(await dir.text())).toEqual({ version: 1, tasksetId: 'new', registryId: 'r' });
  });

  test.each(['{', '[]', '7'])('%j counts as empty, with a remark', async (content) => {
    await using dir = await folder(content);
    const notes: string[] = [];
    expect(await readProjectConfig(dir.path, { note: (line) => notes.push(line) })).toEqual({});
    expect(notes).toEqual([expect.stringContaining('counts as empty')]);
  });
});
