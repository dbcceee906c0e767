/** Every setting of the platform, read once. `hud platform --help` lists them from here. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { HudError, nearest } from 'hud/protocol';
import { z } from 'zod';

const Flag = z.enum(['true', 'false', '1', '0']).transform((text) => text === 'true' || text === '1');
const Megabytes = z.coerce.number().positive();

/** Names as in the environment. All but a few well-known ones begin with HUD_PLATFORM_, so that a misspelt one is noticed. */
export const Config = z.object({
  HUD_PLATFORM_HOST: z.string().default('127.0.0.1').describe('Address to listen on. Anything but loopback needs TLS in front.'),
  HUD_PLATFORM_PORT: z.coerce.number().int().min(0).max(65_535).default(8420).describe('Port to listen on; 0 takes any free one.'),
  HUD_PLATFORM_URL: z.url().optional().describe('How others reach it, for links. Default: the address it listens on.'),
  HUD_PLATFORM_DIR: z
    .string()
    .default(join(homedir(), '.hud', 'platform'))
    .describe('Folder of the database and of blobs.'),
  DATABASE_URL: z.string().optional().describe('postgres://… in place of the database in the folder.'),
  HUD_PLATFORM_DATABASE_CONNECTIONS: z.coerce.number().int().min(2).max(200).default(10).describe('Connections to PostgreSQL.'),
  HUD_PLATFORM_S3_BUCKET: z.string().optional().describe('Bucket for blobs, in place of the folder.'),
  HUD_PLATFORM_S3_ENDPOINT: z.url().optional().describe('Address of an S3-compatible server. Default: AWS.'),
  HUD_PLATFORM_S3_REGION: z.string().default('us-east-1').describe("The bucket's region."),
  HUD_PLATFORM_S3_PREFIX: z.string().default('blobs/').describe('What object names begin with.'),
  HUD_PLATFORM_MAX_BODY_MB: Megabytes.default(8).describe('Largest body of an ordinary request, in MiB.'),
  HUD_PLATFORM_MAX_UPLOAD_MB: Megabytes.default(256).describe('Largest body of spans, blobs and tasksets, in MiB.'),
  HUD_PLATFORM_REQUESTS_PER_MINUTE: z.coerce
    .number()
    .int()
    .min(1)
    .default(600)
    .describe('Requests a minute that one address may send without a valid key.'),
  HUD_PLATFORM_TRUST_PROXY: Flag.default(false).describe('A proxy in front sets X-Forwarded-For: take addresses from it.'),
  HUD_PLATFORM_SILENCE_MINUTES: z.coerce
    .number()
    .positive()
    .default(30)
    .describe('A trace without news for this long counts as cancelled.'),
  HUD_PLATFORM_STRICT_TASKS: Flag.default(false).describe('Refuse uploads of tasks whose environment has no manifest in the registry.'),
  HUD_PLATFORM_UPSTREAMS: z
    .string()
    .optional()
    .describe('JSON file of model servers and models, beside those that API keys of vendors give.'),
  HUD_PLATFORM_RECORD_MODELS: z
    .enum(['traced', 'none'])
    .default('traced')
    .describe('Keep the replies of models for replay: of requests with a Trace-Id, or none.'),
  HUD_PLATFORM_GATEWAY_TIMEOUT_S: z.coerce.number().positive().default(600).describe('Longest silence of a model server, in seconds.'),
  HUD_TRAIN_ENGINE: z
    .enum(['local', 'tinker', 'none'])
    .default('local')
    .describe('What trains models: the engine inside this process, one that speaks the Tinker API, or nothing.'),
  HUD_TINKER_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe('Address of that engine, without /api/v1.'),
  HUD_TINKER_API_KEY: z.string().optional().describe('Its key, sent as X-API-Key.'),
  HUD_TINKER_SERVER: z
    .enum(['skyrl', 'skyrl-jax', 'tinker'])
    .default('skyrl')
    .describe("What it is: SkyRL's server, the same with its JAX backend, or hosted Tinker. Their losses are scaled differently."),
  HUD_TINKER_TOKENIZER: z
    .string()
    .optional()
    .describe(
      'How its models read text: a folder with tokenizer.json and tokenizer_config.json, or with one such folder for each model, ' +
        "by its name. `characters`: as the platform's own models do.",
    ),
  HUD_TINKER_TOOL_FORMAT: z
    .enum(['auto', 'none', 'hermes', 'qwen-xml', 'glm', 'llama-json', 'mistral', 'deepseek', 'kimi', 'harmony'])
    .default('auto')
    .describe('How its models call tools. `auto`: as their chat templates show.'),
  HUD_TINKER_CONTEXT_TOKENS: z.coerce.number().int().min(2).default(8192).describe('Context of its models where it does not say so.'),
  HUD_TINKER_LORA_RANK: z.coerce.number().int().min(1).max(512).default(32).describe('Rank of the adapters that it trains.'),
  HUD_TRAIN_ADVANTAGE: z
    .enum(['center', 'standardize'])
    .default('center')
    .describe("Rewards of a group count less the group's mean; also divided by its standard deviation, or not."),
  HUD_TRAIN_KEEP_STATES: z.coerce
    .number()
    .int()
    .min(0)
    .default(10)
    .describe('Checkpoints of each model that stay fit to be trained on, newest first, beside its head and pinned ones.'),
  HUD_TRAIN_KEEP_SAMPLERS: z.coerce
    .number()
    .int()
    .min(0)
    .default(50)
    .describe('Checkpoints of each model that stay fit to be sampled, likewise: a third of the size.'),
  OPENAI_API_KEY: z.string().optional().describe('Serves the models of OpenAI.'),
  OPENAI_BASE_URL: z.url().optional().describe('Another address for them.'),
  ANTHROPIC_API_KEY: z.string().optional().describe('Serves the models of Anthropic.'),
  ANTHROPIC_BASE_URL: z.url().optional().describe('Another address for them.'),
  GEMINI_API_KEY: z.string().optional().describe('Serves the models of Gemini.'),
  GEMINI_BASE_URL: z.url().optional().describe('Another address for them.'),
  OPENROUTER_API_KEY: z.string().optional().describe('Serves models named vendor/model through OpenRouter.'),
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url().optional().describe('Sends every ended trace on to this OpenTelemetry collector, over HTTP.'),
  OTEL_EXPORTER_OTLP_HEADERS: z.string().optional().describe('key=value pairs, comma-separated, sent with them.'),
  HUD_PLATFORM_LOG: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('Least level of log lines on standard error, as JSON.'),
  HUD_PLATFORM_INSECURE_COOKIES: Flag.default(false).describe('Let browsers send the session over plain HTTP from other machines.'),
});
export type Config = z.output<typeof Config>;

