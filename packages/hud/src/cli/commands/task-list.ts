import { resolve } from 'node:path';
import { Taskset } from '../../eval/index.ts';
import { stringifyJson } from '../../protocol/json.ts';
import type { Task } from '../../protocol/task.ts';
import { defineCommand } from '../command.ts';
import { text } from '../options.ts';
import { literalLine } from '../terminal/literal.ts';
import { table } from '../terminal/table.ts';

export const taskList = defineCommand({
  options: {
    source: text('-s, --source <path>', 'file or directory with tasks (default: the current directory)'),
  },
  run: async ({ options }, { cwd, out }) => {
    const tasks = [...(await Taskset.fromFile(resolve(cwd, options.source ?? '.')))];
    return {
      json: tasks.map((task) => ({
        slug: task.slug,
        id: task.id,
        env: task.env,
        args: task.args,
        ...(task.columns === undefined ? {} : { columns: task.columns }),
      })),
      text: () => {
        if (!out.isTTY) return tasks.map((task) => `${literalLine(task.slug)}\t${literalLine(`${task.id} ${argsOf(task)}`)}`);
        const columns = [{ header: 'slug' }, { header: 'template' }, { header: 'arguments', shrinks: { min: 10 } }];
        return table(
          columns,
          tasks.map((task) => [task.slug, task.id, argsOf(task)]),
          out,
        );
      },
    };
  },
});

function argsOf(task: Task): string {
  return Object.keys(task.args).length === 0 ? '' : stringifyJson(task.args);
}
