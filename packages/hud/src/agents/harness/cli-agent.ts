/**
 * A coding command line as an agent, unchanged: it runs inside the environment's shell, its model requests come out
 * through a relay to the configured server, and what it prints becomes steps as it prints it.
 */
import { createInterface } from 'node:readline';
import type { SshClient, SshProcess } from '../../capabilities/ssh.ts';
import { shellQuote } from '../../capabilities/ssh.ts';
import type { Run } from '../../client/run.ts';
import { withSignal } from '../../host/host.ts';
import type { Capability } from '../../protocol/capability.ts';
import { HudError } from '../../protocol/errors.ts';
import { isPlainObject, parseJson, type JsonObject } from '../../protocol/json.ts';
import type { StopReason } from '../../protocol/trace.ts';
import type { Agent, AgentContext } from '../agent.ts';
import { findCredentials, type Vendor } from '../credentials.ts';
import { openReach } from '../tools/reach.ts';
import { modelProxy, type Exchange, type Upstream } from './model-proxy.ts';
import { relayInto } from './relay.ts';

export interface CliAgentConfig {
  /** @default the harness's own */
  model?: string;
  /** Explicit credentials win over the environment's. They stay in this process; the sandbox gets a placeholder. */
  apiKey?: string;
  /** Another server that speaks the same API. */
  baseUrl?: string;
  via?: 'provider' | 'gateway';
  systemPrompt?: string;
  /** Model turns, at most, where the program can be told. @default its own limit */
  maxSteps?: number;
  /** Deadline of one run, in seconds. */
  timeoutSeconds?: number;
  /** How the program is called inside. @default its usual name, looked up on the PATH there */
  program?: string;
  /** The shell to run in, by name, where there are several. */
  capabilities?: { ssh?: string };
}

/** What a program is told, and where it finds the model and the tools. */
export interface Invocation {
  model: string;
  /** Of the model's API, without a path; reached from inside. */
  url: string;
  /** Addresses of the environment's MCP servers, reached from inside. */
  servers: ReadonlyMap<string, string>;
  systemPrompt: string | undefined;
  maxSteps: number | undefined;
  /** A private folder inside for the program's own files; exists. */
  home: string;
}

export interface Command {
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  /** Written below `home` beforehand. */
  files?: Readonly<Record<string, string>>;
}

/** How it ended, as the program itself told. */
export interface Ending {
  content?: string;
  reason?: StopReason;
  /** Set when the program says that it failed. */
  error?: string;
  extra?: JsonObject;
}

/** Reads one program's output, one JSON object a line. One per run. */
export interface OutputReader {
  read(event: JsonObject): void;
  ending(): Ending;
}

/** What differs between programs. */
export interface Harness {
  name: string;
  program: string;
  defaultModel: string;
  vendor: Vendor;
  /** The vendor's own address, without a path. */
  vendorUrl: string;
  /** How a key travels. */
  keyHeaders(key: string): Record<string, string>;
  /** Gets the prompt on its standard input. */
  command(invocation: Invocation): Command;
  reader(run: Run, model: string): OutputReader;
}

const TAIL_CHARS = 2_000;

/** @throws HudError MODEL_KEY_MISSING */
export function cliAgent(harness: Harness, config: CliAgentConfig = {}): Agent {
  const model = config.model ?? harness.defaultModel;
  const { apiKey, baseUrl, isGateway } = findCredentials(config, harness.vendor);
  const upstream = { baseUrl: (baseUrl ?? harness.vendorUrl).replace(/\/v1\/?$/, ''), headers: harness.keyHeaders(apiKey) };
  return {
    name: harness.name,
    model,
    ...(config.timeoutSeconds === undefined ? {} : { timeoutSeconds: config.timeoutSeconds }),
    run: async (run, context) => {
      if (run.replayOf !== undefined) throw notReplayable(harness.name);
      const headers = isGateway ? { ...upstream.headers, 'trace-id': run.traceId } : upstream.headers;
      await drive(run, context, { harness, config, model, upstream: { ...upstream, headers } });
    },
    withConfig: ({ model: other, max_steps: maxSteps, system_prompt: systemPrompt, ...rest }) =>
      cliAgent(harness, {
        ...config,
        ...pick({ maxSteps, systemPrompt, ...rest }),
        ...(typeof other === 'string' ? { model: other } : {}),
      }),
  };
}

/** Their requests carry the time, the folder and more, so that no two are equal. */
function notReplayable(name: string): HudError {
  return new HudError('MODEL_BAD_REQUEST', `Runs of ${name} can't be replayed: it makes its own requests, and no two of them are equal.`, {
    hint: 'Replay works with claude, openai, openai_compatible, gemini and browser.',
  });
}

/** A task's row may set limits and texts; never what is run, nor where a key goes. */
function pick(overrides: Record<string, unknown>): Pick<CliAgentConfig, 'maxSteps' | 'systemPrompt'> {
  const { maxSteps, systemPrompt } = overrides;
  return {
    ...(typeof maxSteps === 'number' ? { maxSteps } : {}),
    ...(typeof systemPrompt === 'string' ? { systemPrompt } : {}),
  };
}

