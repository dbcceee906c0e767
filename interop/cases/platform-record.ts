/** Evaluations by either package, reported to the platform and read by both. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CHAT_MODEL, SLOPPY_MODEL } from '../platform-models.ts';
import type { Case } from '../report.ts';
import { dashed, type Hands } from './platform-hands.ts';

interface Evaluated {
  job: string;
  flushed: boolean;
  runs: { trace: string; reward: number }[];
}

export function recordCases({ program, lines, ours, list, platform, urls, release, folder, hud }: Hands): Case[] {
  const job = { id: '', trace: '' };
  const reads = (id: string, trace: string): { args: string[] }[] => [
    { args: ['jobs', ...(release >= 18 ? ['get'] : []), dashed(id)] },
    { args: ['trace', dashed(trace)] },
  ];
  return [
    {
      name: 'an evaluation by the Python package, its model behind the gateway, is a job with its traces, rewards and costs',
      limitMs: 90_000,
      async run() {
        const done = (await program('evaluate', '--url', urls.interop, '--model', CHAT_MODEL)) as Evaluated;
        assert.deepEqual(
          done.runs.map(({ reward }) => reward),
          [1, 1, 0, 0],
        );
        assert.equal(done.flushed, true);
        Object.assign(job, { id: done.job, trace: done.runs[0]?.trace });
        const { body } = await platform.ask('GET', `/v2/jobs/${job.id}`);
        assert.match(String(body.name), /^python-rows/);
        assert.equal(body.status, 'completed');
        const traces = await list(`/v2/jobs/${job.id}/traces?limit=20`);
        assert.equal(traces.total, 4);
        assert.deepEqual(
          traces.items.map(({ reward }) => Number(reward)).toSorted((a, b) => a - b),
          [0, 0, 1, 1],
        );
        assert.ok(traces.items.every(({ class: kind, cost_usd: cost }) => kind === 'graded' && Number(cost) > 0));
      },
    },
    {
      name: 'its trace reads as the prompt, what the model said, and the grade',
      async run() {
        const { body } = await platform.ask('GET', `/v2/trace/${job.trace}/events`);
        const events = body.events as Record<string, unknown>[];
        assert.ok(events.some(({ kind, text }) => kind === 'agent_message' && text === 'right'));
        assert.ok(events.some(({ kind, text }) => kind === 'user_message' && String(text).includes('tag=right')));
        assert.ok(events.filter(({ kind }) => kind === 'environment').length >= 2);
      },
    },
    {
      name: 'our hud jobs and hud trace show the same job',
      async run() {
        const jobs = JSON.parse((await ours(['jobs', '--json'])).stdout) as { id: string }[];
        assert.ok(jobs.some(({ id }) => id === job.id));
        assert.match((await ours(['trace', job.trace])).stdout, /tag=right/);
      },
    },
    {
      name: "the Python package's hud eval, through the gateway, is a job on the platform",
      limitMs: 90_000,
      async run() {
        const cwd = await folder('python-eval');
        const rows = ['right', 'wrong'].map((tag) => ({ env: 'interop', id: 'echo', slug: `cli-${tag}`, args: { tag } }));
        await writeFile(join(cwd, 'rows.json'), JSON.stringify(rows));
        const args = ['eval', join(cwd, 'rows.json'), CHAT_MODEL, '--runtime', urls.interop, '--gateway', '--all', '--group', '2', '--yes'];
        const done = await hud(args);
        assert.equal(done.code, 0, done.stdout + done.stderr);
        const { items } = await list('/v2/jobs?limit=1');
        assert.deepEqual([items[0]?.status, items[0]?.runs, items[0]?.mean_reward], ['completed', 4, 0.5]);
        assert.ok(Number(items[0]?.cost_usd) > 0);
      },
    },
    {
      name: "the Python package's hud jobs and hud trace show its own job and that of our hud eval, also what a model wrote wrong",
      limitMs: 90_000,
      async run() {
        const cwd = await folder('our-eval');
        await writeFile(join(cwd, 'rows.json'), JSON.stringify([{ env: 'shop', id: 'errand', slug: 'ours', args: { note: 'from ours' } }]));
        await ours(['eval', 'rows.json', SLOPPY_MODEL, '--runtime', urls.shop, '--gateway', '--yes', '--json'], 'our-eval');
        const { items } = await list('/v2/jobs?limit=1');
        const id = String(items[0]?.id);
        const [run] = (await list(`/v2/jobs/${id}/traces`)).items;
        const [jobs, traces, trace, own, ownTrace] = await lines(
          { args: ['jobs', ...(release >= 18 ? ['list'] : []), '--limit', '50'] },
          ...reads(job.id, job.trace),
          ...reads(id, String(run?.id)),
        );
        for (const one of [job.id, id, 'python-rows']) assert.ok(jobs?.stdout.includes(one), jobs?.stdout);
        assert.match(traces?.stdout ?? '', /completed[^]*1\.000/);
        assert.match(trace?.stdout ?? '', /agent[^]*right/);
        assert.match(own?.stdout ?? '', /completed/);
        assert.match(ownTrace?.stdout ?? '', /I try\.[^]*add_note\(raw=/);
      },
    },
  ];
}
