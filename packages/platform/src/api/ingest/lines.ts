/** Takes a body apart at its newlines while it arrives. */

const NEWLINE = 0x0a;

export class Lines {
  /** Of a line that is not complete. */
  #parts: Uint8Array[] = [];

  /** @returns the lines that ended in this chunk, without their newlines; valid until the next call */
  push(chunk: Uint8Array): Uint8Array[] {
    const lines: Uint8Array[] = [];
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      lines.push(this.#whole(chunk.subarray(from, at)));
      from = at + 1;
    }
    if (from < chunk.length) this.#parts.push(chunk.subarray(from));
    return lines;
  }

  /** @returns the last line, which may lack its newline */
  end(): Uint8Array[] {
    const last = this.#whole(new Uint8Array());
    return last.length === 0 ? [] : [last];
  }

  #whole(end: Uint8Array): Uint8Array {
    if (this.#parts.length === 0) return end;
    const line = Buffer.concat([...this.#parts, end]);
    this.#parts = [];
    return line;
  }
}
