/** Requests of the Tinker API: sent again while the engine can't be reached, long ones as futures that are asked for until they are there. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { HudError, messageOf } from 'hud/protocol';
import { z } from 'zod';
import { Fault } from '../../fault.ts';
import { EngineLost } from '../engine.ts';

export interface TinkerAddress {
  /** Without `/api/v1`. */
  url: string;
  apiKey?: string | undefined;
  /** How long an engine may be out of reach before a call fails, in milliseconds. @default 60_000 */
  patienceMs?: number;
}

/** The engine took a request up and will have a result. */
export interface Ticket {
  path: string;
  body: string;
  requestId: string;
  isOnce?: boolean | undefined;
}

interface Sent {
  method?: 'GET' | 'POST' | 'DELETE';
  body?: string;
  signal?: AbortSignal | undefined;
  /** Of one attempt. */
  timeoutMs?: number;
  /** Less than the engine's own. */
  patienceMs?: number;
  /** 408 and 500 are answers to it, not reasons to ask again. */
  isPoll?: boolean;
  /** The engine would do it twice: it is sent again only when it was not taken up. */
  isOnce?: boolean | undefined;
}

interface Answer {
  status: number;
  body: unknown;
}

const REQUEST_MS = 60_000;
/** The engine answers 408 after 300 s at the latest; Node's fetch gives up at that time too. */
const POLL_MS = 240_000;
/** Between two questions for one result. */
const PAUSE_MS = 50;
/** Longest wait for one result. */
const LONGEST_MS = 2 * 60 * 60_000;
const [FIRST_WAIT_MS, LONGEST_WAIT_MS] = [500, 10_000];
const MOST_RESUBMITTED = 3;
const PASSING = [425, 429, 502, 503, 504];

const Submitted = z.object({ request_id: z.coerce.string() });
const Later = z.object({ type: z.literal('try_again') });
const Failed = z.object({ error: z.string(), category: z.string().optional() });

/** The engine's answer is a refusal, or a failure of its own. */
export class Refused extends Error {
  readonly status: number;
  readonly detail: string;

  constructor(status: number, detail: string) {
    super(`${status}: ${detail}`);
    this.status = status;
    this.detail = detail;
  }

  /** It understood, and changed nothing. */
  get isHandled(): boolean {
    return [400, 413, 422].includes(this.status) && !this.isModelGone;
  }

  /** After it was started anew, an engine knows models by their names alone. */
  get isModelGone(): boolean {
    return this.status === 404 || (this.status === 400 && /\bmodel\b.*\b(not (found|loaded)|unloaded|does not exist)\b/i.test(this.detail));
  }
}

export class TinkerHttp {
  readonly #base: string;
  readonly #apiKey: string | undefined;
  readonly #patienceMs: number;
  readonly #closing = new AbortController();

  constructor({ url, apiKey, patienceMs = 60_000 }: TinkerAddress) {
    this.#base = `${url.replace(/\/+$/, '')}/api/v1`;
    this.#apiKey = apiKey;
    this.#patienceMs = patienceMs;
  }

  /** Ends what is under way. */
  close(): void {
    this.#closing.abort(new EngineLost('The training engine was closed.'));
  }

  /** @throws Refused; Fault 503 while it can't be reached, or refuses the key */
  async call<T>(path: string, schema: z.ZodType<T>, sent: Sent = {}): Promise<T> {
    const { status, body } = await this.#send(path, sent);
    if (status >= 200 && status < 300) return parsed(path, schema, body);
    throw new Refused(status, detailOf(body));
  }

  /** One attempt, without patience. */
  async tell(path: string, body: object, timeoutMs: number): Promise<void> {
    const answer = await this.#once(path, randomUUID(), { body: JSON.stringify(body), timeoutMs });
    if (typeof answer === 'string') throw new Fault(503, `The training engine can't be reached: ${answer}.`);
    if (answer.status >= 300) throw new Refused(answer.status, detailOf(answer.body));
  }

  /** One attempt: there is time to ask again. @returns the status. @throws Fault 503 while it can't be reached, or refuses the key */
  async discard(path: string): Promise<number> {
    const answer = await this.#once(path, randomUUID(), { method: 'DELETE' });
    if (typeof answer === 'string') throw new Fault(503, `The training engine can't be reached: ${answer}.`);
    return answer.status;
  }

  async future<T>(path: string, schema: z.ZodType<T>, body: object, signal?: AbortSignal): Promise<T> {
    return await this.result(await this.submit(path, JSON.stringify(body), { signal }), schema, signal);
  }

  /** @throws EngineLost when it is to be sent once and there was no answer */
  async submit(path: string, body: string, { signal, isOnce }: Pick<Sent, 'signal' | 'isOnce'> = {}): Promise<Ticket> {
    const { request_id: requestId } = await this.call(path, Submitted, { body, signal, isOnce });
    return { path, body, requestId, isOnce };
  }

