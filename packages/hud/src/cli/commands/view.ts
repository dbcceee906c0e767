import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { HudError } from '../../protocol/errors.ts';
import { openInBrowser } from '../browser.ts';
import { defineCommand } from '../command.ts';
import { flag, integer } from '../options.ts';
import { packageVersion } from '../package-origin.ts';
import { loadPlatformPackage } from '../platform-package.ts';
import { recordDirectory } from '../record.ts';

interface ViewFlags {
  port: number;
  noOpen: boolean;
}

export const view = defineCommand<ViewFlags>({
  arguments: { '[id]': 'a job or a trace to open, by id' },
  options: {
    port: integer('-p, --port <n>', 'port (default: any free one)', { min: 0, max: 65_535 }),
    noOpen: flag('--no-open', 'only print the address'),
  },
  notes: `Shows the record in .hud of the current directory, or in HUD_DIR, in a browser, also while it grows. Needs no
account: whoever works on this machine may look. Runs until Ctrl-C.`,
  run: async ({ args: [id], options }, context) => {
    const directory = recordDirectory(context);
    if (!existsSync(join(directory, 'hud.db'))) {
      throw new HudError('BAD_ARGUMENT', `Nothing is recorded in ${directory} yet.`, {
        hint: '`hud eval` records there; HUD_DIR names another record.',
      });
    }
    const pkg = await loadPlatformPackage();
    const config = pkg.readConfig({ HUD_PLATFORM_DIR: directory, HUD_PLATFORM_PORT: String(options.port ?? 0), HUD_PLATFORM_LOG: 'warn' });
    await using platform = await pkg.startPlatform(config, { version: packageVersion(), isLocal: true });
    const address = id === undefined ? platform.url : `${platform.url}/${await placeOf(id, platform.context.store)}`;
    context.out.line(context.isJson ? JSON.stringify({ url: address }) : address);
    if (options.noOpen !== true && context.out.isTTY) openInBrowser(address, context.note);
    context.note('Ctrl-C ends it.');
    await new Promise<void>((resolve) => {
      if (context.signal.aborted) resolve();
      context.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    return { json: undefined };
  },
});

interface Found {
  getJob(id: string): Promise<{ id: string } | undefined>;
  getRun(id: string): Promise<{ traceId: string } | undefined>;
}

async function placeOf(id: string, store: Found): Promise<string> {
  const job = await store.getJob(id);
  if (job !== undefined) return `jobs/${job.id}`;
  const run = await store.getRun(id);
  if (run !== undefined) return `trace/${run.traceId}`;
  throw new HudError('BAD_ARGUMENT', `There is no job and no trace '${id}' here.`, { hint: '`hud jobs` lists what is there.' });
}
