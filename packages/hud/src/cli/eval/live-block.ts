/** Lines at the bottom of a terminal that are drawn again and again; other lines scroll away above them. */
import { stripVTControlCharacters } from 'node:util';
import { textWidth } from '../terminal/width.ts';

const CLEAR_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[0J';

export class LiveBlock implements Disposable {
  readonly #stream: NodeJS.WriteStream;
  readonly #onResize = (): void => this.#redraw();
  /** As drawn, so that it can be found again after the window changed. */
  #drawn: string[] = [];
  #isClosed = false;

  /** @param stream a terminal */
  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    stream.on('resize', this.#onResize);
  }

  /** Replaces the block. Lines must fit the terminal: cut them first. */
  update(lines: string[]): void {
    if (this.#isClosed) return;
    this.#draw(lines);
    this.#drawn = lines;
  }

  /** Writes lines that stay, above the block. */
  print(lines: readonly string[]): void {
    if (this.#isClosed || lines.length === 0) return;
    this.#draw([...lines, ...this.#drawn]);
  }

  /** Removes the block. May be called twice. */
  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stream.off('resize', this.#onResize);
    this.#draw([]);
  }

  #redraw(): void {
    this.update(this.#drawn);
  }

  /** Over what is drawn, line by line: clearing it first would flicker. */
  #draw(lines: readonly string[]): void {
    this.#stream.write(`${this.#toStart()}${lines.map((line) => `${line}${CLEAR_LINE}\n`).join('')}${CLEAR_BELOW}`);
  }

  /** Up to the block's first row. A window made narrower has wrapped the lines into more rows. */
  #toStart(): string {
    const columns = this.#stream.columns || 80;
    const rows = this.#drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(textWidth(stripVTControlCharacters(line)) / columns)), 0);
    return rows === 0 ? '' : `\x1b[${rows}A\r`;
  }
}
