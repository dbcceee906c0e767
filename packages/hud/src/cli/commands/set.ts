import { userSettingsPath } from '../../host/settings.ts';
import { defineCommand } from '../command.ts';
import { parsePair } from '../options.ts';
import { saveUserSettings } from '../user-settings.ts';

export const set = defineCommand({
  arguments: { '<pair...>': 'KEY=VALUE, such as ANTHROPIC_API_KEY=sk-…' },
  options: {},
  notes: `Settings are looked up in this order: the process environment, ./.env, ~/.hud/.env.`,
  run: async ({ args }) => {
    const changes: Record<string, string> = Object.assign({}, ...args.map((pair) => parsePair(pair, 'hud set')));
    await saveUserSettings(changes);
    const keys = Object.keys(changes);
    return {
      json: { saved: keys, path: userSettingsPath() },
      text: () => [`Saved ${keys.join(', ')} to ${userSettingsPath()}`],
    };
  },
});
