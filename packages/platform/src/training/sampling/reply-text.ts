/** What sampled tokens say, piece by piece while more come: without the stop at which they end, and only what can't change any more. */
import type { Sampled, Tokenizer } from '../engine.ts';
import { heldBack } from '../text/replies/reader.ts';
import { endsWith } from './prompt.ts';

/** Stands where a character is not whole yet. */
const INCOMPLETE = '\ufffd';

export class ReplyText {
  readonly #tokenizer: Tokenizer;
  readonly #stopTexts: readonly string[];
  readonly #tokens: number[] = [];
  /** The text of tokens up to `#read` is known. They are read together with those from `#from`, as blanks depend on what is before. */
  #from = 0;
  #read = 0;
  /** Not told yet: it may begin a stop. */
  #text = '';
  #isOver = false;

  /** @param stopTexts at which it ends, besides the tokenizer's own stops */
  constructor(tokenizer: Tokenizer, stopTexts: readonly string[]) {
    this.#tokenizer = tokenizer;
    this.#stopTexts = stopTexts;
  }

  /** A text at which it ends has come; whatever follows is none of it. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** @returns the text that is certain now, often none */
  push(tokens: readonly number[]): string {
    for (const token of tokens) this.#tokens.push(token);
    this.#decode(this.#tokens.length - this.#heldTokens(), false);
    return this.#tell(false);
  }

  end(stopReason: Sampled['stopReason']): string {
    const stops = stopReason === 'stop' ? this.#tokenizer.stop.filter((stop) => endsWith(this.#tokens, stop)) : [];
    this.#decode(this.#tokens.length - Math.max(0, ...stops.map((stop) => stop.length)), true);
    return this.#tell(true);
  }

  #decode(count: number, isEnd: boolean): void {
    const known = this.#decoded(this.#from, this.#read);
    const text = this.#decoded(this.#from, count);
    if (text.length <= known.length || (text.endsWith(INCOMPLETE) && !isEnd)) return;
    this.#text += text.slice(known.length);
    this.#from = this.#read;
    this.#read = count;
  }

  #decoded(from: number, to: number): string {
    const { silent } = this.#tokenizer;
    const tokens = this.#tokens.slice(from, to);
    return this.#tokenizer.decode(silent === undefined ? tokens : tokens.filter((token) => !silent.has(token)));
  }

  #tell(isEnd: boolean): string {
    if (this.#isOver) return '';
    const stops = this.#stopTexts.map((stop) => this.#text.indexOf(stop)).filter((at) => at !== -1);
    this.#isOver = stops.length > 0;
    const end = this.#isOver ? Math.min(...stops) : this.#text.length - (isEnd ? 0 : heldBack(this.#text, this.#stopTexts));
    const told = this.#text.slice(0, end);
    this.#text = this.#text.slice(end);
    return told;
  }

  /** Tokens at the end that may be the beginning of a stop. */
  #heldTokens(): number {
    let most = 0;
    for (const stop of this.#tokenizer.stop)
      for (let length = Math.min(stop.length, this.#tokens.length); length > most; length -= 1)
        if (endsWith(this.#tokens, stop.slice(0, length))) most = length;
    return most;
  }
}
