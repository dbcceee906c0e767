/** Checks every import of packages/*\/src against `import-rules.ts`. Prints the forbidden ones; exit 1 when there are any. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { parseSync, Visitor } from 'oxc-parser';
import { ANY, HEAVY, PACKAGES, type Package, type Room } from './import-rules.ts';

export interface Violation {
  /** Relative to the repository. */
  file: string;
  line: number;
  /** As written. */
  specifier: string;
  rule: string;
}

interface Import {
  specifier: string;
  line: number;
  /** `import { type T }` is a value import: it still loads the module. */
  kind: 'value' | 'type' | 'lazy';
}

/** Where an importing file stands, and what holds there. */
interface Place {
  path: string;
  src: string;
  /** Folder below `packages`. */
  pkg: string;
  /** `''` for files of `src` itself. */
  room: string;
  table: Package;
  rules: Room;
  /** From a workspace package's name to its folder. */
  workspaces: Map<string, string>;
}

if (import.meta.main) {
  const violations = checkImports(dirname(import.meta.dirname));
  for (const { file, line, specifier, rule } of violations) process.stdout.write(`${file}:${line} imports '${specifier}': ${rule}.\n`);
  process.exitCode = violations.length > 0 ? 1 : 0;
}

/** Every forbidden import below `root`. Tests are not looked at. */
export function checkImports(root: string): Violation[] {
  const packages = join(root, 'packages');
  const folders = readdirSync(packages).filter((folder) => existsSync(join(packages, folder, 'package.json')));
  const workspaces = new Map(folders.map((folder) => [nameIn(join(packages, folder, 'package.json')), folder]));
  return folders.flatMap((pkg) => {
    const src = join(packages, pkg, 'src');
    return sourcesOf(src).flatMap((path) => {
      const file = relative(root, path);
      const [room, ...rest] = relative(src, path).split(sep);
      const place = placeOf({ path, src, pkg, room: rest.length > 0 ? (room ?? '') : '', workspaces });
      if (typeof place === 'string') return [{ file, line: 1, specifier: '', rule: place }];
      return importsOf(path).flatMap((found) => {
        const rule = brokenRule(place, found);
        return rule === undefined ? [] : [{ file, line: found.line, specifier: found.specifier, rule }];
      });
    });
  });
}

function sourcesOf(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sourcesOf(path);
    return /\.[mc]?tsx?$/.test(entry.name) && !/\.test\.tsx?$/.test(entry.name) ? [path] : [];
  });
}

function placeOf(at: Omit<Place, 'table' | 'rules'>): Place | string {
  const table = PACKAGES[at.pkg];
  const rules = at.room === '' ? (table?.top ?? ({ rooms: ANY, hud: ANY } as const)) : table?.rooms[at.room];
  if (table === undefined || rules === undefined)
    return `scripts/import-rules.ts has no line for ${join('packages', at.pkg, 'src', at.room)}`;
  return { ...at, table, rules };
}

function importsOf(path: string): Import[] {
  const source = readFileSync(path, 'utf8');
  const { program, errors } = parseSync(path, source);
  if (errors.length > 0) throw new Error(`${path} can't be parsed: ${errors[0]?.message}`);
  const found: Import[] = [];
  const add = (specifier: unknown, start: number, kind: Import['kind']): void => {
    if (typeof specifier === 'string') found.push({ specifier, kind, line: source.slice(0, start).split('\n').length });
  };
  const kindOf = (declared: string | undefined): Import['kind'] => (declared === 'type' ? 'type' : 'value');
  new Visitor({
    ImportDeclaration: (node) => add(node.source.value, node.start, kindOf(node.importKind)),
    ExportNamedDeclaration: (node) => add(node.source?.value, node.start, kindOf(node.exportKind)),
    ExportAllDeclaration: (node) => add(node.source.value, node.start, kindOf(node.exportKind)),
    ImportExpression: (node) => add(node.source.type === 'Literal' ? node.source.value : undefined, node.start, 'lazy'),
    TSImportType: (node) => add(node.source.value, node.start, 'type'),
  }).visit(program);
  return found;
}

/** @returns the rule in words, undefined when none is broken */
function brokenRule(place: Place, { specifier, kind }: Import): string | undefined {
  if (specifier.startsWith('.')) return brokenByPath(place, specifier);
  if (isBuiltin(specifier))
    return place.rules.builtins === false
      ? `${place.room || place.pkg} runs in browsers too and may not use what Node brings along`
      : undefined;
  return brokenByPackage(place, specifier, kind);
}

function brokenByPath({ path, src, pkg, room, table, rules }: Place, specifier: string): string | undefined {
  const [first = '', second] = relative(src, resolve(dirname(path), specifier)).split(sep);
  if (first === '..') return second === '..' ? `a file of ${pkg} may not leave its package by path` : undefined;
  if (rules.rooms === ANY || first === room) return undefined;
  if (second === undefined)
    return table.shared?.includes(first) === true ? undefined : `a room may not import ${first}, which puts the rooms together`;
  return rules.rooms.includes(first) ? undefined : `${room} may import ${listed(rules.rooms)} but not ${first}`;
}

function brokenByPackage({ pkg, room, rules, workspaces }: Place, specifier: string, kind: Import['kind']): string | undefined {
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  const workspace = workspaces.get(name);
  if (workspace === pkg) return `inside ${pkg} import the file itself, by its path`;
  if (workspace === 'hud') {
    const { hud = ['hud/protocol'] } = rules;
    return hud === ANY || hud.includes(specifier) ? undefined : `${join(pkg, room)} may import ${listed(hud)} of hud`;
  }
  if (workspace !== undefined && (pkg !== 'hud' || room !== 'cli' || kind !== 'lazy'))
    return `${name} may be imported by hud's cli alone, with import()`;
  if (HEAVY.includes(name) && kind === 'value')
    return `${name} is heavy: load it with import() where it is used, or take its types with \`import type\``;
  if (rules.packages?.includes(name) === false) return `of the packages ${room} may import ${listed(rules.packages)} alone`;
  return undefined;
}

function listed(names: string[]): string {
  return names.length > 0 ? names.join(', ') : 'no other room';
}

function nameIn(manifest: string): string {
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { name: string }).name;
}
