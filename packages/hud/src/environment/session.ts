/** One control session: hello, tasks.*, bye. Requests are handled strictly one after the other. */
import type { Host, Peer } from '../host/host.ts';
import { decode, encode } from '../protocol/codec.ts';
import { HudError, isHudError, messageOf, toHudError } from '../protocol/errors.ts';
import { encodeFrame } from '../protocol/frames.ts';
import { isPlainObject, type JsonObject } from '../protocol/json.ts';
import { HelloParams, HelloResult, RPC, TaskEntry, errorReply, resultReply } from '../protocol/messages.ts';
import type { Access } from './access.ts';
import type { Environment } from './environment.ts';
import type { FrameStream } from './frame-stream.ts';
import type { SessionState, Sessions } from './sessions.ts';
import { TaskRunner } from './task-runner.ts';
import { templateEntry, type Template } from './template.ts';

export interface SessionContext {
  environment: Environment;
  sessions: Sessions;
  access: Access;
  host: Host;
  peer: Peer;
  /** What this server reads at most a frame, announced to peers that announce theirs. */
  maxFrameBytes: number;
  strictArgs: boolean;
  /** What a peer is assumed to read that announced nothing, in bytes. */
  unannouncedFrameBytes: number;
  /** Fires when the server stops: the running task is closed. */
  stopping: AbortSignal;
}

/**
 * Serves a connection until it ends; `first` is the frame that made it a control session.
 * One frame is read ahead, so that a cancel reaches a task that is still starting or grading.
 */
export async function serveSession(frames: FrameStream, first: JsonObject, context: SessionContext): Promise<void> {
  const session = new Session(frames, context);
  const stop = (): void => void session.interrupt();
  context.stopping.addEventListener('abort', stop, { once: true });
  try {
    let frame: JsonObject | undefined = first;
    while (frame !== undefined) {
      const handling = session.handle(frame);
      const next = session.next();
      next.then((ahead) => (isInterrupt(ahead) ? session.interrupt() : undefined)).catch(() => {}); // awaited below
      if ((await handling) === 'ended') return;
      frame = await next;
    }
  } catch (error) {
    await sayWhyClosing(frames, error);
  } finally {
    context.stopping.removeEventListener('abort', stop);
    await session.leave();
    frames.close(context.host);
  }
}

/** A peer that breaks the framing is told so, once, before the connection closes. */
export async function sayWhyClosing(frames: FrameStream, error: unknown): Promise<void> {
  if (!isHudError(error) || error.code === 'CONNECTION_LOST') return;
  try {
    await frames.write(errorReply(null, error));
  } catch {
    frames.stream.destroy(); // it is gone already
  }
}

function isInterrupt(frame: JsonObject | undefined): boolean {
  return frame?.method === 'tasks.cancel' || frame?.method === 'bye';
}

class Session {
  readonly #frames: FrameStream;
  readonly #context: SessionContext;
  #state: SessionState;
  #peerFrameBytes: number;
  /** The task of the request that is being handled. */
  #active: TaskRunner | undefined;
  #isInterrupted = false;
  #isAdmitted = false;
  #isOwner = false;

  constructor(frames: FrameStream, context: SessionContext) {
    this.#frames = frames;
    this.#context = context;
    this.#peerFrameBytes = context.unannouncedFrameBytes;
    this.#state = context.sessions.open();
  }