  /** @throws Refused; Fault 503 */
  async result<T>(ticket: Ticket, schema: z.ZodType<T>, signal?: AbortSignal): Promise<T> {
    let { requestId } = ticket;
    for (let resubmitted = 0; ; resubmitted += 1) {
      try {
        return parsed(ticket.path, schema, await this.#poll(requestId, signal));
      } catch (error) {
        const isForgotten = error instanceof Refused && error.status === 410; // the result, not the request
        if (!isForgotten || ticket.isOnce === true || resubmitted === MOST_RESUBMITTED) throw error;
        ({ requestId } = await this.submit(ticket.path, ticket.body, { signal }));
      }
    }
  }

  async #poll(requestId: string, signal: AbortSignal | undefined): Promise<unknown> {
    const until = performance.now() + LONGEST_MS;
    const sent: Sent = { body: JSON.stringify({ request_id: requestId }), signal, timeoutMs: POLL_MS, isPoll: true };
    while (performance.now() < until) {
      const { status, body } = await this.#send('retrieve_future', sent);
      const isPending = status === 408 || (status === 200 && Later.safeParse(body).success);
      if (!isPending) return resultOf(status, body);
      await pause(PAUSE_MS, this.#signalOf(signal));
    }
    throw new Fault(503, `The training engine has had no result for ${LONGEST_MS / 60_000} minutes.`);
  }

  async #send(path: string, sent: Sent): Promise<Answer> {
    const key = randomUUID();
    const until = performance.now() + Math.min(this.#patienceMs, sent.patienceMs ?? Infinity);
    for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
      const answer = await this.#once(path, key, sent);
      const reason = typeof answer === 'string' ? answer : passingReason(answer, sent);
      if (reason === undefined && typeof answer !== 'string') return answer;
      if (sent.isOnce === true && !wasNotTaken(answer))
        throw new EngineLost(`Whether the training engine took ${path} up is not known (${reason}), and it would do it twice.`);
      if (performance.now() + wait > until)
        throw new Fault(503, `The training engine at ${this.#base} can't be used: ${reason}. Try again later.`, { retryAfter: 10 });
      await pause(wait, this.#signalOf(sent.signal));
    }
  }

  /** @returns why there was no answer, as text */
  async #once(
    path: string,
    key: string,
    { method = 'POST', body, signal: caller, timeoutMs = REQUEST_MS, isPoll }: Sent,
  ): Promise<Answer | string> {
    const signal = this.#signalOf(caller);
    signal.throwIfAborted();
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const response = await fetch(`${this.#base}/${path}`, {
        method,
        headers: {
          ...(body !== undefined && { 'content-type': 'application/json', 'x-idempotency-key': key }),
          ...(this.#apiKey !== undefined && { 'x-api-key': this.#apiKey }),
        },
        ...(body !== undefined && { body }),
        redirect: 'error', // the key goes nowhere else
        signal: AbortSignal.any([signal, timeout]),
      });
      const text = await response.text();
      if (response.status === 401 || response.status === 403)
        throw new Fault(503, 'The training engine refuses this platform: HUD_TINKER_API_KEY is missing, wrong, or may not do this.');
      return { status: response.status, body: jsonOf(text) };
    } catch (error) {
      if (error instanceof Fault) throw error;
      signal.throwIfAborted();
      if (timeout.aborted && isPoll === true) return { status: 408, body: undefined };
      return reasonOf(error);
    }
  }

  #signalOf(caller: AbortSignal | undefined): AbortSignal {
    const { signal } = this.#closing;
    return caller === undefined ? signal : AbortSignal.any([caller, signal]);
  }
}

/** In the words of the service: what is lost, what was wrong, and what is the engine's own trouble. */
export function asEngineError(error: unknown): unknown {
  if (!(error instanceof Refused)) return error;
  const { status, detail } = error;
  if (error.isHandled) return new HudError('BAD_ARGUMENT', `The training engine refuses this: ${detail}.`, { cause: error });
  if (error.isModelGone || [409, 410, 500].includes(status)) return new EngineLost(`The training engine has lost the model: ${detail}.`);
  return new Fault(503, `The training engine failed with ${status}: ${detail}.`, { cause: error });
}

function resultOf(status: number, body: unknown): unknown {
  if (status !== 200) throw new Refused(status, detailOf(body));
  const failed = Failed.safeParse(body);
  if (failed.success) throw new Refused(/^user$/i.test(failed.data.category ?? '') ? 400 : 500, failed.data.error.slice(0, 500));
  return body;
}

function passingReason({ status, body }: Answer, { isPoll }: Sent): string | undefined {
  const isPassing = PASSING.includes(status) || (isPoll !== true && (status === 408 || status === 500));
  return isPassing ? `it answers ${status} (${detailOf(body)})` : undefined;
}

/** It did not come to the engine, or was sent away at its door. */
function wasNotTaken(answer: Answer | string): boolean {
  return typeof answer === 'string' ? /\bECONNREFUSED\b/.test(answer) : [425, 429].includes(answer.status);
}

function parsed<T>(path: string, schema: z.ZodType<T>, body: unknown): T {
  const { success, data, error } = schema.safeParse(body);
  if (success) return data;
  const [issue] = error.issues;
  throw new Fault(503, `The training engine answers ${path} with what is no result: ${issue?.path.join('.')} ${issue?.message}.`);
}

/** Of an error's body: text, or the list that FastAPI makes of what did not fit. */
function detailOf(body: unknown): string {
  const { detail, error } = (typeof body === 'object' && body !== null ? body : {}) as { detail?: unknown; error?: unknown };
  const told = detail ?? error ?? (typeof body === 'string' ? body : undefined);
  const text = Array.isArray(told)
    ? told.map((one: { loc?: unknown[]; msg?: string }) => `${(one.loc ?? []).join('.')}: ${one.msg ?? ''}`).join('; ')
    : told;
  return typeof text === 'string' && text !== '' ? text.slice(0, 500).replace(/\.$/, '') : 'no reason given';
}

function jsonOf(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return text; // which no schema takes, and errors are told with
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return messageOf(cause).replace(/\.$/, '');
}

/** @throws the signal's own reason */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}
