/**
 * Schedules: tasks × group → rollouts → a job whose numbers add up.
 * Places nothing itself (see `runtime/`) and drives no model (see `agents/`).
 * Start with `taskset.ts`, then `rollout.ts`.
 * @module
 */
export { type JobSummary, type Phase, type RunEvent, type RunOptions } from './contract.ts';
export { Job } from './job.ts';
export * as sync from './sync.ts';
export { Taskset } from './taskset.ts';
