/** Records what an agent does to the environment's files, where the environment tells it. Never in the rollout's way. */
import { openFileTracking, type FileTrackingClient } from '../capabilities/file-tracking.ts';
import type { Client } from '../client/client.ts';
import type { FileReport, Trace } from '../client/trace.ts';
import { sleep, withDeadline, type Host } from '../host/host.ts';
import { readSetting } from '../host/settings.ts';
import { messageOf } from '../protocol/errors.ts';
import type { JsonObject } from '../protocol/json.ts';

export interface TrackOptions {
  host: Host;
  /** Ends it without a last look. */
  signal: AbortSignal;
  /** Between two looks while no tool runs, in seconds. @default HUD_FILE_TRACKING_INTERVAL, else 2 */
  intervalSeconds?: number;
}

export interface Tracking extends AsyncDisposable {
  /** A tool has done its work: what it changed is asked for now. By itself called for each tool step of the trace. */
  stepDone(): void;
  /** The last changes and the finished documents, within ten seconds. May be called twice. */
  finish(): Promise<void>;
}

const BEGIN_MS = 30_000;
const FINISH_MS = 10_000;
const DEFAULT_INTERVAL = 2;

/** What tracks nothing: the environment offers no tracking, or nobody records it. */
const NONE: Tracking = { stepDone: () => {}, finish: async () => {}, [Symbol.asyncDispose]: async () => {} };

/** Never rejects: what fails is told in `trace.extra.file_tracking`, and the run goes on untracked. */
export async function trackFiles(client: Client, trace: Trace, options: TrackOptions): Promise<Tracking> {
  const offered = client.manifest.find(({ protocol }) => protocol.split('/')[0] === 'filetracking');
  if (offered === undefined || !trace.wantsFiles) return NONE;
  let files: FileTrackingClient | undefined;
  try {
    files = await openFileTracking(await client.binding(offered.name));
    const observer = new Observer(files, trace, options);
    await withDeadline(
      options.host,
      observer.begin(offered.params.setup_diff === true),
      BEGIN_MS,
      () => new Error(`no answer within ${BEGIN_MS} ms`),
    );
    return observer;
  } catch (error) {
    await files?.close();
    trace.extra.file_tracking = `not tracked: ${messageOf(error)}`;
    return NONE;
  }
}

class Observer implements Tracking {
  readonly #files: FileTrackingClient;
  readonly #trace: Trace;
  readonly #options: TrackOptions;
  readonly #stop = new AbortController();
  #steps: Disposable | undefined;
  #looping: Promise<void> = Promise.resolve();
  #finished: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  #isDue = false;

  constructor(files: FileTrackingClient, trace: Trace, options: TrackOptions) {
    this.#files = files;
    this.#trace = trace;
    this.#options = options;
  }

  async begin(isSetupTold: boolean): Promise<void> {
    const { signal } = this.#options;
    if (isSetupTold) await this.#report('setup', () => this.#files.setup({ signal }));
    else await this.#files.advance({ signal });
    await this.#report('snapshot', () => this.#files.snapshot({ signal }));
    this.#steps = this.#trace.listen(({ source }) => {
      if (source === 'tool') this.stepDone();
    });
    this.#looping = this.#loop();
  }

  stepDone(): void {
    this.#isDue = true;
    this.#wake?.();
  }

  finish(): Promise<void> {
    this.#finished ??= this.#finish();
    return this.#finished;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end();
    await this.#files.close();
    await this.#looping;
  }

  async #finish(): Promise<void> {
    const { host, signal } = this.#options;
    this.#end();
    try {
      await withDeadline(host, this.#flush(signal), FINISH_MS, () => new Error(`no answer within ${FINISH_MS} ms`));
    } catch (error) {
      this.#trace.extra.file_tracking = `the last changes are missing: ${messageOf(error)}`;
    } finally {
      await this.#files.close();
    }
  }

  async #flush(signal: AbortSignal): Promise<void> {
    await this.#looping;
    const started = this.#start();
    const { diff, capture } = await this.#files.flush({ timeoutMs: FINISH_MS, signal });
    if (hasChanges(diff)) this.#record('diff', diff, started);
    const { files_captured: captured, files_eligible: eligible, files_skipped: skipped, truncated } = capture;
    if (Boolean(captured) || Boolean(eligible) || Boolean(skipped) || Boolean(truncated)) this.#record('capture', capture, started);
  }

  /** One look at a time; tools that end meanwhile share the next one. */
  async #loop(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#pause(signal);
      if (signal.aborted) return;
      this.#isDue = false;
      try {
        await this.#report('diff', () => this.#files.diff({ signal: this.#options.signal }));
      } catch (error) {
        this.#trace.extra.file_tracking = `changes may be missing: ${messageOf(error)}`;
        if (this.#files.isLost) return;
      }
    }
  }

  /** Until a tool has ended, or the interval. */
  async #pause(signal: AbortSignal): Promise<void> {
    if (this.#isDue) return;
    const { host, intervalSeconds = intervalSetting() } = this.#options;
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    try {
      await sleep(host, intervalSeconds * 1000, AbortSignal.any([signal, woken.signal]));
    } catch (error) {
      if (!signal.aborted && !woken.signal.aborted) throw error;
    } finally {
      this.#wake = undefined;
    }
  }

  async #report(kind: FileReport['kind'], ask: () => Promise<JsonObject>): Promise<void> {
    const started = this.#start();
    const payload = await ask();
    if (kind !== 'diff' || hasChanges(payload)) this.#record(kind, payload, started);
  }

  #start(): Pick<FileReport, 'startedAt' | 'stepId'> {
    const stepId = this.#trace.steps.length;
    return { startedAt: this.#trace.isoNow(), ...(stepId === 0 ? {} : { stepId }) };
  }

  #record(kind: FileReport['kind'], payload: JsonObject, started: Pick<FileReport, 'startedAt' | 'stepId'>): void {
    this.#trace.recordFiles({ kind, payload, ...started, endedAt: this.#trace.isoNow() });
  }

  #end(): void {
    this.#steps?.[Symbol.dispose]();
    this.#stop.abort();
  }
}

function hasChanges({ files_changed: changed }: JsonObject): boolean {
  return typeof changed === 'number' && changed > 0;
}

function intervalSetting(): number {
  const seconds = Number(readSetting('HUD_FILE_TRACKING_INTERVAL') ?? DEFAULT_INTERVAL);
  return Number.isFinite(seconds) && seconds > 0 ? seconds : DEFAULT_INTERVAL;
}
