/**
 * Turns what happens in a run into spans, and spans back into steps.
 * Stores nothing itself (see `store/`).
 * Start with `span.ts`.
 * @module
 */
export { FILES_SCHEMA, filesSpan, spanStep, stepSpan } from './span.ts';
