/** Plays sessions in an example: its environment is a process of its own, the model a server that follows the session. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createAgent, defineAgent, LocalRuntime, Shared, Taskset, type Agent, type Run } from 'hud';
import { scriptedModel, type ModelServer } from 'hud/testing';
import { desktopEyes, pageEyes } from './eyes.ts';
import { BLIND, scriptOf, type Eyes, type Session } from './session.ts';

export type ExampleName = 'coding' | 'browser' | 'desktop' | 'tools';

/** Pictures of each session are kept in this folder, one a screenshot. */
const { HUD_PICTURES } = process.env;

export interface Stage extends AsyncDisposable {
  play(session: Session): Promise<Run>;
}

/** Serves the example once, for one session at a time. */
export async function stageOf(example: ExampleName): Promise<Stage> {
  const source = join(import.meta.dirname, '..', example, 'tasks.ts');
  const tasks = await Taskset.fromFile(source);
  const runtime = new Shared(new LocalRuntime(source), { width: 1 });
  const scope = await runtime.open();
  return {
    async play(session) {
      const chosen = tasks.filter(({ args }) => JSON.stringify(args) === JSON.stringify(session.task));
      if (chosen.size !== 1) throw new Error(`examples/${example} has no task ${JSON.stringify(session.task)}.`);
      const eyes: Eyes = { ...BLIND };
      await using model = await scriptedModel(scriptOf(session, eyes));
      const agent = await agentOf(session, model);
      const watched = defineAgent(async (run, context) => {
        Object.assign(eyes, await EYES[example]?.(run));
        await agent.run(run, context);
      });
      const job = await chosen.run(watched, { runtime, store: false, maxConcurrent: 1, retries: 0 });
      const run = job.runs[0]!;
      const { length } = model.requests;
      if (run.error === undefined && length !== session.turns.length)
        throw new Error(`The session has ${session.turns.length} turns, and ${length} were played.`);
      if (HUD_PICTURES !== undefined) await savePictures(run, join(HUD_PICTURES, example, session.title.replaceAll(/\W+/g, '-')));
      return run;
    },
    [Symbol.asyncDispose]: async () => await scope[Symbol.asyncDispose](),
  };
}

const EYES: Partial<Record<ExampleName, (run: Run) => Promise<Partial<Eyes>>>> = { browser: pageEyes, desktop: desktopEyes };

async function agentOf({ agent, config = {}, turns }: Session, { baseUrls }: ModelServer): Promise<Agent> {
  const isClaude = agent === 'claude' || config.api === 'claude';
  const baseUrl = isClaude ? baseUrls.anthropic : agent === 'gemini' ? baseUrls.gemini : baseUrls.openai;
  return await createAgent(agent, { apiKey: 'none', baseUrl, maxRetries: 0, maxSteps: turns.length + 1, ...config });
}

/** `01-left_click.png`: as the model saw the screen after that call. */
async function savePictures(run: Run, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const calls = run.trace.steps.filter((step) => step.source === 'tool');
  for (const [i, { call, result }] of calls.entries()) {
    const action = typeof call.arguments === 'object' ? (call.arguments.action ?? call.arguments.actions) : undefined;
    const name = typeof action === 'string' ? action : call.name;
    for (const { type, data } of result?.content ?? [])
      if (type === 'image' && data !== undefined)
        await writeFile(join(folder, `${String(i + 1).padStart(2, '0')}-${name}.png`), Buffer.from(data, 'base64'));
  }
}
