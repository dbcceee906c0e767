/**
 * Keeps the record: jobs, runs, every step, blobs, leases.
 * Decides nothing about runs and sends nothing anywhere.
 * Start with `store.ts`, the contract.
 * @module
 */
export { claimJob, interruption, JOB_LEASE, Leases, type HeldLease, type JobClaim, type LeaseInit } from './leases.ts';
export { keepReaping, listOrphans, reap, type Reaped } from './reaper.ts';
export { checkWhole, type CheckOptions, type Integrity } from './integrity.ts';
export { readReference, type BlobReference } from './blob-reference.ts';
export { openStore, type StoreOptions } from './sqlite.ts';
export { SPAN_FLUSH_MS, type JobFilter, type Page, type Paged, type SpanPage, type Store } from './store.ts';
