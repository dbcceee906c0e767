/**
 * Declares environments and serves them on the control channel.
 * Knows nothing of agents, of runs, or of the client that connects.
 * Start with `environment.ts`, then `serve.ts` and `session.ts`.
 * @module
 */
export { arg, DataFileRef } from './arg.ts';
export type { Chromium, ChromiumOptions } from './chromium.ts';
export type { Desktop, DesktopOptions } from './desktop.ts';
export { Environment, environmentOf, isEnvironment, type EnvironmentInit } from './environment.ts';
export { serveChildPath } from './entry.ts';
export { loadEnvironment, sourceFiles, splitTarget, type LoadOptions } from './load.ts';
export type { McpEndpoint, McpOptions, McpSource } from './mcp.ts';
export type { StandardSchema } from './schema.ts';
export { bind, bindInProcess, serve, type BindOptions, type BoundServer, type LocalServer, type ServeOptions } from './serve.ts';
export { SOURCE_SUFFIXES, isSourceFile, loadSource, loadSources } from './source.ts';
export type { Answer, TemplateContext, TemplateFactory, TemplateFunction, TemplateOptions } from './template.ts';
export type { WorkspaceOptions } from './workspace/workspace-options.ts';
export type { Workspace } from './workspace/workspace.ts';
