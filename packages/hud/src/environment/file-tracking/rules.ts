/** Which paths below a root are not looked at, and of which only size and time are. */

const EXCLUDED_DIRECTORIES =
  'node_modules .venv __pycache__ .cache .npm .hud .tmp .gradle .tox .pytest_cache .mypy_cache .ruff_cache ' +
  '.terraform .next .nuxt .svelte-kit .output .turbo .parcel-cache';
const EXCLUDED_NAMES = '.git .hg .svn .jj *.pyc *.pyo *.so *.o *.a *.class *.dll *.dylib *.exe';
const EXCLUDED = [...EXCLUDED_DIRECTORIES.split(' ').map((name) => `${name}/`), ...EXCLUDED_NAMES.split(' ')];
const SECRET =
  '.env .env.* .gitconfig .gitmodules *.pem id_* *_key *_key.* credentials credentials.* .netrc .git-credentials .ssh/ .aws/'.split(' ');

export interface Rules {
  /** @param path relative to the root, parts joined by `/`; directories above it are not excluded */
  isExcluded(path: string, isDirectory: boolean): boolean;
  /** Its content must never be read. */
  isSecret(path: string): boolean;
}

/** @param ignored lines of the root's `.gitignore`; '' where there is none */
export function rulesWith(ignored: string): Rules {
  const excluded = matcher([...EXCLUDED, ...ignorePatterns(ignored)], true);
  const secret = matcher(SECRET, false);
  return { isExcluded: excluded, isSecret: (path) => secret(path, false) };
}

/** Negations are not understood and left out; a leading slash means nothing. */
function ignorePatterns(text: string): string[] {
  const lines = text.split(/\r\n|\r|\n/).map((line) => line.trim());
  return lines.filter((line) => line !== '' && !/^[#!]/.test(line)).map((line) => line.replace(/^\/+/, ''));
}

/** A pattern that ends in `/` names directories anywhere, with all that is in them; any other is a glob for base names. */
function matcher(patterns: readonly string[], isWalked: boolean): (path: string, isDirectory: boolean) => boolean {
  const isFolder = (pattern: string): boolean => pattern.endsWith('/');
  const directories = new Set(patterns.filter(isFolder).map((pattern) => pattern.replace(/\/+$/, '')));
  // Whoever walks does not enter a directory that matched by its name.
  const nested = [...directories].filter((name) => !isWalked || name.includes('/')).map((name) => `/${name}/`);
  const globs = patterns.filter((pattern) => !isFolder(pattern) && pattern !== '');
  const names = new RegExp(`^(?:${globs.map(globSource).join('|')})$`, 's');
  return (path, isDirectory) => {
    const name = path.slice(path.lastIndexOf('/') + 1);
    if ((isDirectory && directories.has(name)) || names.test(name)) return true;
    if (nested.length === 0 || name === path) return false;
    const rooted = `/${path}`;
    return nested.some((part) => rooted.includes(part));
  };
}

/** Shell globs: `*`, `?`, `[abc]`, `[!abc]`, all of which match newlines; a `[` without its `]` is itself. */
function globSource(glob: string): string {
  let source = '';
  for (let i = 0; i < glob.length; i += 1) {
    const char = glob.charAt(i);
    const end = char === '[' ? glob.indexOf(']', glob.charAt(i + 1) === '!' ? i + 3 : i + 2) : -1;
    if (char === '*') source += glob.charAt(i + 1) === '*' ? '' : '.*';
    else if (char === '?') source += '.';
    else if (end > 0) {
      source += setExpression(glob.slice(i + 1, end));
      i = end;
    } else source += escapeExpression(char);
  }
  return source;
}

/** What stands between brackets; ranges that run backwards are empty. */
function setExpression(set: string): string {
  const isNegated = set.startsWith('!');
  const members = [...(isNegated ? set.slice(1) : set)];
  const parts: string[] = [];
  for (let i = 0; i < members.length; i += 1) {
    const [from = '', dash, to] = members.slice(i, i + 3);
    if (dash !== '-' || to === undefined) parts.push(hexEscape(from));
    else {
      if (from <= to) parts.push(`${hexEscape(from)}-${hexEscape(to)}`);
      i += 2;
    }
  }
  if (parts.length === 0) return isNegated ? '.' : '(?!)';
  return `[${isNegated ? '^' : ''}${parts.join('')}]`;
}

function hexEscape(char: string): string {
  return char
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
}

function escapeExpression(char: string): string {
  return char.replace(/[\\^$.*+?()[\]{}|/-]/, '\\$&');
}
