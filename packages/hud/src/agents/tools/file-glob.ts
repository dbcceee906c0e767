/** Patterns for paths, matched in time that grows with pattern times path: patterns come from models. */
import { HudError } from '../../protocol/errors.ts';

const MAX_ALTERNATIVES = 256;

type Token =
  | { kind: 'character'; fits: (character: string) => boolean }
  /** `*`: any number of characters within a folder's name. */
  | { kind: 'name' }
  /** `**`: any number of characters. */
  | { kind: 'any' }
  /** `**` and a slash: any number of whole folders; always followed by its `inside`. */
  | { kind: 'folders' }
  | { kind: 'inside' };

/** `**` is any number of folders, `*` and `?` stay within one, `[a-z]` and `[!a]` are sets, `{a,b}` are alternatives. */
export function globMatcher(pattern: string): (path: string) => boolean {
  const all = alternatives(pattern).map(tokensOf);
  return (path) => all.some((tokens) => matches(tokens, path));
}

/** `*.{ts,tsx}` → `*.ts`, `*.tsx`; braces inside braces too. @throws HudError BAD_ARGUMENT beyond 256 of them */
export function alternatives(pattern: string): string[] {
  const done: string[] = [];
  const open = [pattern];
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    const found = /\{([^{}]*,[^{}]*)\}/.exec(one);
    if (found === null) done.push(one);
    else {
      const [whole, list = ''] = found;
      const [before, after] = [one.slice(0, found.index), one.slice(found.index + whole.length)];
      open.push(...list.split(',').map((choice) => before + choice + after));
    }
    if (done.length + open.length > MAX_ALTERNATIVES)
      throw new HudError('BAD_ARGUMENT', `The pattern has more than ${MAX_ALTERNATIVES} alternatives.`);
  }
  return done;
}

function tokensOf(pattern: string): Token[] {
  return [...pattern.matchAll(/\*\*\/|\*\*|\*|\?|\[!?\]?[^\]]*\]|./gsu)].flatMap(([text]): Token[] => {
    if (text === '**/') return [{ kind: 'folders' }, { kind: 'inside' }];
    if (text === '**') return [{ kind: 'any' }];
    if (text === '*') return [{ kind: 'name' }];
    if (text === '?') return [{ kind: 'character', fits: (character) => character !== '/' }];
    if (text.length > 2 && text.startsWith('[')) return [{ kind: 'character', fits: setOf(text) }];
    return [{ kind: 'character', fits: (character) => character === text }];
  });
}

function setOf(text: string): (character: string) => boolean {
  const isNegated = text.startsWith('[!');
  const members = text.slice(isNegated ? 2 : 1, -1);
  const ranges = [...members.matchAll(/(.)-(.)|(.)/gsu)].map(([, low, high, single]) => [low ?? single ?? '', high ?? single ?? '']);
  return (character) => character !== '/' && ranges.some(([low = '', high = '']) => character >= low && character <= high) !== isNegated;
}

/** All places in the pattern at once, character by character. */
function matches(tokens: readonly Token[], path: string): boolean {
  let places = reached(tokens, [0]);
  for (const character of path) {
    places = reached(
      tokens,
      [...places].flatMap((place) => after(tokens[place], place, character)),
    );
    if (places.size === 0) return false;
  }
  return places.has(tokens.length);
}

function after(token: Token | undefined, place: number, character: string): number[] {
  switch (token?.kind) {
    case 'character':
      return token.fits(character) ? [place + 1] : [];
    case 'name':
      return character === '/' ? [] : [place];
    case 'any':
      return [place];
    case 'inside':
      return character === '/' ? [place, place + 1] : [place];
    default:
      return [];
  }
}

/** These places and those behind what may match nothing. */
function reached(tokens: readonly Token[], places: readonly number[]): Set<number> {
  const all = new Set(places);
  for (const place of all) {
    const kind = tokens[place]?.kind;
    if (kind === 'name' || kind === 'any' || kind === 'folders') all.add(place + 1);
    if (kind === 'folders') all.add(place + 2);
  }
  return all;
}
