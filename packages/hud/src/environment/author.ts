/**
 * What the source of an environment needs at run time: the names that it imports from here load only the
 * declaring and serving half of the package. `source.ts` sends them here, and the package's entry has the rest.
 * Each is also exported by `index.ts`, from the same module.
 * @module
 */
export { HudError, isHudError } from '../protocol/errors.ts';
export { float } from '../protocol/json.ts';
export { Task } from '../protocol/task.ts';
export { Environment } from './environment.ts';
export { loadEnvironment } from './load.ts';
export { bind, serve } from './serve.ts';
