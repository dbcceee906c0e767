/**
 * Every shape that crosses a process: the control channel, files, the record, platform payloads.
 * Runs nothing and knows no other room; works in a browser.
 * Start with `task.ts` and `messages.ts`.
 * @module
 */
export * as api from './api/index.ts';
export { Capability, PROTOCOLS, matchesCapability, type CapabilityInit } from './capability.ts';
export { decode, describeIssues, encode, snakeCase } from './codec.ts';
export {
  HudError,
  RUN_CLASSES,
  isHudError,
  messageOf,
  toHudError,
  type ErrorCode,
  type FaultClass,
  type HudErrorOptions,
  type RunClass,
} from './errors.ts';
export { FrameReader, encodeFrame } from './frames.ts';
export {
  EvaluationResult,
  SubScore,
  UNGRADED,
  evaluationOf,
  parseGrade,
  type EvaluationResultInit,
  type Grade,
  type GradeFrame,
} from './grade.ts';
export { dashedUuid, isPathComponent, normalizeEnvironmentName, normalizeTraceId, uuid5 } from './ids.ts';
export { Float, compareCodePoints, float, isPlainObject, parseJson, pythonJson, stringifyJson, type JsonObject } from './json.ts';
export * as messages from './messages.ts';
export { JOB_STATUS, JobRecord, Lease, RunError, RunFinish, RunRecord, RunStart, TaskRecord } from './record.ts';
export { MODEL_ALIASES } from './model-aliases.ts';
export { nearest } from './nearest.ts';
export { PACKED_TYPE, PackedHead, numberList, placeLists, type NumberList } from './packed.ts';
export { RuntimeConfig, mergeRuntimeConfig } from './runtime.ts';
export * as screenLink from './screen-link.ts';
export { diffTasks, taskSignature, type SyncPlan } from './sync.ts';
export { AgentConfig, Task, TaskRow, isTask, type TaskInit } from './task.ts';
export {
  AgentStep,
  Citation,
  ContentBlock,
  PromptMessage,
  STEP_SCHEMA,
  STOP_REASONS,
  Sample,
  Span,
  Step,
  TRACE_STATUS,
  ToolCall,
  ToolResult,
  ToolStep,
  Usage,
  type StopReason,
  type TraceStatus,
} from './trace.ts';
