/**
 * Calls a platform over HTTP.
 * Keeps nothing and decides nothing: what to send is its callers' affair.
 * Start with `client.ts`.
 * @module
 */
export { openPlatform, PlatformClient, type CallOptions, type PlatformClientOptions } from './client.ts';
