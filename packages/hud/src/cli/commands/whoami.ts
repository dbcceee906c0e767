import { openPlatform } from '../../api-client/index.ts';
import { accounts } from '../../protocol/api/index.ts';
import { defineCommand } from '../command.ts';
import { literalLine } from '../terminal/literal.ts';

export const whoami = defineCommand({
  options: {},
  notes: 'Asks the platform whose key HUD_API_KEY is, and what it may do.',
  run: async (_input, { signal, out }) => {
    const platform = openPlatform();
    const { user, team, role, scopes, key } = await platform.call(accounts.me, {}, { signal });
    const rows = [
      ['account', user?.email ?? '-'],
      ['team', team.name],
      ['role', role],
      ['key', key === null ? '-' : `${key.name} (${key.prefix}…)`],
      ['may', scopes.join(', ')],
      ['platform', platform.baseUrl],
    ] as const;
    return {
      json: { email: user?.email ?? null, team: team.name, role, scopes, key: key?.name ?? null, url: platform.baseUrl },
      text: () =>
        rows.map(([name, value]) => (out.isTTY ? `${out.dim(name.padEnd(8))}  ${literalLine(value)}` : `${name}\t${literalLine(value)}`)),
    };
  },
});
