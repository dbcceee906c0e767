/** A run's record: steps and the spans that carry them. Payload formats follow the Python package's telemetry. */
import { z } from 'zod';

/** MCP content blocks, kept open: `text`, `image`, `audio`, `resource`, `resource_link`. */
export const ContentBlock = z.looseObject({
  type: z.string(),
  text: z.string().optional(),
  /** Base64, with `mimeType`. */
  data: z.string().optional(),
  mimeType: z.string().optional().meta({ wire: 'mimeType' }),
});
export type ContentBlock = z.infer<typeof ContentBlock>;

export const PromptMessage = z.object({
  role: z.enum(['user', 'assistant']),
  content: ContentBlock,
});
export type PromptMessage = z.infer<typeof PromptMessage>;

export const ToolCall = z.looseObject({
  id: z.string(),
  name: z.string(),
  /** A string when the model's JSON did not parse; such a call is never executed. */
  arguments: z.union([z.record(z.string(), z.unknown()), z.string()]),
  providerName: z.string().optional(),
  annotation: z.string().optional(),
});
export type ToolCall = z.infer<typeof ToolCall>;

export const ToolResult = z.looseObject({
  content: z.array(ContentBlock).default([]),
  isError: z.boolean().default(false).meta({ wire: 'isError' }),
  structuredContent: z.unknown().optional().meta({ wire: 'structuredContent' }),
  callId: z.string().optional(),
});
export type ToolResult = z.infer<typeof ToolResult>;

export const Usage = z.object({
  promptTokens: z.int().optional(),
  completionTokens: z.int().optional(),
  cachedTokens: z.int().optional(),
  costUsd: z.number().optional(),
  llmCallCount: z.int().optional(),
});
export type Usage = z.infer<typeof Usage>;

export const Citation = z.object({
  type: z.string(),
  text: z.string(),
  source: z.string(),
  title: z.string().optional(),
  startIndex: z.int().optional(),
  endIndex: z.int().optional(),
});
export type Citation = z.infer<typeof Citation>;

/** One sampled turn, for training: ids and log-probabilities as the server sampled them. */
export const Sample = z.object({
  promptTokenIds: z.array(z.int()).nullish(),
  promptChunks: z.array(z.record(z.string(), z.unknown())).nullish(),
  outputTokenIds: z.array(z.int()),
  outputLogprobs: z.array(z.number()),
});
export type Sample = z.infer<typeof Sample>;

export const TaskCall = z.object({
  phase: z.enum(['setup', 'evaluate']),
  name: z.string(),
  arguments: z.record(z.string(), z.unknown()).optional(),
  result: z.unknown().optional(),
});

const skeleton = {
  /** 1-based position in its trace. */
  stepId: z.int().positive().optional(),
  messages: z.array(PromptMessage).default([]),
  taskCall: TaskCall.optional(),
  error: z.string().optional(),
  /** ISO 8601, UTC. */
  startedAt: z.string().optional(),
  endedAt: z.string().optional(),
  extra: z.record(z.string(), z.unknown()).default({}),
};

export const AgentStep = z.object({
  ...skeleton,
  source: z.literal('agent'),
  content: z.string().nullish(),
  reasoning: z.string().nullish(),
  toolCalls: z.array(ToolCall).default([]),
  done: z.boolean().default(false),
  finishReason: z.string().nullish(),
  refusal: z.string().nullish(),
  citations: z.array(Citation).default([]),
  raw: z.unknown().optional(),
  model: z.string().optional(),
  usage: Usage.optional(),
  sample: Sample.optional(),
});
export type AgentStep = z.input<typeof AgentStep>;

export const ToolStep = z.object({ ...skeleton, source: z.literal('tool'), call: ToolCall, result: ToolResult });
export const SubagentStep = z.object({ ...skeleton, source: z.literal('subagent'), subagent: z.record(z.string(), z.unknown()) });
export const PlainStep = z.object({ ...skeleton, source: z.enum(['user', 'task', 'system']) });

export const Step = z.discriminatedUnion('source', [AgentStep, ToolStep, SubagentStep, PlainStep]);
/** A step as it is recorded; ids and end times are stamped by `run.record`. */
export type Step = z.input<typeof Step>;
export type ToolStep = z.input<typeof ToolStep>;

export const TRACE_STATUS = ['completed', 'error', 'cancelled'] as const;
export type TraceStatus = (typeof TRACE_STATUS)[number];
export const STOP_REASONS = ['done', 'max_steps', 'length', 'timeout', 'malformed_tool_call'] as const;
export type StopReason = (typeof STOP_REASONS)[number];

export const SpanEvent = z.object({
  name: z.string(),
  timestamp: z.string(),
  attributes: z.record(z.string(), z.unknown()).default({}),
});

/** OpenTelemetry-shaped envelope of one record; (`traceId`, `spanId`) is unique. */
export const Span = z.object({
  name: z.string(),
  traceId: z.string().regex(/^[0-9a-f]{32}$/),
  spanId: z.string().regex(/^[0-9a-f]{16}$/),
  parentSpanId: z
    .string()
    .regex(/^[0-9a-f]{16}$/)
    .nullable()
    .default(null),
  kind: z.enum(['INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER']).default('INTERNAL'),
  /** ISO 8601, UTC, microseconds. */
  startTime: z.string(),
  endTime: z.string(),
  statusCode: z.enum(['UNSET', 'OK', 'ERROR']),
  statusMessage: z.string().nullable().default(null),
  /** `hud.task_run_id`, `hud.schema`, `hud.payload`; keys stay as the wire spells them. */
  attributes: z.record(z.string(), z.unknown()),
  events: z.array(SpanEvent).default([]),
});
export type Span = z.infer<typeof Span>;

export const STEP_SCHEMA = 'hud.step.v1';
