/** Bare Node: opens a store's database and reads every row of every table: node read-database.ts <store folder> */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { answer } from '../worker.ts';

const database = new DatabaseSync(join(process.argv[2] ?? '', '.hud', 'hud.db'));
const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all() as { name: string }[];
let rows = 0;
for (const { name } of tables) rows += database.prepare(`SELECT * FROM "${name}"`).all().length;
await answer(async () => ({ rows }));
