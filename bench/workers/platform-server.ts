/** A platform with one account: node platform-server.ts <folder>. Its first line has the address and a key; a sample counts its spans. */
import { sql } from 'kysely';
import { readConfig } from '../../packages/platform/src/config.ts';
import { startPlatform } from '../../packages/platform/src/server.ts';
import { createKey } from '../../packages/platform/src/storage/accounts/keys.ts';
import { createTeam, ensureUser } from '../../packages/platform/src/storage/accounts/teams.ts';
import { answer } from '../worker.ts';

const [folder = ''] = process.argv.slice(2);
const platform = await startPlatform(readConfig({ HUD_PLATFORM_PORT: '0', HUD_PLATFORM_DIR: folder, HUD_PLATFORM_LOG: 'error' }), {
  version: '0.0.0',
});
const { db } = platform.context;
const userId = await ensureUser(db, 'bench@example.com');
const teamId = await createTeam(db, { name: 'bench', ownerId: userId });
const { secret: key } = await createKey(db, { teamId, userId, name: 'bench' });
await answer(
  async () => {
    const { rows } = await sql<{ spans: number }>`SELECT count(*) AS spans FROM spans`.execute(db);
    return { spans: Number(rows[0]?.spans) };
  },
  { url: platform.url, key },
);
await platform.close();
