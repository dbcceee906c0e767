/** Every model call: what it took, what it cost, and whether it may be made. The table is the truth. */
import { createHash, randomUUID } from 'node:crypto';
import type { api } from 'hud/protocol';
import type { Context } from '../../context.ts';
import * as stored from '../../storage/ledger/budgets.ts';
import { jobOfTrace, writeCalls } from '../../storage/ledger/calls.ts';
import type { ModelCallsTable } from '../../storage/schema/gateway.ts';
import { Budgets, periodStart, type BudgetState, type Payer } from './budgets.ts';
import { LedgerWriter, type WriterOptions } from './ledger-writer.ts';
import { costUsd, estimateUsd } from './price.ts';
import { Refusal } from '../refusals.ts';
import { callWriterOf } from './call-writer.ts';
import type { CallOutcome, Ledger, ModelCall, Reservation } from '../seams.ts';
import { TraceJobs } from './ledger-jobs.ts';

type LedgerContext = Pick<Context, 'db' | 'log' | 'now' | 'metrics'>;

type CallStatus = api.usage.CallStatus;

const NOTHING_HELD = (): void => undefined;

export class CallLedger implements Ledger {
  readonly #context: LedgerContext;
  readonly #budgets = new Budgets();
  readonly #writer: LedgerWriter;
  readonly #jobs: TraceJobs;
  readonly #count: ReturnType<LedgerContext['metrics']['counter']>;
  readonly #countTokens: ReturnType<LedgerContext['metrics']['counter']>;
  readonly #countCost: ReturnType<LedgerContext['metrics']['counter']>;
  #loading: Promise<void> | undefined;
  #isLoaded = false;
  #closed: Promise<void> | undefined;

  /** @param write settles when the rows are on disk @default on the database's own connection */
  constructor(context: LedgerContext, write?: WriterOptions['write']) {
    const { db, log, metrics } = context;
    this.#context = context;
    this.#writer = new LedgerWriter({ write: write ?? (async (rows) => await writeCalls(db, rows)), log });
    this.#jobs = new TraceJobs({ now: context.now, find: async (teamId, traceId) => await jobOfTrace(db, teamId, traceId) });
    this.#count = metrics.counter('hud_ledger_calls_total', 'Model calls by upstream and how they ended');
    this.#countTokens = metrics.counter('hud_ledger_tokens_total', 'Tokens of model calls by upstream and kind');
    this.#countCost = metrics.counter('hud_ledger_cost_usd_total', 'Cost of model calls by upstream, as far as it is known');
  }

  /** Reads the budgets and what was spent of them. Calls that come earlier wait for it. @throws the database's error */
  async load(): Promise<void> {
    this.#loading ??= this.#load();
    try {
      await this.#loading;
    } catch (error) {
      this.#loading = undefined; // the next call tries again
      throw error;
    }
  }

  reserve(call: ModelCall): Reservation | Promise<Reservation> {
    if (this.#writer.isFull)
      throw new Refusal(503, "The platform's database does not answer: calls can't be accounted for now.", { retryAfter: 5 });
    if (isFree(call)) return this.#reservation(call, NOTHING_HELD);
    if (!this.#isLoaded) return this.load().then(async () => await this.reserve(call));
    const { teamId } = call.caller;
    if (call.traceId === undefined || !this.#budgets.hasJobBudgets(teamId) || this.#jobs.isFresh(teamId, call.traceId))
      return this.#hold(call);
    return this.#jobs.look(teamId, call.traceId).then(async ({ jobId, isNews }) => {
      if (isNews && jobId !== undefined) await this.#recount(teamId, (budget) => budget.scope === 'job' && budget.scopeId === jobId);
      return this.#hold(call);
    });
  }

  /** Of a team, with what the table says was spent. */
  async budgets(teamId: string): Promise<BudgetState[]> {
    await this.load();
    await this.#recount(teamId, () => true);
    return this.#budgets.list(teamId, this.#context.now());
  }

  async setBudget(name: stored.BudgetName, terms: stored.BudgetTerms): Promise<BudgetState> {
    await this.load();
    await stored.putBudget(this.#context.db, name, terms);
    this.#budgets.put(name, terms, this.#context.now());
    await this.#recount(name.teamId, (budget) => isSame(budget, name));
    return this.#budgets.get(name, this.#context.now()) ?? { ...name, ...terms, spentUsd: 0, reservedUsd: 0 };
  }

  /** @returns whether there was one */
  async removeBudget(name: stored.BudgetName): Promise<boolean> {
    await this.load();
    const isRemoved = await stored.deleteBudget(this.#context.db, name);
    this.#budgets.remove(name);
    return isRemoved;
  }

  /** All calls that were settled are on disk when it resolves. */
  async flush(): Promise<void> {
    await this.#writer.flush();
  }

  /** To be called when no call runs any more, before the database closes. May be called twice. */
  async close(): Promise<void> {
    await (this.#closed ??= this.#writer.close());
  }

  async #load(): Promise<void> {
    const { db, now } = this.#context;
    for (const budget of await stored.listBudgets(db)) {
      this.#budgets.put(budget, budget, now());
      await this.#sum(budget);
    }
    this.#isLoaded = true;
  }

  async #recount(teamId: string, isMeant: (budget: BudgetState) => boolean): Promise<void> {
    for (const budget of this.#budgets.list(teamId, this.#context.now()).filter(isMeant)) await this.#sum(budget);
  }

  /** What is written plus what is about to be; nothing slips in between. */
  async #sum(name: stored.BudgetName): Promise<void> {
    const { db, now } = this.#context;
    const since = periodStart(name.period, now());
    await this.#writer.between(
      async () => await stored.spentOf(db, name, since),
      (written, pending) => {
        let usd = written;
        for (const row of pending) if (row.started_at >= since && this.#pays(name, row)) usd += row.charged_usd;
        this.#budgets.spent(name, usd, since);
      },
    );
  }

  #pays({ teamId, scope, scopeId }: stored.BudgetName, row: ModelCallsTable): boolean {
    if (row.team_id !== teamId) return false;
    if (scope === 'team') return true;
    if (scope === 'key') return row.key_id === scopeId;
    if (row.trace_id === null) return false;
    return scope === 'run' ? row.trace_id === scopeId : this.#jobs.known(teamId, row.trace_id) === scopeId;
  }

  #hold(call: ModelCall): Reservation {
    const payer = this.#payer(call);
    if (!this.#budgets.limits(payer)) return this.#reservation(call, NOTHING_HELD);
    return this.#reservation(call, this.#budgets.hold(payer, estimateOf(call), this.#context.now()));
  }

  #payer({ caller, traceId, startedAt }: ModelCall): Payer {
    return {
      teamId: caller.teamId,
      keyId: caller.keyId,
      traceId,
      jobId: traceId === undefined ? undefined : this.#jobs.known(caller.teamId, traceId),
      startedAt,
    };
  }

