import { defineConfig } from 'vitest/config';

const shared = { testTimeout: 40_000, hookTimeout: 40_000, pool: 'forks' as const };
const project = (name: string, include: string[]): { test: object } => ({ test: { ...shared, name, include } });

export default defineConfig({
  test: {
    reporters: ['default'],
    maxWorkers: 2, // much of what they do is wait for other programs
    projects: [
      project('hud', ['packages/hud/src/**/*.test.ts', 'packages/hud/test/*.test.ts']),
      ...(process.env.HUD_SUITE === undefined
        ? []
        : [project(process.env.HUD_SUITE, [`packages/hud/test/${process.env.HUD_SUITE}/**/*.test.ts`])]),
      project('platform', ['packages/platform/{src,test}/**/*.test.ts']),
      project('web', ['packages/web/{src,test}/**/*.test.{ts,tsx}']),
      project('scripts', ['scripts/**/*.test.ts']),
      ...['bench', 'drill', 'fuzz', 'sim'].map((name) => project(name, [`${name}/**/*.test.ts`])),
      project('conformance', ['conformance/**/*.test.ts']),
      project('examples', ['examples/**/*.test.ts', 'docs/**/*.test.ts']),
    ],
  },
});