/**
 * @param env values as text; names that the platform does not know are left to others, but for those that begin with HUD_PLATFORM_
 * @throws HudError BAD_CONFIG naming the setting, and the nearest one for a name that is unknown
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const known = Object.keys(Config.shape);
  for (const name of Object.keys(env)) {
    if (!name.startsWith('HUD_PLATFORM_') || known.includes(name)) continue;
    const near = nearest(name, known);
    throw new HudError('BAD_CONFIG', `There is no setting ${name}.`, {
      hint: `${near === undefined ? '' : `Did you mean ${near}? `}\`hud platform --help\` lists all.`,
    });
  }
  const given = Object.fromEntries(known.flatMap((name) => (env[name] === undefined || env[name] === '' ? [] : [[name, env[name]]])));
  const parsed = Config.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new HudError('BAD_CONFIG', `${String(issue?.path[0])} can't be used: ${issue?.message}.`, {
    hint: '`hud platform --help` says what it takes.',
  });
}

/** For `--help`: name, what it does, its default. */
export function describeConfig(): { name: string; description: string; standard: string | undefined }[] {
  return Object.entries(Config.shape).map(([name, schema]) => {
    const standard: unknown = schema instanceof z.ZodDefault ? schema.def.defaultValue : undefined;
    return { name, description: schema.description ?? '', standard: standard === undefined ? undefined : String(standard) };
  });
}
