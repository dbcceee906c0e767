/** The rows of the record: what `.hud/hud.db` and the platform keep of jobs, runs, and leases. */
import { z } from 'zod';
import { RUN_CLASSES } from './errors.ts';
import { STOP_REASONS, TRACE_STATUS } from './trace.ts';

const Json = z.record(z.string(), z.unknown());
/** Milliseconds since 1970. */
const Time = z.number();

export const JOB_STATUS = ['running', 'completed', 'cancelled', 'failed'] as const;

export const JobRecord = z.object({
  /** 32 hex digits. */
  id: z.string(),
  name: z.string(),
  /** Repeats of each task. */
  group: z.int().positive(),
  status: z.enum(JOB_STATUS),
  tasksetName: z.string().optional(),
  tasksetId: z.string().optional(),
  agent: z.string().optional(),
  model: z.string().optional(),
  /** Why it failed, for people. */
  error: z.string().optional(),
  createdAt: Time,
  endedAt: Time.optional(),
  /** What is needed to go on with it: source, agent, placement, options. */
  config: Json.default({}),
  /** The platform that it is sent to: its base URL. */
  reportedTo: z.string().optional(),
  /** When that platform had confirmed all of it; absent while something is missing there. */
  reportedAt: Time.optional(),
});
export type JobRecord = z.infer<typeof JobRecord>;

/** One row of the taskset that a job runs; `row` is the task in the wire's spelling. */
export const TaskRecord = z.object({
  jobId: z.string(),
  slug: z.string(),
  /** 0-based place in the taskset. */
  position: z.int(),
  row: Json,
});
export type TaskRecord = z.infer<typeof TaskRecord>;

export const RunError = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string().optional(),
  /** Evidence: exit code, output tail, status. */
  data: Json.optional(),
});
export type RunError = z.infer<typeof RunError>;

/** What is known when a run starts. One row is one attempt; (`jobId`, `slug`, `repeat`, `attempt`) is unique. */
export const RunStart = z.object({
  /** 32 hex digits, unique. */
  traceId: z.string(),
  jobId: z.string(),
  slug: z.string(),
  taskId: z.string(),
  /** 0-based repeat within its group. */
  repeat: z.int(),
  /** 1 for the first try of this repeat. */
  attempt: z.int().positive(),
  groupId: z.string().optional(),
  agent: z.string().optional(),
  model: z.string().optional(),
  startedAt: Time,
});
export type RunStart = z.infer<typeof RunStart>;

/** What is known when it ends. The sum over classes is the number of runs. */
export const RunFinish = z.object({
  class: z.enum(RUN_CLASSES),
  status: z.enum(TRACE_STATUS),
  stopReason: z.enum(STOP_REASONS).optional(),
  reward: z.number().optional(),
  /** The grade frame; present whenever grading returned one, counted or not. */
  grade: Json.optional(),
  /** The graded answer. */
  answer: z.string().optional(),
  error: RunError.optional(),
  /** Where the environment was served. */
  runtime: z.string().optional(),
  steps: z.int(),
  promptTokens: z.int().optional(),
  completionTokens: z.int().optional(),
  costUsd: z.number().optional(),
  endedAt: Time,
});
export type RunFinish = z.infer<typeof RunFinish>;

/** A started run, with its end once it has one. */
export const RunRecord = RunStart.extend(RunFinish.partial().shape);
export type RunRecord = z.infer<typeof RunRecord>;

/** Something that exists outside this process and must not outlive its owner. Written before it is created. */
export const Lease = z.object({
  id: z.string(),
  /** `process` with its folder and cgroup, or `job`: the right to run one. */
  kind: z.string(),
  /** How to find and destroy it. */
  target: Json,
  /** Process that owns it: `pid:startTime@machine`. */
  owner: z.string(),
  jobId: z.string().optional(),
  traceId: z.string().optional(),
  createdAt: Time,
  /** May be destroyed by anyone after this. */
  deadline: Time,
});
export type Lease = z.infer<typeof Lease>;
