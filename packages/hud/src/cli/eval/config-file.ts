/** `.hud_eval.toml`, or the same as JSON: what `hud eval` runs when the command line does not say. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { decode, snakeCase } from '../../protocol/codec.ts';
import { HudError, messageOf } from '../../protocol/errors.ts';
import { isPlainObject, type JsonObject } from '../../protocol/json.ts';
import { nearest } from '../../protocol/nearest.ts';

export const CONFIG_FILE = '.hud_eval.toml';

const EvalSection = z.strictObject({
  source: z.string().optional(),
  agent: z.string().optional(),
  model: z.string().optional(),
  taskIds: z.union([z.array(z.union([z.string(), z.int()])), z.string()]).optional(),
  exclude: z.array(z.string()).optional(),
  all: z.boolean().optional(),
  full: z.boolean().optional(),
  group: z.int().positive().optional(),
  maxConcurrent: z.int().positive().optional(),
  maxSteps: z.int().positive().optional(),
  autoRespond: z.boolean().optional(),
  gateway: z.boolean().optional(),
  runtime: z.string().optional(),
  rolloutTimeout: z.number().positive().optional(),
  groupTimeout: z.number().positive().optional(),
  patience: z.number().positive().optional(),
  retries: z.int().nonnegative().optional(),
  retryOn: z.union([z.array(z.string()), z.string()]).optional(),
  successThreshold: z.number().optional(),
  failUnder: z.number().optional(),
  agentModule: z.string().optional(),
  verbose: z.boolean().optional(),
  veryVerbose: z.boolean().optional(),
});
export type EvalSection = z.infer<typeof EvalSection>;

/** Names of the Python package's file for the same things. */
const ALIASES: Readonly<Record<string, string>> = { agent_type: 'agent', group_size: 'group' };

export interface ConfigFile {
  eval: EvalSection;
  /** Settings of an agent, by its name, with keys as the file spells them. */
  agents: Record<string, JsonObject>;
}

export interface ConfigSources {
  /** Names that may head a section besides `eval`. */
  agentNames: readonly string[];
  /** What `${NAME}` stands for; undefined reads as empty. */
  lookup: (name: string) => string | undefined;
}

/**
 * @param path of a `.toml` or `.json` file
 * @returns undefined when there is no such file
 * @throws HudError BAD_CONFIG naming the file, the place and the nearest key that exists
 */
export async function readConfigFile(path: string, sources: ConfigSources): Promise<ConfigFile | undefined> {
  const content = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new HudError('BAD_CONFIG', `${path} can't be read: ${error.message}.`, { cause: error });
  });
  if (content === undefined) return undefined;
  const raw = path.endsWith('.json') ? sectioned(parseWith(path, () => JSON.parse(content))) : await parseToml(path, content);
  if (!isPlainObject(raw)) throw new HudError('BAD_CONFIG', `${path} must hold an object.`);
  return interpret(path, substitute(raw, path, sources.lookup) as JsonObject, sources.agentNames);
}

async function parseToml(path: string, content: string): Promise<unknown> {
  const { parse } = await import('smol-toml');
  // Its objects have no prototype of ours; a copy through JSON has, and dates become text.
  return parseWith(path, () => JSON.parse(JSON.stringify(parse(content))));
}

function parseWith(path: string, parse: () => unknown): unknown {
  try {
    return parse();
  } catch (cause) {
    throw new HudError('BAD_CONFIG', `${path} can't be parsed: ${messageOf(cause).trim()}`, { cause });
  }
}

/** JSON may be written flat, with the agents' sections under `agent_config`. */
function sectioned(raw: unknown): unknown {
  if (!isPlainObject(raw) || isPlainObject(raw.eval)) return raw;
  const { agent_config: agents, ...rest } = raw;
  return { ...(isPlainObject(agents) ? agents : {}), eval: rest };
}

function interpret(path: string, raw: JsonObject, agentNames: readonly string[]): ConfigFile {
  const { eval: section = {}, ...agents } = raw;
  for (const [name, value] of Object.entries(agents)) {
    if (!agentNames.includes(name)) throw unknownName(`${path}: there is no section [${name}]`, name, ['eval', ...agentNames]);
    if (!isPlainObject(value)) throw new HudError('BAD_CONFIG', `${path}: '${name}' must be a section.`);
  }
  if (!isPlainObject(section)) throw new HudError('BAD_CONFIG', `${path}: 'eval' must be a section.`);
  const renamed = Object.fromEntries(Object.entries(section).map(([key, value]) => [ALIASES[key] ?? key, value]));
  const known = Object.keys(EvalSection.shape).map(snakeCase);
  for (const key of Object.keys(renamed)) {
    if (!known.includes(key)) throw unknownName(`${path}: [eval] has no setting '${key}'`, key, known);
  }
  return {
    eval: decode(EvalSection, renamed, { what: `${path}: [eval]`, code: 'BAD_CONFIG' }),
    agents: agents as Record<string, JsonObject>,
  };
}

function unknownName(what: string, name: string, known: readonly string[]): HudError {
  const near = nearest(name, known);
  return new HudError('BAD_CONFIG', `${what}.`, { hint: near === undefined ? `Known: ${known.join(', ')}.` : `Did you mean '${near}'?` });
}

/** `${NAME}` and `$NAME` in any text; `$$` is a dollar sign. */
function substitute(value: unknown, place: string, lookup: ConfigSources['lookup']): unknown {
  if (Array.isArray(value)) return value.map((item, i) => substitute(item, `${place}[${i}]`, lookup));
  if (isPlainObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, substitute(item, `${place}: ${key}`, lookup)]));
  }
  if (typeof value !== 'string') return value;
  return value.replace(/\$(?:\$|\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))?/g, (found, braced?: string, bare?: string) => {
    if (found === '$$') return '$';
    const name = braced ?? bare;
    if (name === undefined)
      throw new HudError('BAD_CONFIG', `${place}: a '$' here names no variable.`, { hint: 'Write ${NAME}, or $$ for a dollar sign.' });
    return lookup(name) ?? lookup(name.toUpperCase()) ?? lookup(name.toLowerCase()) ?? '';
  });
}

/** What `hud eval --init-config` writes. */
export const CONFIG_TEMPLATE = `# What \`hud eval\` runs in this folder. Flags of the command line come before these settings.
# \${NAME} in a text stands for an environment variable; $$ for a dollar sign.

[eval]
source = "tasks.ts"
agent = "claude"
# all = true                  # every task, not only the first
# task_ids = ["count-1a2b3c4d"]
# group = 3                   # repeats of each task
# max_concurrent = 30
# max_steps = 10              # turns of the model
# rollout_timeout = 600       # seconds for a whole rollout
# retries = 1                 # how often a run is tried again at most
# retry_on = ["provider"]     # faults that are tried again
# runtime = "local"           # or "tcp://host:8765"

# [claude]
# model = "claude-sonnet-4-6"
`;