interface Setup {
  harness: Harness;
  config: CliAgentConfig;
  model: string;
  upstream: Upstream;
}

async function drive(run: Run, { signal }: AgentContext, setup: Setup): Promise<void> {
  const { harness, config, model } = setup;
  const { ssh, servers } = await withSignal(reachOf(run, config), signal);
  await requireProgram(ssh, harness, config, signal);
  const proxy = modelProxy({ upstream: setup.upstream, servers, signal, onExchange: (exchange) => recordExchange(run, exchange) });
  await using relay = await relayInto(ssh, proxy, { signal });
  const home = (await must(ssh, 'mktemp -d /tmp/harness.XXXXXX', signal)).trim();
  const command = harness.command({
    model,
    home,
    url: relay.url,
    servers: new Map([...servers.keys()].map((name) => [name, `${relay.url}/mcp/${name}`])),
    systemPrompt: config.systemPrompt,
    maxSteps: config.maxSteps,
  });
  for (const [name, content] of Object.entries(command.files ?? {})) await ssh.write(`${home}/${name}`, content, { signal });
  const words = [config.program ?? harness.program, ...command.args].map(shellQuote).join(' ');
  const variables = Object.entries(command.env).map(([name, value]) => `${name}=${shellQuote(value)}`);
  const channel = await ssh.stream(`exec env ${variables.join(' ')} ${words}`, { signal });
  await Promise.race([play(run, channel, harness.reader(run, model), signal), relay.lost]);
}

async function reachOf(run: Run, config: CliAgentConfig): Promise<{ ssh: SshClient; servers: Map<string, Capability> }> {
  const { ssh, mcp } = await openReach(run, '', { capabilities: { ...config.capabilities, screen: false } });
  if (ssh !== undefined) return { ssh, servers: new Map(mcp.map(({ capability }) => [capability.name, capability])) };
  throw new HudError('CAPABILITY_NOT_FOUND', 'This agent is a program that runs inside the environment, which offers no shell.', {
    hint: 'Give the environment one with env.workspace(…), or choose another agent.',
  });
}

async function requireProgram(ssh: SshClient, { program, name }: Harness, config: CliAgentConfig, signal: AbortSignal): Promise<void> {
  const wanted = config.program ?? program;
  const { exitCode } = await ssh.exec(`command -v ${shellQuote(wanted)} > /dev/null`, { signal });
  if (exitCode === 0) return;
  throw new HudError(
    'CAPABILITY_FAILED',
    `There is no program '${wanted}' inside the environment's shell, which the agent ${name} needs.`,
    {
      hint: 'Install it in the image, or mount it into the workspace and put it on the PATH there.',
    },
  );
}

async function must(ssh: SshClient, command: string, signal: AbortSignal): Promise<string> {
  const { exitCode, stdout, stderr } = await ssh.exec(command, { signal });
  if (exitCode === 0) return stdout;
  throw new HudError('CAPABILITY_FAILED', `\`${command}\` failed inside the environment: ${stderr.trim() || `exit ${exitCode}`}`);
}

async function play(run: Run, channel: SshProcess, reader: OutputReader, signal: AbortSignal): Promise<void> {
  const onAbort = (): void => void channel.close().catch(() => {}); // the connection is closed after it in any case
  signal.addEventListener('abort', onAbort, { once: true });
  let stderr = '';
  channel.stderr.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-TAIL_CHARS)));
  channel.stdin.on('error', () => {}); // it may end without reading
  channel.stdin.end(run.promptText);
  let noise = '';
  try {
    for await (const line of createInterface({ input: channel.stdout, crlfDelay: Infinity })) {
      const event = tryJson(line);
      if (event === undefined) noise = `${noise}${line}\n`.slice(-TAIL_CHARS);
      else reader.read(event);
    }
    signal.throwIfAborted();
    finish(run, reader.ending(), await channel.exited, (stderr.trim() || noise).trim());
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function finish(run: Run, { content, reason, error, extra }: Ending, { code }: { code: number }, output: string): void {
  if (extra !== undefined) run.record({ source: 'system', extra });
  if (error !== undefined || (code !== 0 && content === undefined)) {
    throw new HudError('AGENT_FAILED', `The program ended with exit code ${code}: ${error ?? (output || 'it said nothing')}`, {
      data: { exitCode: code, output },
    });
  }
  run.trace.content = content;
  run.trace.stopReason = reason ?? 'done';
  run.trace.status = 'completed';
}

/** Steps tell what was said; this tells what it cost and how long it took. */
function recordExchange(run: Run, { startedAt, endedAt, error, ...exchange }: Exchange): void {
  run.record({
    source: 'system',
    startedAt,
    endedAt,
    extra: { model_request: JSON.parse(JSON.stringify(exchange)) as JsonObject },
    ...(error === undefined ? {} : { error }),
  });
}

function tryJson(line: string): JsonObject | undefined {
  try {
    const value = parseJson(line);
    return isPlainObject(value) ? value : undefined;
  } catch {
    return undefined; // a warning of some program, kept for the error message
  }
}
