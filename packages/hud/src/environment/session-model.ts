/**
 * Control sessions as a sequential machine, and the question whether what concurrent peers saw could have come
 * from it: some order of their calls must explain every reply, and no call may come before one that had
 * returned when it was made.
 */
import type { JsonObject } from '../protocol/json.ts';
import { RPC } from '../protocol/messages.ts';

export type Outcome =
  | { kind: 'ok'; result: JsonObject }
  | { kind: 'error'; code: number | undefined; message: string }
  /** The connection went before a reply came: the call may or may not have happened. */
  | { kind: 'lost' };

export type Fate = 'fine' | 'fails-to-start' | 'fails-to-grade' | 'unknown-template';

/** What a peer did. Calls of one connection are in the order in which they were sent. */
export type Request =
  | { kind: 'hello'; isOurs: boolean; adoptable?: boolean; session?: string; secret?: string }
  | { kind: 'start'; fate: Fate }
  | { kind: 'grade' | 'cancel' | 'bye' | 'expire' }
  /** The connection ends; nothing answers. */
  | { kind: 'leave' };

export interface Call {
  /** Unique in the history. A task is named by the call that started it, an answer by the call that brought it. */
  id: number;
  /** -1: no connection's; parking time passes. */
  connection: number;
  request: Request;
  /** Moments of the history's own clock; Infinity while nothing came back. */
  invokedAt: number;
  returnedAt: number;
  outcome: Outcome;
  /** Nobody replies to it. */
  isNotification: boolean;
}

/** What the templates themselves saw of one task. */
export interface Evidence {
  sessionId: string;
  startedAt: number;
  /** Calls whose answers reached it. */
  answers: number[];
  fate: Fate;
  /** When its clean-up was through. */
  closedAt: number;
}

export interface History {
  calls: Call[];
  evidence: ReadonlyMap<number, Evidence>;
  maxParked: number;
  /** When the server began to stop. */
  stoppedAt: number;
}

interface SessionView {
  id?: string;
  secret?: string;
  isAdoptable?: boolean;
  task?: number;
  isLive: boolean;
}

interface State {
  /** By the connection that it was minted for. */
  sessions: SessionView[];
  /** By connection: which session it holds; -1 once it is gone. */
  seats: number[];
  /** Sessions whose tasks wait, oldest first. */
  parked: number[];
  /** Connections whose calls are ignored from here on: they were lost before the server read them. */
  deaf: number[];
}

/** A secret that the server gave in a reply which nobody received. */
const UNSEEN = 'unseen';

/** An order of the calls that explains everything, by id; undefined when there is none. */
export function explain(history: History): number[] | undefined {
  const { calls } = history;
  const connections = 1 + Math.max(-1, ...calls.map((call) => call.connection));
  const sessions = Array.from({ length: connections }, (): SessionView => ({ isLive: true }));
  const seen = new Set<string>();
  const order = calls.toSorted((a, b) => a.returnedAt - b.returnedAt || a.invokedAt - b.invokedAt);
  const search = (state: State, done: ReadonlySet<Call>): number[] | undefined => {
    if (done.size === calls.length) return endsWell(state, history) ? [] : undefined;
    const key = JSON.stringify([[...done].map((call) => call.id).toSorted((a, b) => a - b), state]);
    if (seen.has(key)) return undefined;
    seen.add(key);
    for (const call of order) {
      if (done.has(call) || !mayComeNext(call, calls, done)) continue;
      for (const next of outcomes(state, call, history)) {
        const rest = search(next, new Set(done).add(call));
        if (rest !== undefined) return [call.id, ...rest];
      }
    }
    return undefined;
  };
  const seats = sessions.map((_, connection) => connection);
  return search({ sessions, seats, parked: [], deaf: [] }, new Set());
}

function mayComeNext(call: Call, calls: readonly Call[], done: ReadonlySet<Call>): boolean {
  return calls.every(
    (other) =>
      done.has(other) ||
      other === call ||
      (other.returnedAt > call.invokedAt && (other.connection !== call.connection || call.connection < 0 || other.id > call.id)),
  );
}

/** A task that is still there when the server stops has lived until then. */
function endsWell({ sessions, parked, seats }: State, { evidence, stoppedAt }: History): boolean {
  const held = new Set([...parked, ...seats]);
  return [...held].every((at) => {
    const task = sessions[at]?.task;
    return task === undefined || (evidence.get(task)?.closedAt ?? 0) > stoppedAt;
  });
}

