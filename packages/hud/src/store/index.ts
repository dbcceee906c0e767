/**
 * Keeps the record: jobs, runs, every step, blobs, leases.
 * Decides nothing about runs and sends nothing anywhere.
 * Start with `store.ts`, the contract.
 * @module
 */
export { isOwnerAlive, ownerId } from './owner.ts';
export { openStore, type StoreOptions } from './sqlite.ts';
export { SPAN_FLUSH_MS, type JobFilter, type Page, type Paged, type Store } from './store.ts';