  #reservation(call: ModelCall, giveBack: () => void): Reservation {
    let isSettled = false;
    return {
      settle: (outcome) => {
        if (isSettled) return;
        isSettled = true;
        giveBack();
        const row = rowOf(call, outcome, this.#context.now());
        this.#budgets.charge(this.#payer(call), row.charged_usd, this.#context.now());
        this.#writer.add(row);
        this.#measure(row);
      },
    };
  }

  #measure({ upstream, status, prompt_tokens: prompt, completion_tokens: completion, cost_usd: cost }: ModelCallsTable): void {
    this.#count({ upstream, status });
    if (prompt !== null) this.#countTokens({ upstream, kind: 'prompt' }, prompt);
    if (completion !== null) this.#countTokens({ upstream, kind: 'completion' }, completion);
    if (cost !== null) this.#countCost({ upstream }, cost);
  }
}

/** Nobody pays for it, or somebody else does. */
function isFree({ operation, replayOf, upstream }: ModelCall): boolean {
  return operation === 'count' || operation === 'manage' || replayOf !== undefined || upstream.isCallersOwn === true;
}

function estimateOf(call: ModelCall): number | undefined {
  return call.model.price === undefined ? undefined : estimateUsd(call, call.model.price);
}

function isSame(a: stored.BudgetName, b: stored.BudgetName): boolean {
  return a.teamId === b.teamId && a.scope === b.scope && a.scopeId === b.scopeId && a.period === b.period;
}

function rowOf(call: ModelCall, outcome: CallOutcome, now: number): ModelCallsTable {
  const isPaid = call.operation === 'generate' || call.operation === 'embed';
  const usage = isPaid ? outcome.usage : undefined;
  const cost = costOf(call, outcome, call.replayOf !== undefined || !isPaid);
  return {
    id: call.idempotencyKey === undefined ? call.id : idOfRetries(call, call.idempotencyKey),
    team_id: call.caller.teamId,
    key_id: call.caller.keyId ?? null,
    user_id: call.caller.userId ?? null,
    trace_id: call.traceId ?? null,
    model: call.model.modelName,
    upstream: call.upstream.name,
    dialect: call.dialect,
    tries: 1,
    last_try: randomUUID(),
    status: statusOf(outcome),
    http_status: outcome.status,
    prompt_tokens: usage?.promptTokens ?? null,
    completion_tokens: usage?.completionTokens ?? null,
    cached_tokens: usage?.cachedTokens ?? null,
    cache_write_tokens: usage?.cacheWriteTokens ?? null,
    reasoning_tokens: usage?.reasoningTokens ?? null,
    cost_usd: cost ?? null,
    charged_usd: isFree(call) ? 0 : (cost ?? estimateOf(call) ?? 0),
    started_at: call.startedAt,
    first_byte_ms: outcome.firstByteMs ?? null,
    latency_ms: Math.max(0, now - call.startedAt, outcome.firstByteMs ?? 0),
    day: new Date(call.startedAt).toISOString().slice(0, 10),
  };
}

function statusOf({ isReplayed, isAborted, status, error }: CallOutcome): CallStatus {
  if (isReplayed === true) return 'replayed';
  if (isAborted) return 'aborted';
  return status >= 400 || error !== undefined ? 'failed' : 'ok';
}

/** Vendors charge nothing for what they refuse; of a reply that broke off without its usage nobody knows. */
function costOf(call: ModelCall, outcome: CallOutcome, isFreeOfCost: boolean): number | undefined {
  if (isFreeOfCost) return 0;
  if (outcome.usage !== undefined) return costUsd(outcome.usage, call.model.price);
  return outcome.status >= 400 && !outcome.isAborted ? 0 : undefined;
}

/** Retries are one call: the same key of the same caller. */
function idOfRetries({ caller, traceId, dialect }: ModelCall, idempotencyKey: string): string {
  const name = JSON.stringify([caller.teamId, caller.keyId, traceId, dialect, idempotencyKey]);
  return createHash('sha256').update(name).digest('hex').slice(0, 32);
}

const opened = new WeakMap<LedgerContext['db'], CallLedger>();

/** The one of this platform. */
export function ledgerOf(context: LedgerContext & Pick<Context, 'config'>): CallLedger {
  let ledger = opened.get(context.db);
  if (ledger === undefined) {
    const writer = callWriterOf(context);
    const write: WriterOptions['write'] = async (rows) => await (writer.isReady ? writer.writeCalls(rows) : writeCalls(context.db, rows));
    ledger = new CallLedger(context, write);
    opened.set(context.db, ledger);
  }
  return ledger;
}