/** The states in which the call can leave the server, given what came back of it. */
function outcomes(before: State, call: Call, history: History): State[] {
  const isLost = call.outcome.kind === 'lost';
  if (before.deaf.includes(call.connection) && call.request.kind !== 'leave') return isLost && !hasTraces(call, history) ? [before] : [];
  const found: State[] = [];
  const attempt = (act: (move: Move) => boolean, isInterrupted = false): void => {
    const move = new Move(structuredClone(before), call, history, isInterrupted);
    if (act(move)) found.push(move.state);
  };
  attempt(happen);
  if (isInterruptible(call, history)) attempt(happen, true);
  if (isLost && !hasTraces(call, history)) found.push({ ...structuredClone(before), deaf: [...before.deaf, call.connection] });
  return found;
}

function hasTraces({ id, request }: Call, { evidence }: History): boolean {
  if (request.kind === 'start') return evidence.has(id);
  return request.kind === 'grade' && [...evidence.values()].some(({ answers }) => answers.includes(id));
}

/** The next call of the same connection may end a start or a grade; so may the end of the server. */
function isInterruptible(call: Call, { calls, stoppedAt }: History): boolean {
  if (call.request.kind !== 'start' && call.request.kind !== 'grade') return false;
  const next = calls.find((other) => other.connection === call.connection && other.id > call.id);
  const isCancelled = (next?.request.kind === 'cancel' || next?.request.kind === 'bye') && next.invokedAt < call.returnedAt;
  return isCancelled || stoppedAt < call.returnedAt;
}

function happen(move: Move): boolean {
  switch (move.call.request.kind) {
    case 'hello':
      return hello(move, move.call.request);
    case 'start':
      return start(move, move.call.request.fate);
    case 'grade':
      return grade(move);
    case 'cancel':
      return move.endOwnTask() && move.replies({ cancelled: true });
    case 'bye':
      return move.endOwnTask() && move.replies({ goodbye: true });
    case 'leave':
      return leave(move);
    default:
      return move.state.parked.splice(0).every((at) => move.ends(at));
  }
}

function hello(move: Move, { isOurs, adoptable, session, secret }: Request & { kind: 'hello' }): boolean {
  const { state, call } = move;
  if (session !== undefined && session !== move.own.id) {
    const at = state.sessions.findIndex(({ id }) => id === session);
    const target = state.sessions[at];
    if (target?.isLive) return move.fails(RPC.invalidRequest, `session '${session}' has a live connection`);
    if (target === undefined || !state.parked.includes(at)) return move.fails(RPC.invalidRequest, `unknown session: '${session}'`);
    if (target.secret !== undefined && target.secret !== secret) return move.fails(RPC.unauthorized, session);
    state.parked = state.parked.filter((parked) => parked !== at);
    if (!leave(move)) return false;
    state.seats[call.connection] = at;
    target.isLive = true;
  }
  if (isOurs) move.own.secret ??= UNSEEN;
  if (isOurs && adoptable !== undefined) move.own.isAdoptable = adoptable;
  if (call.outcome.kind !== 'ok') return call.outcome.kind === 'lost';
  const { session_id: id, session_secret: shown } = call.outcome.result;
  if (!move.isNamed(id)) return false;
  if (!isOurs) return shown === undefined;
  if (move.own.secret === UNSEEN && typeof shown === 'string') move.own.secret = shown;
  return shown === move.own.secret;
}

function start(move: Move, fate: Fate): boolean {
  const { call, history } = move;
  if (!move.endOwnTask()) return false;
  if (fate === 'unknown-template') return !move.isInterrupted && move.fails(RPC.invalidParams, `unknown task: 't${call.id}'`);
  const evidence = history.evidence.get(call.id);
  if (move.isInterrupted)
    return (evidence === undefined || move.isNamed(evidence.sessionId)) && move.fails(RPC.serverError, 'was cancelled');
  if (evidence === undefined || !move.isNamed(evidence.sessionId)) return false;
  if (fate === 'fails-to-start') return move.fails(RPC.serverError, `task 't${call.id}' failed: cannot start`);
  move.own.task = call.id;
  return move.replies({ prompt: `task ${call.id}` });
}

