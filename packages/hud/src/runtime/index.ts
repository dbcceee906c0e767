/**
 * Places: given a task, bring up an environment somewhere and hand over its address.
 * Does not connect to it and does not know what runs there.
 * Start with `provider.ts`.
 * @module
 */
export { LocalRuntime, type EnvironmentSource, type LocalRuntimeOptions } from './local.ts';
export {
  Runtime,
  asProvider,
  type PlaceCost,
  type PlaceState,
  type Provider,
  type ProviderContext,
  type ProviderFunction,
  type ProviderObject,
  type RuntimeInit,
  type RuntimeLease,
} from './provider.ts';
export { Shared } from './shared.ts';
