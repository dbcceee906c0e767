import { openPlatform } from '../../api-client/index.ts';
import { readSetting, userSettingsPath } from '../../host/settings.ts';
import { accounts } from '../../protocol/api/index.ts';
import { HudError } from '../../protocol/errors.ts';
import { defineCommand, type Context } from '../command.ts';
import { flag } from '../options.ts';
import { forgetUserSetting } from '../user-settings.ts';

export const logout = defineCommand({
  options: { revoke: flag('--revoke', 'end the key on the platform too, wherever else it is used') },
  notes: 'Takes HUD_API_KEY out of ~/.hud/.env. Without --revoke the key itself goes on.',
  run: async ({ options }, context) => {
    if (options.revoke === true) await revoke(context);
    const isRemoved = await forgetUserSetting('HUD_API_KEY');
    const path = userSettingsPath();
    if (readSetting('HUD_API_KEY') !== undefined) context.note('HUD_API_KEY is still set in the environment or in ./.env.');
    return {
      json: { removed: isRemoved, revoked: options.revoke === true, path },
      text: () => [isRemoved ? `Removed HUD_API_KEY from ${path}` : `There was no HUD_API_KEY in ${path}`],
    };
  },
});

async function revoke({ signal }: Context): Promise<void> {
  const platform = openPlatform();
  const { key } = await platform.call(accounts.me, {}, { signal });
  if (key === null) throw new HudError('PLATFORM_FAILED', 'The platform names no key, so there is none to end.');
  await platform.call(accounts.revokeKey, { params: { key: key.id } }, { signal });
}
