/** Models, QA, cancelling, logging in and counting, by the Python package's command line. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { run } from '../children.ts';
import { OPEN_MODEL, OWN_MODELS, VENDOR_MODELS, CHAT_MODEL } from '../platform-models.ts';
import type { Case } from '../report.ts';
import { dashed, succeeded, type Hands } from './platform-hands.ts';

export function accountCases(all: Hands): Case[] {
  const { release } = all;
  return [
    modelsCase(all),
    ...(release >= 19 ? [checksCase(all)] : release >= 16 ? [traceAgentsCase(all)] : [resourceAgentsCase(all)]),
    cancelCase(all),
    ...(release <= 15 ? [loginCase(all)] : []),
  ];
}

function modelsCase({ lines, hud, platform, release }: Hands): Case {
  return {
    name: "the Python package's hud models lists every model, forks what can be trained and nothing else, and is counted",
    limitMs: 90_000,
    async run() {
      const listed = succeeded(await hud(['models', 'list', '--json'], { HUD_CLI_ANALYTICS_ENABLED: '1' }));
      const names = (JSON.parse(listed.stdout) as { model_name: string }[]).map(({ model_name: name }) => name);
      for (const name of [...OWN_MODELS, ...Object.values(VENDOR_MODELS)])
        assert.ok(names.includes(name), `${name} in ${names.join(', ')}`);
      assert.deepEqual(
        usageEvents(platform.folder).map(({ command, subcommand }) => [command, subcommand]),
        [['models', 'list']],
      );
      const yes = release >= 18 ? ['--yes'] : []; // older ones don't ask
      const [refused, forked, tree, head] = await lines(
        { args: ['models', 'fork', CHAT_MODEL, '--name', 'mine', ...yes], code: 1 },
        { args: ['models', 'fork', OPEN_MODEL, '--name', 'mine', ...yes] },
        { args: ['models', 'checkpoints', 'mine'] },
        { args: ['models', 'head', 'mine'] },
      );
      assert.match(`${refused?.stdout}${refused?.stderr}`.replace(/\s+/g, ' '), /not trainable/);
      assert.match(forked?.stdout ?? '', /mine/);
      assert.match(tree?.stdout ?? '', /base weights|Checkpoints/);
      assert.match(head?.stdout ?? '', /base weights|HEAD/);
    },
  };
}

/** As the platform kept them. */
function usageEvents(folder: string): { command: string; subcommand: string | null }[] {
  const database = new DatabaseSync(join(folder, 'hud.db'), { readOnly: true });
  try {
    return database
      .prepare('SELECT event FROM usage_events ORDER BY received_at')
      .all()
      .map(({ event }) => JSON.parse(String(event)));
  } finally {
    database.close();
  }
}

/** A run that was graded, and the task it is of. */
async function graded({ list }: Hands): Promise<string> {
  const { items } = await list('/v2/jobs?search=python-rows');
  const { items: runs } = await list(`/v2/jobs/${String(items[0]?.id)}/traces`);
  return dashed(String(runs[0]?.id));
}

function checksCase(all: Hands): Case {
  const { lines, platform } = all;
  return {
    name: "the Python package's hud qa lists checks, has runs and tasks examined, and shows what was found",
    limitMs: 90_000,
    async run() {
      const trace = await graded(all);
      const { body: taskset } = await platform.ask('GET', '/v2/tasksets/by-name/Linked');
      const { body } = await platform.ask('GET', `/v2/tasksets/${String(taskset.id)}/export`);
      const task = String((body.tasks as { id: string }[])[0]?.id);
      const [known, ran, results, tasks, history] = await lines(
        { args: ['qa', 'list'] },
        { args: ['qa', 'run', 'trace-graded,trace-faults,trace-repeats', trace, '--yes'] },
        { args: ['qa', 'results', trace] },
        { args: ['qa', 'run', 'task-check', task, '--yes', '--json'] },
        { args: ['qa', 'results', '--level', 'task', task, '--history'] },
      );
      assert.match(known?.stdout ?? '', /trace-graded[^]*trace-truncated/);
      assert.match(ran?.stdout ?? '', /trace-repeats[^]*passed/);
      assert.match(results?.stdout ?? '', /Verdict: passed/);
      assert.match(tasks?.stdout ?? '', new RegExp(`"subject_task_id": "${task}"`));
      assert.match(history?.stdout ?? '', /Task version/);
    },
  };
}

