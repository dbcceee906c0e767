/** The tables of accounts. Secrets are kept as their SHA-256 alone. */
import type { api } from 'hud/protocol';
import type { Kysely } from 'kysely';

export interface AccountTables {
  users: UsersTable;
  teams: TeamsTable;
  members: MembersTable;
  api_keys: ApiKeysTable;
  sessions: SessionsTable;
  login_tokens: LoginTokensTable;
  device_codes: DeviceCodesTable;
}

export interface UsersTable {
  id: string;
  /** In lower case. */
  email: string;
  created_at: number;
}

export interface TeamsTable {
  id: string;
  name: string;
  created_at: number;
}

export interface MembersTable {
  team_id: string;
  user_id: string;
  role: api.Role;
  created_at: number;
  /** When they first signed in to this team; null for who was only invited. */
  joined_at: number | null;
}

export interface ApiKeysTable {
  id: string;
  team_id: string;
  user_id: string;
  name: string;
  /** What it begins with, to tell keys apart. */
  prefix: string;
  hash: string;
  /** Signs the keys of single traces that are made from it. */
  signing_secret: string;
  /** JSON list; null: all that the member's role may. */
  scopes: string | null;
  created_at: number;
  expires_at: number | null;
  last_used_at: number | null;
  revoked_at: number | null;
}

export interface SessionsTable {
  hash: string;
  team_id: string;
  user_id: string;
  /** The key it was opened with: the session ends with it and may do no more. */
  key_id: string | null;
  created_at: number;
  expires_at: number;
}

/** One-time links of `hud platform` and of invitations. */
export interface LoginTokensTable {
  hash: string;
  team_id: string;
  user_id: string;
  created_at: number;
  expires_at: number;
}

export interface DeviceCodesTable {
  hash: string;
  /** As people type it, without its dash. */
  user_code: string;
  client_name: string;
  client_version: string;
  /** Where the request came from. */
  address: string;
  status: 'pending' | 'approved' | 'denied';
  team_id: string | null;
  user_id: string | null;
  /** Of the key or session that approved it: the new key may do no more. JSON list, null: all that the role may. */
  scopes: string | null;
  /** Likewise: the new key lasts no longer. */
  key_expires_at: number | null;
  created_at: number;
  expires_at: number;
  polled_at: number | null;
}

export async function createAccounts(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  await schema
    .createTable('users')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('email', 'text', (column) => column.notNull().unique())
    .addColumn('created_at', 'double precision', (column) => column.notNull())
    .execute();
  await schema
    .createTable('teams')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('created_at', 'double precision', (column) => column.notNull())
    .execute();
  await schema
    .createTable('members')
    .addColumn('team_id', 'text', (column) => column.notNull().references('teams.id'))
    .addColumn('user_id', 'text', (column) => column.notNull().references('users.id'))
    .addColumn('role', 'text', (column) => column.notNull())
    .addColumn('created_at', 'double precision', (column) => column.notNull())
    .addColumn('joined_at', 'double precision')
    .addPrimaryKeyConstraint('members_once', ['team_id', 'user_id'])
    .execute();
  await createCredentials(db);
}

async function createCredentials({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('api_keys')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('team_id', 'text', (column) => column.notNull())
    .addColumn('user_id', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('prefix', 'text', (column) => column.notNull())
    .addColumn('hash', 'text', (column) => column.notNull().unique())
    .addColumn('signing_secret', 'text', (column) => column.notNull())
    .addColumn('scopes', 'text')
    .addColumn('created_at', 'double precision', (column) => column.notNull())
    .addColumn('expires_at', 'double precision')
    .addColumn('last_used_at', 'double precision')
    .addColumn('revoked_at', 'double precision')
    .execute();
  await schema.createIndex('api_keys_by_team').on('api_keys').columns(['team_id', 'created_at']).execute();
  await schema
    .createTable('sessions')
    .addColumn('hash', 'text', (column) => column.primaryKey())
    .addColumn('team_id', 'text', (column) => column.notNull())
    .addColumn('user_id', 'text', (column) => column.notNull())
    .addColumn('key_id', 'text')
    .addColumn('created_at', 'double precision', (column) => column.notNull())
    .addColumn('expires_at', 'double precision', (column) => column.notNull())
    .execute();
  await schema
    .createTable('login_tokens')
    .addColumn('hash', 'text', (column) => column.primaryKey())
    .addColumn('team_id', 'text', (column) => column.notNull())
    .addColumn('user_id', 'text', (column) => column.notNull())
    .addColumn('created_at', 'double precision', (column) => column.notNull())
    .addColumn('expires_at', 'double precision', (column) => column.notNull())
    .execute();
  await schema
    .createTable('device_codes')
    .addColumn('hash', 'text', (column) => column.primaryKey())
    .addColumn('user_code', 'text', (column) => column.notNull().unique())
    .addColumn('client_name', 'text', (column) => column.notNull())
    .addColumn('client_version', 'text', (column) => column.notNull())
    .addColumn('address', 'text', (column) => column.notNull())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('team_id', 'text')
    .addColumn('user_id', 'text')
    .addColumn('scopes', 'text')
    .addColumn('key_expires_at', 'double precision')
    .addColumn('created_at', 'double precision', (column) => column.notNull())
    .addColumn('expires_at', 'double precision', (column) => column.notNull())
    .addColumn('polled_at', 'double precision')
    .execute();
}
