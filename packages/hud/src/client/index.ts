/**
 * The caller's half of the control channel: connect, a run, streams to capabilities.
 * Knows nothing of how environments are served, placed or scheduled.
 * Start with `connect.ts`, then `run.ts`.
 * @module
 */
export { Client } from './client.ts';
export { connect, type Address, type ConnectOptions } from './connect.ts';
export { Run, type RunEnd, type RunInit } from './run.ts';
export { Trace, type StepSink } from './trace.ts';
