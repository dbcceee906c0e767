/** The governor before an upstream that allows so much at once, or so much a second, on a clock of its own. */
import { expect, test } from 'vitest';
import type { GateClock } from '../src/gateway/governor/governor-gate.ts';
import { UpstreamGovernor } from '../src/gateway/governor/governor.ts';
import type { Permit, ReplyHeaders, Upstream } from '../src/gateway/seams.ts';

const upstream: Upstream = { name: 'vendor', dialects: [], baseUrls: {}, headers: {} };

/** Time goes on when somebody turns it, from event to event. */
class ScriptedClock implements GateClock {
  time = 0;
  readonly #events = new Set<{ at: number; call: () => void }>();

  now(): number {
    return this.time;
  }

  after(ms: number, call: () => void): () => void {
    const event = { at: this.time + ms, call };
    this.#events.add(event);
    return () => this.#events.delete(event);
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.after(ms, resolve));
  }

  get pending(): number {
    return this.#events.size;
  }

  async run(isOver: () => boolean, untilMs = Infinity): Promise<void> {
    for (;;) {
      await settled();
      if (isOver()) return;
      const next = [...this.#events].toSorted((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > untilMs) return;
      this.#events.delete(next);
      this.time = Math.max(this.time, next.at);
      next.call();
    }
  }
}

/** Every promise that can go on has gone on. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

interface Limits {
  /** Calls at once. */
  concurrent?: number;
  perSecond?: number;
  status?: number;
}

/** Refuses what is more than it allows, at once. */
class Vendor {
  served = 0;
  refused = 0;
  most = 0;
  #running = 0;
  #second = -1;
  #inSecond = 0;

  readonly #clock: ScriptedClock;
  readonly #limits: Limits;

