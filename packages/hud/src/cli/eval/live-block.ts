/** Lines at the bottom of a terminal that are drawn again and again; other lines scroll away above them. */
import { stripVTControlCharacters } from 'node:util';
import { textWidth } from '../terminal/width.ts';

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
    this.#stream.write(`${this.#erase()}${lines.map((line) => `${line}\n`).join('')}`);
    this.#drawn = lines;
  }

  /** Writes lines that stay, above the block. */
  print(lines: readonly string[]): void {
    if (this.#isClosed || lines.length === 0) return;
    const block = this.#drawn.map((line) => `${line}\n`).join('');
    this.#stream.write(`${this.#erase()}${lines.map((line) => `${line}\n`).join('')}${block}`);
  }

  /** Removes the block. May be called twice. */
  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stream.off('resize', this.#onResize);
    this.#stream.write(this.#erase());
  }

  #redraw(): void {
    this.update(this.#drawn);
  }

  /** Up to the block's first row. A window made narrower has wrapped the lines into more rows. */
  #erase(): string {
    const columns = this.#stream.columns || 80;
    const rows = this.#drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(textWidth(stripVTControlCharacters(line)) / columns)), 0);
    return rows === 0 ? '' : `\x1b[${rows}A\r${CLEAR_BELOW}`;
  }
}
