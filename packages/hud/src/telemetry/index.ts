/**
 * Turns what happens in a run into spans, and spans back into steps; sends what the store holds to a platform.
 * Stores nothing itself (see `store/`).
 * Start with `span.ts`, then `exporter.ts`.
 * @module
 */
export { Exporter } from './export/exporter.ts';
export { type FollowOptions, type ReportCounters, type ShipOptions } from './export/exporter-contract.ts';
export { type JobReport, type ReportListener } from './export/job-report.ts';
export { closeExporters, openExporter, reportTarget, type ReportTarget } from './export/reporting.ts';
export { localFiles } from './local-file.ts';
export { FILES_SCHEMA, filesSpan, spanStep, stepSpan } from './span.ts';
