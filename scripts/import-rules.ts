/**
 * Which room may import which. Rooms are the folders below a package's `src`; files directly in `src`
 * put the rooms together and may import them all. `check-imports.ts` reads this.
 */

/** Any room of the same package, or anything of `hud`. */
export const ANY = '*';

export interface Room {
  rooms: string[] | typeof ANY;
  /** Specifiers of the package `hud` that other packages' rooms may import. @default ['hud/protocol'] */
  hud?: string[] | typeof ANY;
  /** When given, the only packages it may import. */
  packages?: string[];
  /** May it import what Node brings along? @default true */
  builtins?: boolean;
}

export interface Package {
  rooms: Record<string, Room>;
  /** The files of `src` itself. @default every room, all of `hud` */
  top?: Room;
  /** Files of `src` itself that its rooms may import. @default [] */
  shared?: string[];
}

const BASE = ['protocol', 'host'];

/** By folder below `packages`. Read a line as: this room may import those. */
export const PACKAGES: Record<string, Package> = {
  hud: {
    rooms: {
      protocol: { rooms: [], packages: ['zod', '@noble/hashes'], builtins: false },
      statistics: { rooms: [], packages: [], builtins: false },
      host: { rooms: ['protocol'] },
      store: { rooms: BASE },
      'api-client': { rooms: BASE },
      capabilities: { rooms: BASE },
      environment: { rooms: BASE },
      graders: { rooms: ['api-client', ...BASE] },
      telemetry: { rooms: ['store', 'api-client', ...BASE] },
      client: { rooms: ['capabilities', ...BASE] },
      agents: { rooms: ['client', 'capabilities', 'telemetry', 'api-client', ...BASE] },
      runtime: { rooms: ['environment', 'store', 'api-client', ...BASE] },
      train: { rooms: ['client', 'store', 'telemetry', 'api-client', ...BASE] },
      eval: {
        rooms: ['runtime', 'environment', 'client', 'capabilities', 'agents', 'store', 'statistics', 'telemetry', 'api-client', ...BASE],
      },
      testing: { rooms: ANY },
      cli: { rooms: ANY },
    },
  },
  platform: {
    rooms: {
      storage: { rooms: [], hud: ['hud/store', 'hud/protocol', 'hud/statistics'] },
      gateway: { rooms: ['storage'] },
      tunnel: { rooms: ['storage'] },
      training: { rooms: ['storage'] },
      rollouts: { rooms: ['storage', 'tunnel'], hud: ANY },
      api: { rooms: ANY, hud: ['hud/store', 'hud/protocol', 'hud/statistics'] },
    },
    shared: ['caller.ts', 'config.ts', 'context.ts', 'fault.ts', 'hub.ts', 'log.ts', 'metrics.ts'],
  },
  web: {
    rooms: {
      parts: { rooms: [], builtins: false },
      shell: { rooms: ['parts'], builtins: false },
      job: { rooms: ['parts', 'shell'], builtins: false },
      trace: { rooms: ['parts', 'shell', 'screens'], builtins: false },
      screens: { rooms: ['parts', 'shell'], builtins: false },
      exported: { rooms: [], builtins: false },
      routes: { rooms: ANY, builtins: false },
    },
    top: { rooms: ANY, builtins: false },
    shared: ['api.ts'],
  },
};

/** Slow to load, or optional. Only `import()` and `import type`, so that nothing pays for them unasked. */
export const HEAVY = [
  'openai',
  '@anthropic-ai/sdk',
  '@google/genai',
  '@modelcontextprotocol/sdk',
  'playwright-core',
  'esbuild',
  'ssh2',
  'ws',
  '@aws-sdk/client-s3',
  '@huggingface/jinja',
  '@huggingface/tokenizers',
];
