/**
 * Real stand-ins for tests: a model that follows a script behind the vendors' own APIs, a folder that cleans up.
 * Fakes nothing that is ours: environments, sockets and stores in a test are the real ones.
 * Start with `model-server.ts`; `model-script.ts` says what a script may contain.
 * @module
 */
export { scriptedModel, type ModelServer, type ScriptedModelOptions } from './model-server.ts';
export type {
  DialectName,
  ModelFault,
  ModelMessage,
  ModelRequest,
  ModelScript,
  ModelToolResult,
  ModelTurn,
  ReplayedCall,
  ScriptedCall,
  ScriptedCitation,
  ScriptedUsage,
} from './model-script.ts';
export { scriptedAgent } from './scripted-agent.ts';
export { tempDir, type TempDir } from './temp-dir.ts';
