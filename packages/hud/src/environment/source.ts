/**
 * A user's source file, loaded fresh: bundled by esbuild with packages left outside, cached by the
 * content of everything that went in. Errors point at the user's own file and line.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, extname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { BuildFailure, Loader, Metafile, OnResolveArgs, OnResolveResult, Plugin, StdinOptions } from 'esbuild';
import { HudError, messageOf, placeIn } from '../protocol/errors.ts';
import { freshBundle, storeBundle } from './bundle-cache.ts';

export const SOURCE_SUFFIXES = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs'] as const;

export function isSourceFile(path: string): boolean {
  return (SOURCE_SUFFIXES as readonly string[]).includes(extname(path)) && !path.endsWith('.d.ts');
}

/**
 * The module's exports.
 * @throws HudError BAD_SOURCE with the place and the reason when it can't be read, compiled or run
 */
export async function loadSource(path: string): Promise<Record<string, unknown>> {
  return await importBundle(await bundleSource(path), path);
}

/**
 * The exports of each file, all of them in one module graph: what two of them import is one module, and
 * so one environment. Files that can't be loaded are left out.
 */
export async function loadSources(paths: readonly string[]): Promise<{ path: string; exports: Record<string, unknown> }[]> {
  try {
    return await loadTogether(paths);
  } catch (error) {
    if (!(error instanceof HudError)) throw error;
  }
  const loadable: string[] = [];
  for (const path of paths) {
    try {
      await loadSource(path);
      loadable.push(path);
    } catch (error) {
      if (!(error instanceof HudError)) throw error;
    }
  }
  return await loadTogether(loadable);
}

async function loadTogether(paths: readonly string[]): Promise<{ path: string; exports: Record<string, unknown> }[]> {
  const [first] = paths;
  if (first === undefined) return [];
  const contents = paths.map((path, i) => `export * as file${i} from ${JSON.stringify(resolve(path))};`).join('\n');
  const bundle = await makeBundle({ contents, resolveDir: dirname(resolve(first)), loader: 'js' }, dirname(first));
  const exports = await importBundle(bundle, dirname(first));
  return paths.map((path, i) => ({ path, exports: exports[`file${i}`] as Record<string, unknown> }));
}

async function importBundle(bundle: string, path: string): Promise<Record<string, unknown>> {
  process.setSourceMapsEnabled(true); // so that stacks name the user's lines
  try {
    return (await import(pathToFileURL(bundle).href)) as Record<string, unknown>;
  } catch (cause) {
    const place = placeIn(cause);
    throw new HudError(
      'BAD_SOURCE',
      `${path} failed while it was loaded: ${messageOf(cause)}${place === undefined ? '' : `\n  at ${place}`}`,
      { cause },
    );
  }
}

/**
 * One self-contained module in the cache; the same content gives the same file.
 * @returns its absolute path
 */
async function bundleSource(path: string): Promise<string> {
  if (!existsSync(path))
    throw new HudError('BAD_SOURCE', `There is no file ${path}.`, { hint: 'Check the path; it is relative to the current directory.' });
  return await makeBundle(resolve(path), path);
}

/** @param shown the path as the user wrote it */
async function makeBundle(entry: string | StdinOptions, shown: string): Promise<string> {
  const directory = typeof entry === 'string' ? dirname(entry) : (entry.resolveDir ?? '.');
  const key = JSON.stringify([process.versions.node, PACKAGE_DIRECTORY, IS_BUILT, entry]);
  const earlier = freshBundle(key);
  if (earlier !== undefined) return earlier;
  const startedAt = Date.now();
  const { build } = await import('esbuild');
  try {
    const result = await build({
      ...(typeof entry === 'string' ? { entryPoints: [entry] } : { stdin: entry }),
      bundle: true,
      write: false,
      metafile: true,
      format: 'esm',
      platform: 'node',
      target: `node${process.versions.node}`,
      sourcemap: 'inline',
      sourcesContent: false,
      absWorkingDir: directory,
      outfile: join(directory, 'bundle.mjs'), // fixes the paths in the source map; nothing is written there
      logLevel: 'silent',
      banner: { js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);' },
      plugins: [packagesOutside(), ownFileNames()],
    });
    const code = withAbsoluteSources(result.outputFiles[0]?.text ?? '', directory);
    return await storeBundle(key, code, inputsOf(result.metafile, directory), startedAt);
  } catch (cause) {
    throw compileError(shown, directory, cause);
  }
}

