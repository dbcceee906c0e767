/** What may be spent: every limit of a call is checked, and held back for it, before it goes upstream. */
import type { BudgetName, BudgetTerms } from '../../storage/ledger/budgets.ts';
import { Refusal } from '../refusals.ts';

/** Who and what a call is charged to. */
export interface Payer {
  teamId: string;
  keyId?: string | undefined;
  traceId?: string | undefined;
  /** As far as the record knows. */
  jobId?: string | undefined;
  startedAt: number;
}

export interface BudgetState extends BudgetName, BudgetTerms {
  spentUsd: number;
  reservedUsd: number;
}

interface Entry extends BudgetState {
  /** Of the period that is counted, in milliseconds since 1970. */
  since: number;
}

/** Rounding of sums. */
const EPSILON_USD = 1e-9;

export class Budgets {
  /** By team, scope and id; each may have one a period. */
  readonly #entries = new Map<string, Entry[]>();
  /** Budgets of jobs, by team. */
  readonly #jobBudgets = new Map<string, number>();

  /** The budget counts from nothing until {@link spent} says otherwise. */
  put(name: BudgetName, { limitUsd, allowUnknownPrice }: BudgetTerms, now: number): void {
    const known = this.#find(name);
    if (known !== undefined) return void Object.assign(known, { limitUsd, allowUnknownPrice });
    const { teamId, scope, scopeId, period } = name;
    const entry: Entry = {
      teamId,
      scope,
      scopeId,
      period,
      limitUsd,
      allowUnknownPrice,
      spentUsd: 0,
      reservedUsd: 0,
      since: periodStart(period, now),
    };
    const key = keyOf(name);
    this.#entries.set(key, [...(this.#entries.get(key) ?? []), entry]);
    if (scope === 'job') this.#jobBudgets.set(teamId, (this.#jobBudgets.get(teamId) ?? 0) + 1);
  }

  remove(name: BudgetName): void {
    const entry = this.#find(name);
    if (entry === undefined) return;
    const rest = (this.#entries.get(keyOf(name)) ?? []).filter((other) => other !== entry);
    if (rest.length === 0) this.#entries.delete(keyOf(name));
    else this.#entries.set(keyOf(name), rest);
    if (name.scope === 'job') this.#jobBudgets.set(name.teamId, (this.#jobBudgets.get(name.teamId) ?? 1) - 1);
  }

  /** What the table says, in place of what was counted. @param since when the period began for which it was summed */
  spent(name: BudgetName, usd: number, since: number): void {
    const entry = this.#find(name);
    if (entry !== undefined && entry.since <= since) Object.assign(entry, { spentUsd: usd, since });
  }

  /** The team's own first, whatever the order in which they were made or read. */
  list(teamId: string, now: number): BudgetState[] {
    const own = [...this.#entries.values()].flat().filter((entry) => entry.teamId === teamId);
    return own.toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1)).map((entry) => ({ ...current(entry, now) }));
  }

  get(name: BudgetName, now: number): BudgetState | undefined {
    const entry = this.#find(name);
    return entry === undefined ? undefined : { ...current(entry, now) };
  }

  /** Does it matter which job a call belongs to? */
  hasJobBudgets(teamId: string): boolean {
    return (this.#jobBudgets.get(teamId) ?? 0) > 0;
  }

  /** Does anything limit the call? */
  limits(payer: Payer): boolean {
    return this.#entries.size > 0 && this.#of(payer).length > 0;
  }

  /**
   * @param usd the most it is likely to cost; undefined when nobody knows its price
   * @returns gives back what was held
   * @throws Refusal 402 naming the budget; then nothing is held
   */
  hold(payer: Payer, usd: number | undefined, now: number): () => void {
    const entries = this.#of(payer).map((entry) => current(entry, now));
    for (const entry of entries) check(entry, usd);
    for (const entry of entries) entry.reservedUsd += usd ?? 0;
    return () => {
      for (const entry of entries) entry.reservedUsd = Math.max(0, entry.reservedUsd - (usd ?? 0));
    };
  }

  /** A call counts in the period in which it began. */
  charge(payer: Payer, usd: number, now: number): void {
    if (this.#entries.size === 0 || usd === 0) return;
    for (const entry of this.#of(payer)) if (payer.startedAt >= current(entry, now).since) entry.spentUsd += usd;
  }

  #of({ teamId, keyId, traceId, jobId }: Payer): Entry[] {
    if (this.#entries.size === 0) return [];
    const of = (scope: BudgetName['scope'], scopeId: string | undefined): Entry[] =>
      scopeId === undefined ? [] : (this.#entries.get(keyOf({ teamId, scope, scopeId })) ?? []);
    return [...of('run', traceId), ...of('job', jobId), ...of('key', keyId), ...of('team', '')];
  }

  #find(name: BudgetName): Entry | undefined {
    return this.#entries.get(keyOf(name))?.find(({ period }) => period === name.period);
  }
}

/** In milliseconds since 1970, UTC; 0 for `total`. */
export function periodStart(period: BudgetName['period'], now: number): number {
  const date = new Date(now);
  if (period === 'day') return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate());
  return period === 'month' ? Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1) : 0;
}

const SCOPES = ['team', 'job', 'run', 'key'];

function placeOf({ scope, scopeId, period }: BudgetName): string {
  return `${SCOPES.indexOf(scope)} ${scopeId} ${period}`;
}

function keyOf({ teamId, scope, scopeId }: Omit<BudgetName, 'period'>): string {
  return `${scope} ${scopeId} ${teamId}`;
}

/** A new day or month begins with nothing spent. */
function current(entry: Entry, now: number): Entry {
  const since = periodStart(entry.period, now);
  if (since > entry.since) Object.assign(entry, { since, spentUsd: 0 });
  return entry;
}

function check(entry: Entry, usd: number | undefined): void {
  const { limitUsd, spentUsd, reservedUsd, allowUnknownPrice } = entry;
  if (usd === undefined) {
    if (allowUnknownPrice && spentUsd <= limitUsd) return;
    if (!allowUnknownPrice) throw unknownPrice(entry);
  } else if (spentUsd + reservedUsd + usd <= limitUsd + EPSILON_USD) return;
  const held = reservedUsd > 0 ? `, ${money(reservedUsd)} held back for calls that run` : '';
  const asked =
    usd === undefined ? '' : ` A call like this may cost up to ${money(usd)}; a lower limit of the reply's tokens makes that less.`;
  throw new Refusal(
    402,
    `${nameOf(entry)} does not cover this call: ${money(spentUsd)} of ${money(limitUsd)} spent${held}.${asked} ${WHO}`,
    {
      isFinal: true,
    },
  );
}

function unknownPrice(entry: Entry): Refusal {
  return new Refusal(
    402,
    `${nameOf(entry)} can't be kept: the price of this model is unknown. Add its price to the platform's models, or allow unknown prices in the budget. ${WHO}`,
    { isFinal: true },
  );
}

const WHO = 'An admin of the team can raise it (PUT /v2/budgets).';
const PERIODS = { total: '', day: ' for today (UTC)', month: ' for this month (UTC)' };

function nameOf({ scope, scopeId, period }: BudgetName): string {
  return `The budget of ${scope === 'team' ? 'the team' : `the ${scope} ${scopeId}`}${PERIODS[period]}`;
}

/** Enough digits to see small ones. */
function money(usd: number): string {
  return `$${usd >= 1 ? usd.toFixed(2) : usd.toPrecision(3).replace(/\.?0+$/, '')}`;
}
