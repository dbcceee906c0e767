/**
 * Keeps the record: jobs, runs, every step, blobs, leases.
 * Decides nothing about runs and sends nothing anywhere.
 * Start with `store.ts`, the contract.
 * @module
 */
export { claimJob, interruption, JOB_LEASE, Leases, type HeldLease, type JobClaim, type LeaseInit } from './leases.ts';
export { keepReaping, listOrphans, reap, type Reaped } from './reaper.ts';
export { checkWhole, type CheckOptions, type Integrity } from './integrity.ts';
export { quoteText, readReference, unquoteText, type BlobReference } from '../protocol/blob-reference.ts';
export { openStore, type StoreOptions } from './sqlite.ts';
export { MIN_BLOB_BYTES, putBack, putBackPage, takeBlobs, type SpanBlob } from './span-blobs.ts';
export * as queries from './queries.ts';
export * as statements from './statements.ts';
export { toRow, type Cell, type Row } from './rows.ts';
export { Blobs } from './blobs.ts';
export { SPAN_FLUSH_MS, type JobFilter, type Page, type Paged, type SpanFeed, type SpanPage, type SpanRow, type Store } from './store.ts';
