/** A login shell's start-up files may set PATH anew. Where the author named one, the author has the last word. */
import type { Sandbox, SpawnRequest } from './sandbox.ts';

/** The same sandbox; its commands find their programs along `path`. */
export function withLoginPath(sandbox: Sandbox, path: string): Sandbox {
  const spawn = sandbox.spawn.bind(sandbox);
  const setPath = `export PATH='${path.replaceAll("'", `'\\''`)}'`;
  const rewritten = (request: SpawnRequest): SpawnRequest => ({ ...request, command: `${setPath}; ${request.command ?? 'exec bash'}` });
  return Object.assign(sandbox, { spawn: async (request: SpawnRequest) => await spawn(rewritten(request)) });
}
