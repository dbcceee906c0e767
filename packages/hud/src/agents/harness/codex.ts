/** Codex (npm package `@openai/codex`), run inside the environment's shell. */
import type { Run } from '../../client/run.ts';
import { isPlainObject, type JsonObject } from '../../protocol/json.ts';
import type { ToolCall } from '../../protocol/trace.ts';
import type { Agent } from '../agent.ts';
import { textResult } from '../tools/tool.ts';
import { cliAgent, type CliAgentConfig, type Command, type Ending, type Harness, type Invocation, type OutputReader } from './cli-agent.ts';

/** @throws HudError MODEL_KEY_MISSING */
export function codexAgent(config: CliAgentConfig = {}): Agent {
  return cliAgent(HARNESS, config);
}

const HARNESS: Harness = {
  name: 'codex',
  program: 'codex',
  defaultModel: 'gpt-5.6',
  vendor: { label: 'Codex', keyVariable: 'OPENAI_API_KEY', baseUrlVariable: 'OPENAI_BASE_URL' },
  vendorUrl: 'https://api.openai.com',
  keyHeaders: (key) => ({ authorization: `Bearer ${key}` }),
  command,
  reader: (run, model) => new ExecEvents(run, model),
};

/** Its own sandbox is off: it would nest in ours, which is the wall. */
function command({ model, url, servers, systemPrompt, home }: Invocation): Command {
  const settings = [
    `model=${toml(model)}`,
    'model_provider="hud"',
    '[model_providers.hud]',
    'name="hud"',
    `base_url=${toml(`${url}/v1`)}`,
    'wire_api="responses"',
    'env_key="HUD_PLACEHOLDER_KEY"',
    ...[...servers].flatMap(([name, address]) => [`[mcp_servers.${toml(name)}]`, `url=${toml(address)}`]),
  ];
  return {
    args: ['exec', '--json', '--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox', '-'],
    env: { CODEX_HOME: home, HUD_PLACEHOLDER_KEY: 'kept-outside' },
    files: {
      'config.toml': `${settings.join('\n')}\n`,
      ...(systemPrompt === undefined ? {} : { 'AGENTS.md': systemPrompt }),
    },
  };
}

function toml(text: string): string {
  return JSON.stringify(text);
}

/** Its `exec --json`: items that begin and complete, then one sum for the turn. */
class ExecEvents implements OutputReader {
  readonly #run: Run;
  readonly #model: string;
  readonly #startedAt = new Map<string, string>();
  #ending: Ending = {};

  constructor(run: Run, model: string) {
    this.#run = run;
    this.#model = model;
  }

  read(event: JsonObject): void {
    const { type, item } = event;
    if (type === 'item.started' && isPlainObject(item)) this.#startedAt.set(String(item.id), new Date().toISOString());
    else if (type === 'item.completed' && isPlainObject(item)) this.#completed(item);
    else if (type === 'turn.completed') this.#ending.extra = { harness: 'codex', usage: event.usage ?? null };
    else if (type === 'turn.failed') this.#ending.error = String(isPlainObject(event.error) ? event.error.message : 'the turn failed');
  }

  ending(): Ending {
    return this.#ending;
  }

  #completed(item: JsonObject): void {
    const text = String(item.text ?? '');
    if (item.type === 'agent_message') {
      this.#ending.content = text;
      this.#run.record({ source: 'agent', content: text, model: this.#model });
    } else if (item.type === 'reasoning') {
      this.#run.record({ source: 'agent', content: null, reasoning: text, model: this.#model });
    } else if (typeof item.type === 'string' && item.type !== 'error' && item.type !== 'todo_list') {
      this.#used(item);
    }
  }

  /** A command, a change of files, a tool of a server: whatever it did. */
  #used({ id, type, status, aggregated_output: output, exit_code: exitCode, result, ...rest }: JsonObject): void {
    const call: ToolCall = { id: String(id), name: String(type), arguments: rest };
    const startedAt = this.#startedAt.get(call.id);
    const isError = status === 'failed' || (typeof exitCode === 'number' && exitCode !== 0);
    const text =
      typeof output === 'string'
        ? `${output}${exitCode === 0 ? '' : `\n(exit ${String(exitCode)})`}`
        : JSON.stringify(result ?? status ?? null);

    this.#run.record({ source: 'agent', content: null, toolCalls: [call], model: this.#model });
    this.#run.record({
      source: 'tool',
      call,
      result: { ...textResult(text, isError), callId: call.id },
      ...(startedAt === undefined ? {} : { startedAt }),
    });
  }
}
