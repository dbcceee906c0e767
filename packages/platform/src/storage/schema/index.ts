/** Every table, and the migrations that make them, on both databases. A released migration never changes. */
import type { Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import { createAccounts, type AccountTables } from './accounts.ts';
import { createAnnotations, type AnnotationTables } from './annotations.ts';
import { sortByBytes } from './byte-order.ts';
import { createClaims, type ClaimTables } from './claims.ts';
import { createGateway, type GatewayTables } from './gateway.ts';
import { createOtlp, type OtlpTables } from './otlp.ts';
import { createRecord, type RecordTables } from './record.ts';
import { createReporting } from './reporting.ts';
import { createReports } from './reports.ts';
import { createResponses, type ResponseTables } from './responses.ts';
import { createRegistry, indexTaskEnvironments, type RegistryTables } from './registry.ts';
import { createScreens, type ScreenTables } from './screens.ts';
import { createRetention, createTraining, createTrainingInputs, dropSamplerPath, type TrainingTables } from './training.ts';

export interface Tables
  extends
    GatewayTables,
    RecordTables,
    AccountTables,
    ClaimTables,
    RegistryTables,
    OtlpTables,
    ResponseTables,
    AnnotationTables,
    ScreenTables,
    TrainingTables {}

export type Dialect = 'sqlite' | 'postgres';

/**
 * In the order of their names. Column types are those that both databases know: `text`, which sorts by its bytes, `bigint`
 * (counts, 0 or 1 for booleans), `double precision` (times in milliseconds since 1970, money in USD). Objects are JSON text.
 */
export function migrationsFor(dialect: Dialect): Record<string, Migration> {
  if (dialect === 'sqlite') return MIGRATIONS;
  const all = { '000-record': { up: async (db: Kysely<unknown>) => await createRecord(db) }, ...MIGRATIONS };
  return Object.fromEntries(
    Object.entries(all).map(([name, { up }]) => {
      const both = async (db: Kysely<unknown>): Promise<void> => {
        await up(db);
        await sortByBytes(db);
      };
      return [name, { up: both }];
    }),
  );
}

const MIGRATIONS: Record<string, Migration> = {
  '001-accounts': { up: createAccounts },
  '003-registry': { up: createRegistry },
  '002-claims': { up: createClaims },
  '004-gateway': { up: async (db: Kysely<unknown>) => await createGateway(db) },
  '005-reporting': { up: createReporting },
  '006-otlp': { up: createOtlp },
  '007-responses': { up: createResponses },
  '008-annotations': { up: createAnnotations },
  '010-task-environments': { up: indexTaskEnvironments },
  '009-screens': { up: createScreens },
  '011-reports': { up: createReports },
  '012-training': { up: createTraining },
  '013-training-inputs': { up: createTrainingInputs },
  '014-checkpoint-retention': { up: createRetention },
  '015-step-phases': { up: dropSamplerPath },
};