/** A bare import becomes the absolute URL of what it means for the importing file. */
function packagesOutside(): Plugin {
  return {
    name: 'packages-outside',
    setup(build) {
      build.onResolve({ filter: /^[^./]/ }, async (args) => {
        if (args.namespace === OWN_PACKAGE) return { path: args.path, external: true, sideEffects: false };
        if (args.pluginData === SKIP || args.kind === 'entry-point' || args.path.startsWith('node:') || isAbsolute(args.path))
          return undefined;
        if (isBuiltin(args.path)) return { path: args.path, external: true };
        const options = { kind: args.kind, resolveDir: args.resolveDir, importer: args.importer, pluginData: SKIP };
        let found = await build.resolve(args.path, options);
        // A project without an installed copy (a fresh scaffold, a lone file) gets this package's own, and what it brings.
        if (found.errors.length > 0) found = await build.resolve(args.path, { ...options, resolveDir: PACKAGE_DIRECTORY });
        if (found.errors.length > 0 || found.external) return { errors: found.errors, external: found.external, path: found.path };
        if (IS_BUILT && found.path.startsWith(PACKAGE_DIRECTORY)) return ownModule(args);
        if (args.kind === 'import-statement' && COPIED.test(args.path)) return { path: found.path, sideEffects: false };
        const isPackage = /[\\/]node_modules[\\/]/.test(found.path) || !isWithinProject(args.resolveDir, found.path);
        return isPackage ? { path: pathToFileURL(found.path).href, external: true } : { path: found.path };
      });
      build.onLoad({ filter: /^/, namespace: OWN_PACKAGE }, async () => ({ contents: await ownNames() }));
    },
  };
}

/** Inside the bundle `import.meta` and friends still speak of the user's own file. */
function ownFileNames(): Plugin {
  return {
    name: 'own-file-names',
    setup(build) {
      build.onLoad({ filter: /\.[mc]?[jt]sx?$/ }, async (args) => {
        const source = await readFile(args.path, 'utf8');
        if (!source.includes('import.meta') && !source.includes('__dirname') && !source.includes('__filename')) return undefined;
        const url = pathToFileURL(args.path).href;
        const { code } = await build.esbuild.transform(source, {
          loader: (extname(args.path).includes('ts') ? 'ts' : 'js') satisfies Loader,
          sourcefile: args.path,
          sourcemap: 'inline',
          target: `node${process.versions.node}`,
          define: {
            'import.meta.url': JSON.stringify(url),
            'import.meta.dirname': JSON.stringify(dirname(args.path)),
            'import.meta.filename': JSON.stringify(args.path),
            'import.meta.main': 'false',
            __dirname: JSON.stringify(dirname(args.path)),
            __filename: JSON.stringify(args.path),
          },
        });
        return { contents: code, loader: 'js', resolveDir: dirname(args.path) };
      });
    },
  };
}

const IS_BUILT = !import.meta.url.endsWith('.ts');

/**
 * Packages of many small files and without state, which take longer to find than to run: copied into the bundle, so
 * that a child starts in half the time.
 */
const COPIED = /^zod(\/|$)/;

const OWN_PACKAGE = 'own-package';

function ownModule({ path, kind }: OnResolveArgs): OnResolveResult {
  if (path === 'hud' && kind === 'import-statement') return { path, namespace: OWN_PACKAGE, sideEffects: false };
  return { path: pathToFileURL(ownEntry(path)).href, external: true };
}