function traceAgentsCase(all: Hands): Case {
  const { lines, list } = all;
  return {
    name: "the Python package's hud qa lists agents, has runs examined by one, and shows what it found",
    limitMs: 90_000,
    async run() {
      const trace = await graded(all);
      const [agent] = (await list('/v2/qa-agents?subject_type=trace')).items;
      const [known, ran, results] = await lines(
        { args: ['qa'] },
        { args: ['qa', 'run', String(agent?.id), trace] },
        { args: ['qa', 'results', trace, '--rollout'] },
      );
      assert.match(known?.stdout ?? '', /trace-graded\t/);
      assert.match(ran?.stdout ?? '', /trace-graded\tpassed/);
      assert.match(results?.stdout ?? '', /passed/);
    },
  };
}

function resourceAgentsCase({ lines, list, platform }: Hands): Case {
  return {
    name: "the Python package's hud qa lists agents, has tasksets examined by one, and shows what it found",
    limitMs: 90_000,
    async run() {
      const [agent] = (await list('/v2/qa-agents?subject_type=taskset')).items;
      const { body } = await platform.ask('GET', '/v2/tasksets/by-name/Linked');
      const [known, ran, results] = await lines(
        { args: ['qa', 'agents', '--subject-type', 'taskset'] },
        { args: ['qa', 'run', String(agent?.id), String(body.id)] },
        { args: ['qa', 'results', 'taskset', String(body.id)] },
      );
      assert.match(known?.stdout ?? '', /taskset-check/);
      assert.match(ran?.stdout ?? '', /passed/);
      assert.match(results?.stdout ?? '', /passed/);
    },
  };
}

function cancelCase({ program, lines, platform, release }: Hands): Case {
  const cancel = release >= 18 ? ['jobs', 'cancel'] : ['cancel'];
  return {
    name: "the Python package's cancelling ends a run, a job, or everything that goes on",
    limitMs: 90_000,
    async run() {
      const [one, other, third] = (await program('begin')) as { job: string; traces: string[] }[];
      const [single, whole, every] = await lines(
        { args: [...cancel, dashed(one?.job ?? ''), '--trace-id', dashed(one?.traces[0] ?? ''), '--yes'] },
        { args: [...cancel, dashed(other?.job ?? ''), '--yes'] },
        { args: [...cancel, '--all', '--yes'] },
      );
      assert.match(`${single?.stdout}${single?.stderr}`, /requested/);
      assert.match(`${whole?.stdout}${whole?.stderr}`, /2 task/);
      assert.match(`${every?.stdout}${every?.stderr}`.replace(/\s+/g, ' '), /3 job\(s\), 6 task\(s\)/); // nobody has told of an end
      for (const trace of [one, other, third].flatMap((begun) => begun?.traces ?? []))
        assert.match(String((await platform.ask('GET', `/v2/trace/${trace}`)).body.status), /^cancell/);
    },
  };
}

function loginCase({ python, platform }: Hands): Case {
  return {
    name: "the Python package's hud login gets a key once somebody has approved",
    limitMs: 60_000,
    async run() {
      let approved: Promise<unknown> | undefined;
      const done = await run(python.hud, ['login', '--quiet'], {
        env: { ...python.env, ...platform.env, HUD_API_KEY: undefined },
        cwd: platform.home,
        limitMs: 50_000,
        onErrorLine: (line) => {
          const [code] = /\b[A-Z0-9]{4}-[A-Z0-9]{4}\b/.exec(line) ?? [];
          if (code !== undefined) approved ??= approve(platform, code);
        },
      });
      await approved;
      succeeded(done);
      const settings = await readFile(join(platform.home, '.hud', '.env'), 'utf8');
      const [, key = ''] = /HUD_API_KEY=["']?([^"'\s]+)/.exec(settings) ?? [];
      assert.equal((await platform.ask('GET', '/v2/me', undefined, key)).status, 200);
    },
  };
}

/** As a person does it with a browser. */
async function approve({ url, key }: Hands['platform'], code: string): Promise<void> {
  const submit = async (path: string, form: Record<string, string>, cookie = ''): Promise<Response> =>
    await fetch(url + path, { method: 'POST', redirect: 'manual', headers: { origin: url, cookie }, body: new URLSearchParams(form) });
  const signedIn = await submit('/login', { key });
  const cookie = signedIn.headers.getSetCookie()[0]?.split(';')[0];
  const decided = await submit('/device', { code, decision: 'approve' }, cookie);
  assert.equal(decided.status, 200, await decided.text());
}