  constructor(clock: ScriptedClock, limits: Limits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  async answer(): Promise<{ status: number; headers: ReplyHeaders }> {
    const { concurrent = Infinity, perSecond = Infinity, status = 429 } = this.#limits;
    const second = Math.floor(this.#clock.time / 1000);
    if (second !== this.#second) [this.#second, this.#inSecond] = [second, 0];
    if (this.#running >= concurrent || this.#inSecond >= perSecond) {
      this.refused += 1;
      await this.#clock.sleep(5);
      return { status, headers: perSecond < Infinity ? { 'retry-after': '1' } : {} };
    }
    this.#running += 1;
    this.#inSecond += 1;
    this.most = Math.max(this.most, this.#running);
    await this.#clock.sleep(100);
    this.#running -= 1;
    this.served += 1;
    return { status: 200, headers: {} };
  }
}

type Enter = (lane: string) => Permit | Promise<Permit>;

const FREE: Permit = { report: () => {}, release: () => {} };

/** As an SDK does: tries again after the pause that it was told, or one of its own. */
async function client(clock: ScriptedClock, vendor: Vendor, enter: Enter, lane: string, calls: number): Promise<void> {
  for (let call = 0; call < calls;) {
    const permit = await enter(lane);
    const { status, headers } = await vendor.answer();
    permit.report(status, headers);
    permit.release();
    if (status === 200) call += 1;
    else await clock.sleep(headers['retry-after'] === undefined ? 250 : 1000);
  }
}

async function load(limits: Limits, { clients, calls, isGoverned }: { clients: number; calls: number; isGoverned: boolean }) {
  const clock = new ScriptedClock();
  const vendor = new Vendor(clock, limits);
  const governor = new UpstreamGovernor({ clock, maxWaitMs: 3_600_000 });
  const signal = new AbortController().signal;
  const enter: Enter = isGoverned ? (lane) => governor.enter(upstream, signal, lane) : () => FREE;
  let left = clients;
  const ends: number[] = [];
  const all = Array.from({ length: clients }, async (_, i) => {
    await client(clock, vendor, enter, `lane ${i}`, calls);
    ends.push(clock.time);
    left -= 1;
  });
  await clock.run(() => left === 0);
  await Promise.all(all);
  return { vendor, ends, time: clock.time, limit: governor.gate(upstream).limit, pending: clock.pending };
}

test.each([
  { limits: { concurrent: 5 }, least: 50 },
  { limits: { concurrent: 20, status: 529 }, least: 200 },
  { limits: { perSecond: 30 }, least: 30 },
])('finds what the upstream bears ($limits), with fewer refusals than without', async ({ limits, least }) => {
  const load1 = { clients: 80, calls: 15 };
  const without = await load(limits, { ...load1, isGoverned: false });
  const governed = await load(limits, { ...load1, isGoverned: true });
  expect(governed.vendor.served).toBe(80 * 15);
  expect(governed.vendor.refused).toBeLessThan(without.vendor.refused / 2);
  const perSecond = governed.vendor.served / (governed.time / 1000);
  expect(perSecond).toBeGreaterThan(least * 0.6);
  expect(governed.pending).toBe(0);
});

test('an upstream that has refused nobody holds back nobody; the first refusal halves what ran', () => {
  const governor = new UpstreamGovernor();
  const { signal } = new AbortController();
  const permits = Array.from({ length: 10_000 }, () => governor.enter(upstream, signal));
  expect(permits.some((permit) => permit instanceof Promise)).toBe(false);
  (permits[0] as Permit).report(429, {});
  expect(governor.gate(upstream)).toMatchObject({ running: 10_000, limit: 5_000 });
  (permits[1] as Permit).report(429, {}); // of the same burst: it tells nothing new
  expect(governor.gate(upstream).limit).toBe(5_000);
  for (const permit of permits) (permit as Permit).release();
});

test('nobody starves: equal callers end at about the same time', async () => {
  const { ends, time } = await load({ concurrent: 4 }, { clients: 40, calls: 10, isGoverned: true });
  expect(Math.min(...ends)).toBeGreaterThan(time * 0.6);
});

test('a caller with a few calls does not wait behind one with many', async () => {
  const clock = new ScriptedClock();
  const governor = new UpstreamGovernor({ clock });
  const narrow = { ...upstream, maxConcurrent: 1 };
  const signal = new AbortController().signal;
  const order: string[] = [];
  const use = async (lane: string): Promise<void> => {
    const permit = await governor.enter(narrow, signal, lane);
    order.push(lane);
    await clock.sleep(10);
    permit.release();
  };
  const all = [...Array.from({ length: 10 }, () => use('many')), use('few'), use('few')];
  await clock.run(() => order.length === 12);
  await clock.run(() => false);
  await Promise.all(all);
  expect(order.indexOf('few')).toBeLessThanOrEqual(3);
  expect(order.lastIndexOf('few')).toBeLessThanOrEqual(5);
});

test('with room at hand a permit is given at once, without a promise', () => {
  const governor = new UpstreamGovernor();
  const permit = governor.enter(upstream, new AbortController().signal);
  expect(permit).not.toBeInstanceOf(Promise);
  (permit as Permit).release();
  expect(governor.gate(upstream).running).toBe(0);
});

test('who leaves while waiting leaves nothing behind', async () => {
  const clock = new ScriptedClock();
  const governor = new UpstreamGovernor({ clock });
  const narrow = { ...upstream, maxConcurrent: 1 };
  const held = governor.enter(narrow, new AbortController().signal) as Permit;
  const left = new AbortController();
  const waiting = governor.enter(narrow, left.signal, 'a');
  const other = governor.enter(narrow, new AbortController().signal, 'a');
  left.abort(new Error('gone'));
  await expect(waiting).rejects.toThrow('gone');
  expect(governor.gate(narrow).waiting).toBe(1);
  held.release();
  (await other).release();
  expect(governor.gate(narrow)).toMatchObject({ running: 0, waiting: 0 });
  expect(clock.pending).toBe(0);
});

test('waits and the queue are bounded, and the refusal says when to come again', async () => {
  const clock = new ScriptedClock();
  const governor = new UpstreamGovernor({ clock, maxWaiting: 2, maxWaitMs: 5_000 });
  const narrow = { ...upstream, maxConcurrent: 1 };
  const { signal } = new AbortController();
  const held = governor.enter(narrow, signal) as Permit;
  const outcomes = [governor.enter(narrow, signal), governor.enter(narrow, signal)].map(async (permit) => await permit);
  expect(() => governor.enter(narrow, signal)).toThrow(expect.objectContaining({ status: 429, options: { retryAfter: 1 } }));
  const late = Promise.allSettled(outcomes);
  await clock.run(() => false);
  expect(clock.time).toBe(5_000);
  for (const outcome of await late) expect(outcome).toMatchObject({ status: 'rejected', reason: { status: 429 } });
  held.release();
  expect(governor.gate(narrow)).toMatchObject({ running: 0, waiting: 0 });
});

test.each<{ says: string; status: number; headers: ReplyHeaders; waitMs: number }>([
  { says: 'retry-after in seconds', status: 429, headers: { 'retry-after': '7' }, waitMs: 7_000 },
  { says: 'retry-after-ms', status: 529, headers: { 'retry-after-ms': '120', 'retry-after': '1' }, waitMs: 120 },
  { says: 'a date', status: 429, headers: { 'retry-after': new Date(9_000).toUTCString() }, waitMs: 9_000 },
  {
    says: 'a vendor who has no requests left',
    status: 200,
    headers: { 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '1m2.5s' },
    waitMs: 60_000,
  },
  {
    says: 'one who has no tokens left',
    status: 200,
    headers: { 'x-ratelimit-remaining-tokens': '0', 'x-ratelimit-reset-tokens': '340ms' },
    waitMs: 340,
  },
  {
    says: 'one who tells a time',
    status: 200,
    headers: { 'anthropic-ratelimit-input-tokens-remaining': '0', 'anthropic-ratelimit-input-tokens-reset': new Date(4_000).toISOString() },
    waitMs: 4_000,
  },
  {
    says: 'one who has some left',
    status: 200,
    headers: { 'x-ratelimit-remaining-requests': '3', 'x-ratelimit-reset-requests': '5s' },
    waitMs: 0,
  },
  { says: 'a service that is away', status: 503, headers: { 'retry-after': '2' }, waitMs: 2_000 },
])('$says: the next call waits for it', async ({ status, headers, waitMs }) => {
  const clock = new ScriptedClock();
  const governor = new UpstreamGovernor({ clock });
  const { signal } = new AbortController();
  const first = governor.enter(upstream, signal) as Permit;
  first.report(status, headers);
  first.release();
  const next = governor.enter(upstream, signal);
  let at: number | undefined = next instanceof Promise ? undefined : clock.time;
  if (next instanceof Promise) void next.then(() => (at = clock.time));
  await clock.run(() => at !== undefined);
  expect(at).toBe(waitMs);
  (await next).release();
});
