/** This package as installed: its folder, its version, and what another project must ask for to get the same. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Absolute. Holds `package.json`, `templates/` and `bin/`. */
export function packageDirectory(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json')) && dirname(directory) !== directory) directory = dirname(directory);
  return directory;
}

export function packageVersion(directory: string = packageDirectory()): string {
  return (JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as { version: string }).version;
}

/**
 * The dependency range under which a new project gets the copy that is running:
 * - installed from a registry: `^1.2.3`
 * - installed from a packed file: `file:/path/to/hud-1.2.3.tgz`, while that file is still there
 * - run from a checkout: `file:/path/to/packages/hud`
 * - installed from anywhere else that npm noted (git, a URL): that place
 * @param directory of the installed package, symbolic links resolved
 */
export function dependencyRange(directory: string = packageDirectory()): string {
  const range = `^${packageVersion(directory)}`;
  const modules = dirname(directory);
  if (basename(modules) !== 'node_modules') return `file:${directory}`;
  const resolved = lockEntry(modules, basename(directory));
  if (resolved === undefined || /^https?:\/\/.*\.tgz$/.test(resolved)) return range;
  if (!resolved.startsWith('file:')) return resolved;
  const file = resolve(dirname(modules), resolved.slice('file:'.length));
  return existsSync(file) ? `file:${file}` : range;
}

/** Where npm says it took an installed package from. */
function lockEntry(modules: string, name: string): string | undefined {
  const lockfile = join(modules, '.package-lock.json');
  if (!existsSync(lockfile)) return undefined; // global installs and other package managers write none
  const { packages = {} } = JSON.parse(readFileSync(lockfile, 'utf8')) as { packages?: Record<string, { resolved?: string }> };
  return packages[`node_modules/${name}`]?.resolved;
}
