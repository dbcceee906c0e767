/** Replies as messages on channels: thoughts on `analysis`, calls addressed to `functions.…`, what is said on the others. */
import { randomUUID } from 'node:crypto';
import type { ReplyPiece, ReplyReader } from '../../engine.ts';
import { heldBack } from './reader.ts';

const BODY = '<|message|>';
const ENDS = ['<|end|>', '<|call|>', '<|return|>'] as const;

export class HarmonyReader implements ReplyReader {
  readonly #callsTools: boolean;
  #rest = '';
  /** Of the message whose body is being read. */
  #header: string | undefined;
  #arguments = '';

  constructor(callsTools: boolean) {
    this.#callsTools = callsTools;
  }

  push(text: string): ReplyPiece[] {
    this.#rest += text;
    return this.#read(false);
  }

  end(isWhole: boolean): ReplyPiece[] {
    const pieces = this.#read(true);
    // A call that was cut off is text.
    return isWhole ? pieces : pieces.map((piece) => (piece.kind === 'call' ? { kind: 'content', text: piece.call.arguments } : piece));
  }

  #read(isEnd: boolean): ReplyPiece[] {
    const pieces: ReplyPiece[] = [];
    for (;;) {
      if (this.#header === undefined) {
        const at = this.#rest.indexOf(BODY);
        if (at === -1) {
          // A reply without any marker says what it says.
          if (isEnd && !/<\|/.test(this.#rest) && this.#rest !== '') pieces.push({ kind: 'content', text: this.#rest });
          if (isEnd) this.#rest = '';
          return pieces;
        }
        this.#header = this.#rest.slice(0, at);
        this.#rest = this.#rest.slice(at + BODY.length);
      }
      const end = ENDS.map((marker) => ({ marker, at: this.#rest.indexOf(marker) }))
        .filter(({ at }) => at !== -1)
        .toSorted((a, b) => a.at - b.at)[0];
      const held = end === undefined && !isEnd ? heldBack(this.#rest, ENDS) : 0;
      const body = this.#rest.slice(0, end?.at ?? this.#rest.length - held);
      this.#rest = this.#rest.slice(end === undefined ? body.length : end.at + end.marker.length);
      this.#tell(pieces, this.#header, body, end !== undefined || isEnd);
      if (end === undefined) return pieces;
      this.#header = undefined;
    }
  }

  #tell(pieces: ReplyPiece[], header: string, body: string, isOver: boolean): void {
    const name = / to=(?:functions\.)?([\w.-]+)/.exec(header)?.[1];
    if (name !== undefined && this.#callsTools) {
      this.#arguments += body;
      if (!isOver) return;
      const id = `call_${randomUUID().replaceAll('-', '').slice(0, 24)}`;
      pieces.push({ kind: 'call', call: { id, name, arguments: this.#arguments.trim() } });
      this.#arguments = '';
    } else if (body !== '') pieces.push({ kind: header.includes('<|channel|>analysis') ? 'reasoning' : 'content', text: body });
  }
}
