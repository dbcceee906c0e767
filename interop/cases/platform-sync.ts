/** Tasksets and environments that both packages share by way of the platform. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Finished } from '../children.ts';
import type { Case } from '../report.ts';
import type { Hands } from './platform-hands.ts';

const NAME = 'Shared Rows/1';

/** As text: what a parser would make of the numbers is what is tested. */
const ROWS = `[
  {"env": "interop", "id": "echo", "slug": "plain", "args": {"tag": "a"}},
  {"env": "interop", "id": "echo", "slug": "numbers", "columns": {"level": "easy", "weight": 2.0},
   "args": {"one": 1.0, "whole": 1, "minus": -0.0, "small": 1e-7, "large": 1e22, "big": 12345678901234567890123,
            "unsafe": 9007199254740993, "none": null, "yes": true, "nested": {"deep": [1.0, [2.50, null], {"é": "\\ud83d\\ude00 é\\u0000"}]}}},
  {"env": "interop", "id": "echo", "slug": "empty", "args": {}}
]`;

export function syncCases(all: Hands): Case[] {
  const { lines, ours, program, platform, release } = all;
  const source = join(platform.home, 'rows.json');
  const told = (finished: Finished | undefined): string => `${finished?.stdout}${finished?.stderr}`.replace(/\s+/g, ' ');
  const sync = (name: string, file: string, more: string[] = []) => ({
    args: ['sync', 'tasks', name, file, '--yes', ...more],
    folder: 'sync',
  });
  return [
    {
      name: "the Python package's hud sync tasks uploads a taskset, and finds it up to date afterwards",
      limitMs: 90_000,
      async run() {
        await writeFile(source, ROWS);
        const [first, second, exported, third] = await lines(
          sync(NAME, source),
          sync(NAME, source),
          { args: ['sync', 'tasks', NAME, '--export', 'out.json'], folder: 'sync' },
          sync(NAME, 'out.json'),
        );
        assert.match(told(first), /3 created/);
        assert.match(told(second), /up to date/);
        assert.match(told(exported), /out\.json/);
        assert.match(told(third), /up to date/);
      },
    },
    {
      name: 'the taskset comes back to the Python package with every number, null and letter as it was uploaded',
      limitMs: 60_000,
      async run() {
        const { name, fetched, local } = (await program('fetch', '--taskset', NAME, '--file', source)) as {
          name: string;
          fetched: unknown;
          local: unknown;
        };
        assert.equal(name, NAME);
        assert.deepEqual(fetched, local);
        assert.match(JSON.stringify(local), /'one': 1\.0.*'big': 12345678901234567890123/);
      },
    },
    {
      name: 'our hud sync finds nothing to change in what the Python package uploaded, nor the package in what ours uploaded',
      limitMs: 60_000,
      async run() {
        const checked = JSON.parse((await ours(['sync', 'tasks', NAME, source, '--check', '--json'])).stdout) as { unchanged: number };
        assert.equal(checked.unchanged, 3);
        await ours(['sync', 'tasks', 'Ours', source, '--yes', '--json']);
        const changed = join(platform.home, 'changed.json');
        await writeFile(changed, (await readFile(source, 'utf8')).replace('"one": 1.0', '"one": 1'));
        const [again, updated] = await lines(sync('Ours', source), sync(NAME, changed));
        assert.match(told(again), /up to date/);
        assert.match(told(updated), /0 created, ~ 1 updated/); // a float is another number than an integer
        const plan = JSON.parse((await ours(['sync', 'tasks', NAME, source, '--dry-run', '--json'])).stdout) as { unchanged: number };
        assert.equal(plan.unchanged, 2);
      },
    },
    {
      name: "the Python package's hud sync env links a folder to an environment that ours registered, and hud sync remembers both",
      limitMs: 60_000,
      async run() {
        assert.equal(
          (await platform.ask('POST', '/v2/registry', { name: 'interop', manifest: { tasks: [{ id: 'echo', args: {} }] } })).status,
          200,
        );
        await writeFile(join(await all.folder('linked'), 'rows.json'), await readFile(source));
        const [env, tasks] = await lines(
          { args: ['sync', 'env', 'interop', '.', '--yes'], folder: 'linked' },
          { args: ['sync', 'tasks', 'Linked', 'rows.json', '--yes'], folder: 'linked' },
        );
        assert.match(told(env), /Linked to: interop/);
        assert.match(told(tasks), /3 created/);
        const config = JSON.parse(await readFile(join(platform.home, 'linked/.hud/config.json'), 'utf8')) as unknown;
        const { body } = await platform.ask('GET', '/v2/tasksets/by-name/Linked');
        assert.ok(JSON.stringify(config).includes(String(body.id)), JSON.stringify(config));
      },
    },
    ...(release >= 17 ? [projectCase(all)] : []),
  ];
}

function projectCase({ lines, platform, list }: Hands): Case {
  return {
    name: "the Python package's hud project shows the team's one project, and tasks are put into it",
    limitMs: 60_000,
    async run() {
      const [project] = (await list('/v2/projects')).items;
      const [shown, used, synced, refused] = await lines(
        { args: ['project', 'list'] },
        { args: ['project', 'use', String(project?.name), '--directory', '.'], folder: 'project' },
        {
          args: ['sync', 'tasks', 'In a project', join(platform.home, 'rows.json'), '--project', String(project?.id), '--yes'],
          folder: 'project',
        },
        { args: ['project', 'create', 'another', '--yes', '--no-use'], folder: 'project', code: 1 },
      );
      assert.match(`${shown?.stdout}${shown?.stderr}`, new RegExp(String(project?.id)));
      assert.match(`${used?.stdout}${used?.stderr}`, /Using Project/);
      assert.match(`${synced?.stdout}${synced?.stderr}`, /3 created/);
      assert.match(`${refused?.stdout}${refused?.stderr}`.replace(/\s+/g, ' '), /one project here/);
    },
  };
}
