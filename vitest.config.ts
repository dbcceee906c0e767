import { defineConfig } from 'vitest/config';

/** Nothing is reported to a platform that the developer's own settings name. */
const env = { HUD_TELEMETRY_ENABLED: 'false' };
const shared = { env, testTimeout: 40_000, hookTimeout: 90_000, pool: 'forks' as const };
const project = (name: string, include: string[]): { test: object } => ({ test: { ...shared, name, include } });

/** What runs only when it is asked for by name: see scripts/test.ts. */
async function suite(name: string | undefined): Promise<{ test: object }[]> {
  if (name === undefined) return [];
  const own = project(name, [`packages/{hud,platform}/test/${name}/**/*.test.ts`]);
  return [name === 'servers' ? await onServers(own) : own];
}

/** The platform's tests once more, on other storage. */
async function onServers({ test }: { test: object }): Promise<{ test: object }> {
  const { whyNoPostgres } = await import('./packages/platform/src/storage/postgres/postgres.fixtures.ts');
  const everywhere = ['packages/platform/test/*.test.ts', 'packages/platform/src/api/{runs,live,accounts,gate,pages,registry}/*.test.ts'];
  const include = ['packages/platform/test/servers/*.test.ts', ...(whyNoPostgres === undefined ? everywhere : [])];
  // These are about HTTP, browsers, processes and engines, or begin databases of their own.
  const aboutOthers = [
    'routes-fuzz',
    'machine-faults',
    'http-hostile',
    'browser-safety',
    'openapi',
    'planted',
    'pages',
    'screens',
    'export',
    'gateway',
    'gateway-bytes',
    'outage',
    'record-cli',
    'replay-eval',
    'sync-cli',
    'training-batches',
  ];
  const aboutEngines = ['train-cli', 'training-local', 'training-tinker', 'training-client', 'training-chat'];
  const exclude = [...aboutOthers, ...aboutEngines].map((name) => `**/${name}.test.ts`);
  // Of the S3 server for tests.
  const keys = { AWS_ACCESS_KEY_ID: 'S3RVER', AWS_SECRET_ACCESS_KEY: 'S3RVER' };
  return { test: { ...test, include, exclude, env: { ...env, ...keys }, globalSetup: 'packages/platform/test/servers/setup.ts' } };
}

export default defineConfig({
  test: {
    reporters: ['default'],
    maxWorkers: 2, // much of what they do is wait for other programs
    projects: [
      project('hud', ['packages/hud/src/**/*.test.ts', 'packages/hud/test/*.test.ts']),
      ...(await suite(process.env.HUD_SUITE)),
      project('platform', ['packages/platform/src/**/*.test.ts', 'packages/platform/test/*.test.ts']),
      project('web', ['packages/web/{src,test}/**/*.test.{ts,tsx}']),
      project('scripts', ['scripts/**/*.test.ts']),
      ...['bench', 'drill', 'fuzz', 'sim'].map((name) => project(name, [`${name}/**/*.test.ts`])),
      project('conformance', ['conformance/**/*.test.ts']),
      project('examples', ['examples/**/*.test.ts', 'docs/**/*.test.ts']),
    ],
  },
});
