/** Calls that never went over a network. */
import { randomUUID } from 'node:crypto';
import { openStorage, type Storage } from '../../storage/open.ts';
import { readConfig } from '../../config.ts';
import type { Caller } from '../../caller.ts';
import { Metrics } from '../../metrics.ts';
import { openLog } from '../../log.ts';
import { CallLedger } from './ledger.ts';
import type { CallOutcome, ModelCall, Reservation } from '../seams.ts';

export const TEAM = 'team';

/** @param url of PostgreSQL @default the file in the folder */
export async function storageIn(directory: string, url?: string): Promise<Storage> {
  return await openStorage(readConfig({ HUD_PLATFORM_DIR: directory, DATABASE_URL: url }));
}

export function ledgerOn({ db }: Pick<Storage, 'db'>, now: () => number = Date.now): CallLedger {
  return new CallLedger({ db, log: openLog('silent'), now, metrics: new Metrics() });
}

const MODEL: ModelCall['model'] = {
  id: '1'.repeat(32),
  modelName: 'model',
  name: 'model',
  provider: 'vendor',
  sdkAgentType: 'openai',
  isTrainable: false,
  upstream: 'vendor',
  upstreamModel: 'model',
  price: { input: 1, output: 10 },
};

/** To a model of 1 USD for a million tokens in, 10 for a million out; 1000 tokens of reply at most. */
export function modelCall(more: Partial<ModelCall> = {}): ModelCall {
  const caller: Caller = { teamId: TEAM, userId: 'user', keyId: 'key', role: 'owner', scopes: new Set(), traceId: undefined };
  return {
    id: randomUUID().replaceAll('-', ''),
    caller,
    dialect: 'openai-chat',
    operation: 'generate',
    model: MODEL,
    upstream: { name: 'vendor', dialects: [], baseUrls: {}, headers: {} },
    path: '/chat/completions',
    body: Buffer.from('{}'),
    isStream: false,
    maxOutputTokens: 1_000,
    startedAt: Date.now(),
    ...more,
  };
}

/** 0.01 USD */
export const PAID: CallOutcome = { status: 200, usage: { promptTokens: 0, completionTokens: 1_000 }, isAborted: false };

export async function makeCall(ledger: CallLedger, more: Partial<ModelCall> = {}, outcome: CallOutcome = PAID): Promise<void> {
  const reservation: Reservation = await ledger.reserve(modelCall(more));
  reservation.settle(outcome);
}
