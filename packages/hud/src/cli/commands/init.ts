import { basename, resolve } from 'node:path';
import { defineCommand } from '../command.ts';
import { flag, text } from '../options.ts';
import { dependencyRange } from '../package-origin.ts';
import { PRESETS, scaffold } from '../scaffold.ts';
import { UsageError } from '../usage-error.ts';

export const init = defineCommand({
  arguments: { '[name]': 'folder to make; names the environment too' },
  options: {
    dir: text('-d, --dir <folder>', 'folder to make it in (default: the current one)'),
    force: flag('-f, --force', 'write into a folder that holds files already'),
    preset: text('-p, --preset <name>', `what to start from: ${PRESETS.join(', ')} (default: blank)`),
  },
  run: async ({ args: [name], options }, { cwd, note }) => {
    const preset = options.preset ?? 'blank';
    if (!PRESETS.includes(preset)) throw new UsageError(`There is no preset '${preset}'.`, { hint: `Presets: ${PRESETS.join(', ')}.` });
    if (name === undefined && options.preset === undefined) {
      throw new UsageError('hud init needs a name for the folder.', {
        hint: 'For example: hud init my-env. With --preset alone it writes into the current folder.',
      });
    }
    const target = resolve(cwd, options.dir ?? '.', name ?? '.');
    const files = await scaffold(target, { preset, force: options.force ?? false });
    const range = dependencyRange();
    if (range.startsWith('file:'))
      note(`The project takes hud from ${range.slice('file:'.length)}, where this command came from. An image needs one from a registry.`);
    const steps = [
      ...(target === cwd ? [] : [`cd ${shellWord(relativeTo(cwd, target))}`]),
      'npm install',
      'npx hud eval tasks.ts oracle --all',
      'npx hud eval tasks.ts claude --all',
    ];
    return {
      json: { dir: target, preset, files },
      text: () => [`Made ${basename(target)} with ${files.join(', ')}.`, '', 'Next:', ...steps.map((step) => `  ${step}`)],
    };
  },
});

function relativeTo(cwd: string, target: string): string {
  return target.startsWith(`${cwd}/`) ? target.slice(cwd.length + 1) : target;
}

function shellWord(word: string): string {
  return /^[\w./@%+=:,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
