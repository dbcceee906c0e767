/** Takes a reply apart while it comes: thoughts, text, calls. What may still become a marker is held back. */
import type { ReplyPiece, ReplyReader } from '../../engine.ts';
import type { CallFormat, FoundCall } from './formats.ts';
import type { ToolTypes } from './marked-calls.ts';

export const [THINK, THINK_END] = ['<think>', '</think>'] as const;

export interface ReaderOptions {
  /** Undefined: it calls no tools. */
  format: CallFormat | undefined;
  tools: ToolTypes;
  /** The model thinks between markers; `begun`: the prompt has opened them. */
  thinks: 'never' | 'may' | 'begun';
}

type State = 'begin' | 'thinking' | 'after-thinking' | 'text' | 'call';

export class MarkerReader implements ReplyReader {
  readonly #options: ReaderOptions;
  readonly #opens: readonly string[];
  #state: State;
  #rest = '';
  /** The marker of the call that is being read; empty: it has none. */
  #open = '';
  /** Before that marker: they belong to the call, if it is one. */
  #blanks = '';
  #hasThoughts = false;
  #isWhole = false;
  #hasCalled = false;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#opens = options.format?.opens ?? [];
    this.#state = options.thinks === 'begun' ? 'thinking' : 'begin';
  }

  push(text: string): ReplyPiece[] {
    this.#rest += text;
    return this.#read(false);
  }

  end(isWhole: boolean): ReplyPiece[] {
    this.#isWhole = isWhole;
    return this.#read(true);
  }

  #read(isEnd: boolean): ReplyPiece[] {
    const pieces: ReplyPiece[] = [];
    for (let goesOn = true; goesOn;) goesOn = this.#step(pieces, isEnd);
    return pieces;
  }

  /** @returns whether there may be more in what is there */
  #step(pieces: ReplyPiece[], isEnd: boolean): boolean {
    if (this.#state === 'begin' || this.#state === 'after-thinking') return this.#begin(isEnd);
    if (this.#state === 'thinking') return this.#think(pieces, isEnd);
    return this.#state === 'text' ? this.#say(pieces, isEnd) : this.#call(pieces, isEnd);
  }

  #begin(isEnd: boolean): boolean {
    const { thinks, format } = this.#options;
    const text = this.#rest.trimStart();
    const mayThink = this.#state === 'begin' && thinks === 'may';
    if (!isEnd && (text === '' || (mayThink && THINK.startsWith(text)))) return false;
    if (this.#state === 'after-thinking') this.#rest = this.#rest.replace(/^\n+/, '');
    if (mayThink && text.startsWith(THINK)) {
      this.#rest = text.slice(THINK.length);
      return this.#goTo('thinking');
    }
    if (format?.isBare === true && text.startsWith('{')) {
      [this.#open, this.#blanks] = ['', ''];
      return this.#goTo('call');
    }
    return this.#goTo('text');
  }

  #think(pieces: ReplyPiece[], isEnd: boolean): boolean {
    if (!this.#hasThoughts) this.#rest = this.#rest.replace(/^\n+/, '');
    const end = this.#rest.indexOf(THINK_END);
    const held = end === -1 && !isEnd ? heldBack(this.#rest, [THINK_END]) : 0;
    const thought = this.#rest.slice(0, end === -1 ? this.#rest.length - held : end);
    const said = end === -1 && !isEnd ? thought.replace(/\n+$/, '') : thought.trimEnd();
    if (said !== '') pieces.push({ kind: 'reasoning', text: said });
    this.#hasThoughts ||= said !== '';
    this.#rest = this.#rest.slice(end === -1 ? said.length : end + THINK_END.length);
    if (end !== -1) return this.#goTo('after-thinking');
    if (isEnd) this.#rest = '';
    return false;
  }

  #say(pieces: ReplyPiece[], isEnd: boolean): boolean {
    const first = this.#opens
      .map((open) => ({ open, at: this.#rest.indexOf(open) }))
      .filter(({ at }) => at !== -1)
      .toSorted((a, b) => a.at - b.at || b.open.length - a.open.length)[0];
    if (first !== undefined) {
      const said = this.#rest.slice(0, first.at).trimEnd();
      this.#blanks = this.#rest.slice(said.length, first.at);
      tell(pieces, said);
      this.#rest = this.#rest.slice(first.at + first.open.length);
      this.#open = first.open;
      return this.#goTo('call');
    }
    if (isEnd && this.#hasCalled) this.#rest = this.#rest.trimEnd();
    const held = isEnd || this.#opens.length === 0 ? 0 : heldBack(this.#rest, this.#opens);
    const sure = this.#rest.slice(0, this.#rest.length - held);
    const said = isEnd || this.#opens.length === 0 ? sure : sure.trimEnd();
    tell(pieces, said);
    this.#rest = this.#rest.slice(said.length);
    return false;
  }

  #call(pieces: ReplyPiece[], isEnd: boolean): boolean {
    const format = this.#options.format!;
    const close = this.#open === '' ? undefined : format.closes(this.#open);
    const end = close === undefined ? -1 : this.#rest.indexOf(close);
    if (end === -1 && !isEnd) return false;
    const block = end === -1 ? this.#rest : this.#rest.slice(0, end);
    const calls = format.read(block, this.#options.tools, end !== -1 || (close === undefined && this.#isWhole));
    const after = end === -1 ? '' : this.#rest.slice(end + close!.length);
    const text = this.#rest.slice(0, this.#rest.length - after.length);
    if (calls === undefined) tell(pieces, `${this.#blanks}${this.#open}${text}`);
    else for (const call of calls) pieces.push(this.#called(call, format));
    this.#rest = after;
    return this.#goTo('text');
  }

  #called({ id, name, arguments: text }: FoundCall, format: CallFormat): ReplyPiece {
    this.#hasCalled = true;
    return { kind: 'call', call: { id: id ?? format.newId(), name, arguments: text } };
  }

  #goTo(state: State): true {
    this.#state = state;
    return true;
  }
}

function tell(pieces: ReplyPiece[], text: string): void {
  if (text !== '') pieces.push({ kind: 'content', text });
}

/** Characters at the end that may be the beginning of a marker. */
export function heldBack(text: string, markers: readonly string[]): number {
  let most = 0;
  for (const marker of markers)
    for (let length = Math.min(marker.length - 1, text.length); length > most; length -= 1)
      if (text.endsWith(marker.slice(0, length))) most = length;
  return most;
}