function grade(move: Move): boolean {
  const { state, call, history } = move;
  const free = state.parked.filter((at) => state.sessions[at]?.secret === undefined || state.sessions[at]?.isAdoptable === true);
  const isOwn = move.own.task !== undefined;
  if (!isOwn && free.length !== 1) {
    if (move.isInterrupted || hasTraces(call, history)) return false;
    if (free.length === 0) return move.fails(RPC.invalidRequest, 'no task in progress');
    return move.fails(RPC.invalidRequest, `${free.length} parked sessions (`) && move.names(free);
  }
  const from = isOwn ? move.own : state.sessions[free[0] as number];
  const task = from?.task as number;
  const evidence = history.evidence.get(task);
  delete from?.task;
  if (!isOwn) state.parked = state.parked.filter((at) => at !== free[0]);
  const hasAnswer = evidence?.answers.includes(call.id) === true;
  if (hasTraces(call, history) && !hasAnswer) return false; // it went to another task
  if (!move.isClosed(task)) return false;
  if (move.isInterrupted) return move.fails(RPC.serverError, 'was cancelled');
  if (!hasAnswer) return false;
  if (evidence.fate === 'fails-to-grade') return move.fails(RPC.serverError, `task 't${task}' failed: cannot grade`);
  return move.replies({ score: 1, of: task, from: call.id });
}

/** The connection's session is parked with its task, or forgotten without one. */
function leave(move: Move): boolean {
  const { state, call, history } = move;
  const at = state.seats[call.connection] as number;
  const session = state.sessions[at] as SessionView;
  session.isLive = false;
  if (call.request.kind === 'leave') state.seats[call.connection] = -1;
  if (session.task === undefined) return true;
  state.parked.push(at);
  if (state.parked.length <= history.maxParked) return true;
  return move.ends(state.parked.shift() as number);
}

/** One call taking effect at one moment. */
class Move {
  readonly state: State;
  readonly call: Call;
  readonly history: History;
  readonly isInterrupted: boolean;

  constructor(state: State, call: Call, history: History, isInterrupted: boolean) {
    this.state = state;
    this.call = call;
    this.history = history;
    this.isInterrupted = isInterrupted;
  }

  /** The session that the call's connection holds. */
  get own(): SessionView {
    return this.state.sessions[this.state.seats[this.call.connection] as number] as SessionView;
  }

  replies(expected: JsonObject): boolean {
    const { outcome } = this.call;
    if (outcome.kind !== 'ok') return outcome.kind === 'lost';
    return Object.entries(expected).every(([key, value]) => outcome.result[key] === value);
  }

  fails(code: number, words: string): boolean {
    const { outcome } = this.call;
    if (outcome.kind !== 'error') return outcome.kind === 'lost';
    return outcome.code === code && outcome.message.includes(words);
  }

  /** The error lists these sessions, in order, as far as their ids are known. */
  names(parked: readonly number[]): boolean {
    const { outcome } = this.call;
    if (outcome.kind !== 'error') return true;
    const listed = (/\((.*)\)/.exec(outcome.message)?.[1] ?? '').split(', ');
    const known = parked.map((at) => this.state.sessions[at]?.id).filter((id) => id !== undefined);
    return listed.length === parked.length && known.every((id) => listed.includes(id)) && listed.join() === listed.toSorted().join();
  }

  /** The session has this id, or takes it if none was seen yet and no other session has it. */
  isNamed(id: unknown): boolean {
    if (typeof id !== 'string') return false;
    if (this.own.id === undefined && !this.state.sessions.some((other) => other.id === id)) this.own.id = id;
    return this.own.id === id;
  }

  endOwnTask(): boolean {
    return this.ends(this.state.seats[this.call.connection] as number);
  }

  /** The session's task ends here, ungraded, and not before. */
  ends(at: number): boolean {
    const session = this.state.sessions[at];
    const task = session?.task;
    delete session?.task;
    return task === undefined || (this.isClosed(task) && (this.history.evidence.get(task)?.closedAt ?? 0) > this.call.invokedAt);
  }

  /** Its clean-up was through when the reply came. Nobody waits for one that its parking time ended. */
  isClosed(task: number): boolean {
    if (this.call.request.kind === 'expire') return true;
    return (this.history.evidence.get(task)?.closedAt ?? Infinity) < this.call.returnedAt;
  }
}
