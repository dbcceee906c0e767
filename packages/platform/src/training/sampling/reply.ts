/** One reply while it is sampled: its tokens, and what they say as content, thoughts and calls. */
import type { ReplyPiece, ReplyReader, Sampled, Tokenizer } from '../engine.ts';
import { ReplyText } from './reply-text.ts';

export interface ReplyOptions {
  tokenizer: Tokenizer;
  /** Of its prompt: the last of its text. */
  promptEnd: string;
  stopTexts: readonly string[];
  tools: readonly object[];
}

export class Reply {
  readonly #text: ReplyText;
  readonly #reader: ReplyReader;
  readonly #tokens: number[] = [];
  readonly #logprobs: number[] = [];
  readonly #endsAtText: boolean;
  readonly pieces: ReplyPiece[] = [];

  constructor({ tokenizer, promptEnd, stopTexts, tools }: ReplyOptions) {
    this.#text = new ReplyText(tokenizer, stopTexts);
    this.#endsAtText = stopTexts.length > 0;
    this.#reader = tokenizer.replies?.reader(promptEnd, tools) ?? plainReader;
  }

  /** A text at which it ends has come: tokens after this one are none of it. */
  get isOver(): boolean {
    return this.#text.isOver;
  }

  get length(): number {
    return this.#tokens.length;
  }

  /** @returns what is certain now */
  push(token: number, logprob: number): ReplyPiece[] {
    return this.#push([token], [logprob]);
  }

  /** All of it at once, which is quicker where no text can end it on the way. */
  take({ tokens, logprobs, stopReason }: Sampled): void {
    if (this.#endsAtText) {
      for (const [i, token] of tokens.entries()) {
        if (this.isOver) break;
        this.push(token, logprobs[i]!);
      }
    } else this.#push(tokens, logprobs);
    this.end(stopReason);
  }

  end(stopReason: Sampled['stopReason']): ReplyPiece[] {
    const last = this.#text.end(this.isOver ? 'stop' : stopReason);
    return this.#kept([...this.#reader.push(last), ...this.#reader.end(this.isOver || stopReason === 'stop')]);
  }

  /** As far as it counts. */
  sampled(stopReason: Sampled['stopReason']): Sampled {
    return { tokens: this.#tokens, logprobs: this.#logprobs, stopReason: this.isOver ? 'stop' : stopReason };
  }

  #push(tokens: readonly number[], logprobs: readonly number[]): ReplyPiece[] {
    for (const token of tokens) this.#tokens.push(token);
    for (const logprob of logprobs) this.#logprobs.push(logprob);
    return this.#kept(this.#reader.push(this.#text.push(tokens)));
  }

  #kept(pieces: ReplyPiece[]): ReplyPiece[] {
    this.pieces.push(...pieces);
    return pieces;
  }
}

const plainReader: ReplyReader = {
  push: (text) => (text === '' ? [] : [{ kind: 'content', text }]),
  end: () => [],
};