  /** The next frame that is no ping: those are answered as they come, also while a request is being handled. */
  async next(): Promise<JsonObject | undefined> {
    for (;;) {
      const frame = await this.#frames.next();
      if (frame?.method !== 'ping' || frame.id === undefined || !this.#isAdmitted) return frame;
      await this.#frames.write(resultReply(frame.id, {}));
    }
  }

  async handle(request: JsonObject): Promise<'ended' | 'open'> {
    const isNotification = request.id === undefined || request.id === null;
    this.#isInterrupted = this.#context.stopping.aborted;
    try {
      const result = await this.#dispatch(request);
      if (!isNotification) await this.#frames.writeBytes(await this.#reply(request, result));
    } catch (error) {
      if (isHudError(error) && error.code === 'CONNECTION_LOST') throw error;
      if (!isNotification) await this.#frames.write(errorReply(request.id, toHudError(error, 'TEMPLATE_FAILED')));
    }
    return request.method === 'bye' ? 'ended' : 'open';
  }

  /** Closes the task that is starting or grading right now; its request is answered with an error. */
  async interrupt(): Promise<void> {
    this.#isInterrupted = true; // the request may not have come to its task yet
    await this.#active?.close();
  }

  async leave(): Promise<void> {
    await this.#context.sessions.leave(this.#state);
  }

  async #dispatch({ method, params: given }: JsonObject): Promise<JsonObject> {
    if (method !== 'hello' && !this.#isAdmitted) this.#admit(undefined);
    const params = paramsObject(given);
    switch (method) {
      case 'hello':
        return await this.#hello(params);
      case 'tasks.list':
        return { tasks: this.#context.environment.listTemplates().map(wireEntry) };
      case 'tasks.start':
        return await this.#start(params);
      case 'tasks.grade':
        return await this.#grade(params);
      case 'tasks.solve':
        return await this.#solve();
      case 'tasks.cancel':
        return await this.#cancel({ cancelled: true });
      case 'ping':
        return {};
      case 'bye':
        return await this.#cancel({ goodbye: true });
      default: {
        const name = method === undefined ? '' : String(method);
        throw new HudError('PROTOCOL_ERROR', `method not found: ${name}`, { rpcCode: RPC.methodNotFound });
      }
    }
  }

  #admit(secret: string | undefined): void {
    const { isOwner } = this.#context.access.control(this.#context.peer, secret);
    this.#isAdmitted = true;
    this.#isOwner ||= isOwner;
  }

  async #hello(raw: JsonObject): Promise<JsonObject> {
    if (raw.session_id !== undefined && raw.session_id !== null && typeof raw.session_id !== 'string') {
      throw new HudError('BAD_ARGUMENT', "hello: 'session_id' must be a string", { rpcCode: RPC.invalidParams });
    }
    const params = decode(HelloParams, raw, { what: 'hello' });
    if (!this.#isAdmitted || params.secret !== undefined) this.#admit(params.secret);
    if (params.sessionId !== undefined && params.sessionId !== this.#state.id) {
      this.#state = await this.#context.sessions.resume(this.#state, params.sessionId, params.sessionSecret);
    }
    const { environment, access, host, maxFrameBytes } = this.#context;
    const bindings = environment.capabilities;
    const result: HelloResult = { sessionId: this.#state.id, env: { name: environment.name, version: environment.version }, bindings };
    if (params.maxFrame === undefined) return encode(HelloResult, result) as JsonObject;
    this.#peerFrameBytes = params.maxFrame;
    this.#state.secret ??= host.randomHex(32);
    if (params.adoptable !== undefined) this.#state.adoptable = params.adoptable;
    const tickets = Object.fromEntries(bindings.map(({ name }) => [name, access.ticket(this.#state.id, name)]));
    return encode(HelloResult, {
      ...result,
      maxFrame: maxFrameBytes,
      ping: true,
      sessionSecret: this.#state.secret,
      tickets,
    }) as JsonObject;
  }

  async #start({ id, args }: JsonObject): Promise<JsonObject> {
    if (typeof id !== 'string') throw new HudError('BAD_ARGUMENT', "tasks.start: 'id' must be a string", { rpcCode: RPC.invalidParams });
    const given = isFalsy(args) ? {} : args;
    if (!isPlainObject(given)) throw new HudError('BAD_ARGUMENT', "tasks.start: 'args' must be an object", { rpcCode: RPC.invalidParams });
    await this.#cancel({});
    const { environment, host, strictArgs } = this.#context;
    const template = environment.findTemplate(id);
    if (template === undefined) throw new HudError('TEMPLATE_NOT_FOUND', `unknown task: '${id}'`, { rpcCode: RPC.invalidParams });
    const runner = new TaskRunner({ environment, template, sessionId: this.#state.id, host, strictArgs });
    const frame = await this.#during(runner, runner.start(given));
    this.#state.runner = runner;
    return frame;
  }

  async #grade(params: JsonObject): Promise<JsonObject> {
    const runner = this.#state.runner ?? this.#context.sessions.adopt();
    delete this.#state.runner;
    return await this.#during(runner, runner.grade(params));
  }

  async #during<T>(runner: TaskRunner, work: Promise<T>): Promise<T> {
    this.#active = runner;
    if (this.#isInterrupted) void runner.close();
    try {
      return await work;
    } finally {
      this.#active = undefined;
    }
  }

  async #solve(): Promise<JsonObject> {
    this.#context.access.solutions(this.#isOwner);
    if (this.#state.runner === undefined) throw new HudError('PROTOCOL_ERROR', 'no task in progress', { rpcCode: RPC.invalidRequest });
    const { runner } = this.#state;
    return { answer: (await this.#during(runner, runner.solve())) ?? null };
  }

  async #cancel<T extends JsonObject>(result: T): Promise<T> {
    const { runner } = this.#state;
    delete this.#state.runner;
    await runner?.close();
    return result;
  }

  /** The reply's bytes, or a readable error in place of one that the peer could not read. */
  async #reply(request: JsonObject, result: JsonObject): Promise<Uint8Array> {
    let bytes = encodeFrame(resultReply(request.id, result));
    if (bytes.length - 1 <= this.#peerFrameBytes) return bytes;
    if (request.method === 'tasks.start') await this.#cancel({});
    if (request.method === 'tasks.grade') {
      bytes = encodeFrame(resultReply(request.id, withoutDetails(result, bytes.length - 1)));
      if (bytes.length - 1 <= this.#peerFrameBytes) return bytes;
    }
    const reason = `the reply to ${String(request.method)} has ${bytes.length - 1} bytes, but this client reads at most ${this.#peerFrameBytes} a message`;
    this.#context.environment.warn(reason);
    return encodeFrame(
      errorReply(
        request.id,
        new HudError('FRAME_TOO_LARGE', reason, {
          rpcCode: RPC.serverError,
          hint: 'Clients of this package read 64 MiB. For a Python client from 0.6.16 on, which reads 16 MiB, serve with --peer-frame-limit 16777216.',
        }),
      ),
    );
  }
}

/** A verdict is worth more than its details: keep the number, say what was cut. */
function withoutDetails(grade: JsonObject, bytes: number): JsonObject {
  return {
    ...(typeof grade.isError === 'boolean' ? { isError: grade.isError } : {}),
    ...(typeof grade.done === 'boolean' ? { done: grade.done } : {}),
    score: grade.score,
    info: { warning: `details were left out: the whole grade has ${bytes} bytes, more than this client reads` },
  };
}

/** Templates never change, and clients may list them often. */
const wireEntries = new WeakMap<Template, unknown>();

function wireEntry(template: Template): unknown {
  const known = wireEntries.get(template) ?? encode(TaskEntry, templateEntry(template));
  wireEntries.set(template, known);
  return known;
}

function paramsObject(params: unknown): JsonObject {
  if (isFalsy(params)) return {};
  if (isPlainObject(params)) return params;
  throw new HudError('BAD_ARGUMENT', `params must be an object, got ${messageOf(JSON.stringify(params))}`, { rpcCode: RPC.invalidParams });
}

function isFalsy(value: unknown): boolean {
  return !value || (Array.isArray(value) && value.length === 0);
}
