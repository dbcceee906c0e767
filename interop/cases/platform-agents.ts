/** The Python package's agents of every vendor at work in the shop, each through the gateway in its own dialect. */
import assert from 'node:assert/strict';
import { BROKEN_MODEL, CHAT_MODEL, JUDGE_MODEL, VENDOR_MODELS } from '../platform-models.ts';
import type { Case } from '../report.ts';
import { dashed, type Hands } from './platform-hands.ts';

interface Done {
  job: string;
  agent: string;
  trace: string;
  reward: number;
  error: string | null;
}

const AGENTS: Readonly<Record<string, string>> = {
  [VENDOR_MODELS.claude]: 'ClaudeAgent',
  [VENDOR_MODELS.openai]: 'OpenAIAgent',
  [VENDOR_MODELS.gemini]: 'GeminiAgent',
  [CHAT_MODEL]: 'OpenAIChatAgent',
};

/** Runs of another kind, as the program takes them. */
const ABSENT = `${CHAT_MODEL}:absent`;
const FILES = `${VENDOR_MODELS.claude}:write_file`;

export function agentCases(hands: Hands): Case[] {
  const { program, lines, platform, urls, withoutShell, release } = hands;
  const get = release >= 18 ? ['get'] : [];
  const view = async (run: Done | undefined) => await platform.ask('GET', `/v2/trace/${run?.trace}`);
  let runs: Record<string, Done> = {};
  let others: Record<string, Done> = {};
  return [
    {
      name: 'agents of the Python package for Claude, OpenAI, Gemini and chat work in several turns with tools, each is paid for',
      limitMs: 90_000,
      async run() {
        const tasks = [...Object.keys(AGENTS), BROKEN_MODEL].map((model) => `${model}:errand`);
        const all = (await program(
          'shop',
          '--url',
          urls.shop,
          '--model',
          [...tasks, ABSENT, ...(withoutShell === undefined ? [FILES] : [])].join(','),
        )) as Record<string, Done>;
        runs = Object.fromEntries(Object.keys(AGENTS).map((model) => [model, all[`${model}:errand`] as Done]));
        others = all;
        for (const [model, agent] of Object.entries(AGENTS)) {
          const done = runs[model];
          assert.deepEqual([done?.agent, done?.reward, done?.error ?? null], [agent, 1, null], model);
          const { body } = await platform.ask('GET', `/v2/trace/${done?.trace}`);
          assert.equal(body.class, 'graded', model);
          assert.ok(Number(body.cost_usd) > 0 && Number(body.completion_tokens) > 0, model);
        }
      },
    },
    {
      name: 'the parts of a grade come with the run',
      async run() {
        const { body } = await platform.ask('GET', `/v2/trace/${runs[CHAT_MODEL]?.trace}`);
        const { subscores } = body.grade as { subscores: { name: string; value: number }[] };
        assert.deepEqual(
          subscores.map(({ name, value }) => [name, value]),
          [
            ['looked', 1],
            ['kept', 1],
          ],
        );
      },
    },
    {
      name: 'pictures of tools become blobs, whichever agent saw them, and can be fetched',
      async run() {
        for (const [model, { trace }] of Object.entries(runs)) {
          const { body } = await platform.ask('GET', `/v2/trace/${trace}/events`);
          const events = body.events as {
            kind: string;
            tool_name?: string;
            artifacts?: { url: string; size_bytes: number; mime_type: string }[];
          }[];
          const [artifact] = events.find(({ kind, artifacts }) => kind === 'tool_result' && artifacts !== undefined)?.artifacts ?? [];
          assert.match(artifact?.url ?? '', /\/v2\/blobs\/[0-9a-f]{64}$/, model);
          const response = await fetch(artifact?.url ?? '', { headers: { authorization: `Bearer ${platform.key}` } });
          const bytes = Buffer.from(await response.arrayBuffer());
          assert.deepEqual([response.headers.get('content-type'), bytes.length], ['image/png', artifact?.size_bytes], model);
          assert.equal(bytes.subarray(1, 4).toString(), 'PNG', model);
        }
      },
    },
    {
      name: "the Python package's hud trace shows calls of tools, their results and their failures",
      limitMs: 90_000,
      async run() {
        const ids = Object.values(runs).map(({ trace }) => trace);
        const shown = await lines(...ids.map((id) => ({ args: ['trace', dashed(id)] })));
        for (const [i, { stdout }] of shown.entries()) {
          const model = Object.keys(runs)[i] ?? '';
          assert.match(stdout, /add_note\(text='from /, model);
          assert.match(stdout, new RegExp(`kept: from ${model}`), model);
          assert.match(stdout, /the shop is closed/, model);
        }
      },
    },
    ...(withoutShell === undefined ? [fileCase(hands, () => others[FILES])] : []),
    {
      name: 'a run that was never graded has no reward, one whose model failed has what its grade says; both say why',
      limitMs: 90_000,
      async run() {
        const [absent, broken] = [others[ABSENT], others[`${BROKEN_MODEL}:errand`]];
        const [{ body: boot }, { body: agent }] = [await view(absent), await view(broken)];
        assert.deepEqual([boot.class, boot.reward, boot.status], ['boot', null, 'error']);
        assert.match(String(boot.error), /absent/);
        assert.deepEqual([agent.class, agent.reward, agent.status], ['graded', 0, 'error']);
        assert.match(String(agent.error), /this model never works/);
        const shown = await lines(...[absent, broken].map((run) => ({ args: ['jobs', ...get, dashed(run?.job ?? '')] })));
        assert.doesNotMatch(shown[0]?.stdout ?? '', /\d\.\d{3} /);
        assert.match(shown[1]?.stdout ?? '', /error[^]*0\.000/);
      },
    },
    {
      name: 'an LLM judge of the Python package judges through the gateway',
      limitMs: 60_000,
      async run() {
        const judged = (await program('judge', '--model', JUDGE_MODEL)) as { value: number; children: { value: number }[] };
        assert.equal(judged.value, 1);
        assert.deepEqual(
          judged.children.map(({ value }) => value),
          [1, 0],
        );
      },
    },
  ];
}

function fileCase({ platform }: Hands, done: () => Done | undefined): Case {
  return {
    name: 'what an agent of the Python package changed in files is with its run',
    async run() {
      assert.deepEqual([done()?.reward, done()?.error ?? null], [1, null]);
      const { body } = await platform.ask('GET', `/v2/trace/${done()?.trace}/events?kinds=all`);
      const files = (body.events as { kind: string; name: string }[]).filter(({ kind }) => kind === 'files');
      const diff = files.find(({ name }) => name === 'filetracking.diff');
      assert.match(JSON.stringify(diff), /result\.txt[^]*\+observed/);
    },
  };
}
