import { writeFile } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { AGENT_TYPES } from '../../agents/catalogue.ts';
import { readSetting } from '../../host/settings.ts';
import type { RunOptions } from '../../eval/index.ts';
import { HudError, messageOf } from '../../protocol/errors.ts';
import { defineCommand, type Context, type Result } from '../command.ts';
import { chooseAgent } from '../eval/agent-choice.ts';
import { CONFIG_FILE, CONFIG_TEMPLATE } from '../eval/config-file.ts';
import { recordedConfig } from '../eval/recorded.ts';
import { readReplay } from '../eval/replay.ts';
import { mayCost, runEval } from '../eval/run-eval.ts';
import { selectTasks } from '../eval/selection.ts';
import { evalOptions, readSettings, runOptionsOf } from '../eval/settings.ts';
import { checkPlace, findSource, openSource, placementOf } from '../eval/source.ts';

export const evaluate = defineCommand({
  arguments: {
    '[source]':
      'file or directory with tasks (.ts, .js, .json, .jsonl, .csv), or a taskset of the platform (default: the one in this folder)',
    '[agent]': `${AGENT_TYPES.join(', ')}, or the name of a model`,
  },
  options: evalOptions,
  notes: `Settings come from the command line, then from ${CONFIG_FILE} in this folder.
Every run is recorded in .hud of this folder, or in HUD_DIR: see \`hud jobs\` and \`hud trace\`.
A job that was interrupted or killed is gone on with by \`hud resume\`: what it finished stays.
Exit code 1 when nothing could be graded or --fail-under was missed; failed runs alone are no failure.`,
  run: async ({ args, options }, context) => {
    if (options.initConfig) return await writeConfig(context);
    const settings = await readSettings(args, options, { agentNames: AGENT_TYPES, lookup: readSetting }, context);
    const replay = settings.replay === undefined ? undefined : await readReplay(settings.replay, settings, context);
    const chosen = await chooseAgent(settings, context);
    const source = await openSource(settings.source ?? (await findSource(context)), context);
    checkPlace(source, settings);
    const placement = placementOf(source.name, settings, context);
    const { chosen: tasks, passedOver } = selectTasks(await source.load(), settings);
    if (passedOver > 0) context.note(`Only the first of ${passedOver + 1} tasks runs: --all runs them all, --task-ids chooses.`);
    const rollouts = tasks.size * settings.group;
    if (replay === undefined) await mayCost(chosen.agent, rollouts, settings, context);
    const run: RunOptions = {
      ...runOptionsOf(settings),
      ...placement,
      ...(replay === undefined ? {} : { replay }),
      group: settings.group,
      config: recordedConfig({ ...settings, source: source.name }, chosen),
    };
    return await runEval({ ...settings, tasks, agent: chosen.agent, rollouts, run }, context);
  },
});

async function writeConfig({ cwd }: Context): Promise<Result> {
  const path = resolve(cwd, CONFIG_FILE);
  try {
    await writeFile(path, CONFIG_TEMPLATE, { flag: 'wx' });
  } catch (cause) {
    const isThere = (cause as NodeJS.ErrnoException).code === 'EEXIST';
    throw new HudError(
      'BAD_ARGUMENT',
      isThere ? `${relative(cwd, path)} is there already.` : `${path} can't be written: ${messageOf(cause)}.`,
      { cause },
    );
  }
  return { json: { path }, text: () => [`Wrote ${relative(cwd, path)}.`] };
}