/**
 * A module with every name of this package, each from where least is loaded with it. The bundler drops the
 * files of which a source imports no name, so that a child which serves does not load what runs agents.
 */
async function ownNames(): Promise<string> {
  const [author, whole] = ['./author.js', './index.js'].map((file) => new URL(file, import.meta.url).href) as [string, string];
  const light = Object.keys((await import(author)) as object);
  const rest = Object.keys((await import(whole)) as object).filter((name) => !light.includes(name));
  const line = (names: string[], url: string): string => `export { ${names.join(', ')} } from ${JSON.stringify(url)};\n`;
  return line(light, author) + line(rest, whole);
}

/** This package's own build, where a project's path aliases lead to its sources. */
function ownEntry(name: string): string {
  return createRequire(join(PACKAGE_DIRECTORY, 'package.json')).resolve(name);
}

const SKIP = Symbol('resolve without this plugin');
const PACKAGE_DIRECTORY = packageDirectory();
const isBuiltin = (name: string): boolean => createRequire(import.meta.url).resolve.paths(name) === null;

function packageDirectory(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!directory.endsWith('src') && !directory.endsWith('dist') && dirname(directory) !== directory) directory = dirname(directory);
  return dirname(directory);
}

/** Path aliases of a project lead to its own files; those are bundled, not left outside. */
function isWithinProject(importerDirectory: string, path: string): boolean {
  return path.startsWith(`${importerDirectory}/`) || isSourceBeside(importerDirectory, path);
}

function isSourceBeside(importerDirectory: string, path: string): boolean {
  return !path.startsWith(PACKAGE_DIRECTORY) && path.startsWith(`${dirname(importerDirectory)}/`);
}

/** The map's paths are relative to a file that is not where it says; absolute ones are true everywhere. */
function withAbsoluteSources(code: string, directory: string): string {
  const marker = '//# sourceMappingURL=data:application/json;base64,';
  const at = code.lastIndexOf(marker);
  if (at < 0) return code;
  const map = JSON.parse(Buffer.from(code.slice(at + marker.length).trim(), 'base64').toString()) as { sources: string[] };
  map.sources = map.sources.map((source) => pathToFileURL(resolve(directory, source)).href);
  return code.slice(0, at) + marker + Buffer.from(JSON.stringify(map)).toString('base64');
}

/** The user's files that went in, and the packages' files that are imported from outside; of a copied package its manifest. */
function inputsOf(metafile: Metafile, directory: string): string[] {
  const inside = Object.keys(metafile.inputs).filter((path) => path !== '<stdin>' && !path.startsWith(`${OWN_PACKAGE}:`));
  const outside = Object.values(metafile.outputs).flatMap(({ imports }) =>
    imports.map(({ path }) => path).filter((path) => path.startsWith('file:')),
  );
  const copied = inside.map((path) => /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(resolve(directory, path))?.[1]);
  const own = inside.filter((_path, i) => copied[i] === undefined).map((path) => resolve(directory, path));
  const manifests = new Set(copied.filter((path) => path !== undefined).map((path) => join(path, 'package.json')));
  return [...own, ...manifests, ...outside.map((path) => fileURLToPath(path))];
}

function compileError(path: string, directory: string, cause: unknown): HudError {
  if (cause instanceof HudError) return cause;
  const errors = (cause as Partial<BuildFailure>).errors;
  if (!Array.isArray(errors) || errors.length === 0)
    return new HudError('BAD_SOURCE', `${path} can't be compiled: ${messageOf(cause)}`, { cause });
  const lines = errors.slice(0, 5).map(({ text, location }) => {
    if (location === null) return text;
    const file = resolve(directory, location.file);
    return `${file}:${location.line}:${location.column + 1}: ${text}\n    ${location.lineText.trim()}`;
  });
  return new HudError('BAD_SOURCE', `${path} does not compile:\n  ${lines.join('\n  ')}`, { cause });
}
