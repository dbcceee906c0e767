import { PassThrough } from 'node:stream';
import type { WriteStream } from 'node:tty';
import { expect, test } from 'vitest';
import { LiveBlock } from './live-block.ts';

test('a block is replaced in place, and lines printed above it stay', () => {
  const screen = new Screen(40);
  using block = new LiveBlock(screen.stream);
  block.update(['one', 'two']);
  block.update(['1/3 done', 'two', 'three']);
  block.print(['a run ended']);
  block.update(['2/3 done']);
  expect(screen.lines()).toEqual(['a run ended', '2/3 done']);
});

test('the block is gone when it is closed, also when it is closed twice', () => {
  const screen = new Screen(40);
  const block = new LiveBlock(screen.stream);
  block.print(['kept']);
  block.update(['gone', 'gone too']);
  block[Symbol.dispose]();
  block[Symbol.dispose]();
  block.update(['too late']);
  expect(screen.lines()).toEqual(['kept']);
  expect(screen.stream.listenerCount('resize')).toBe(0);
});

test('a window made narrower, which wraps what is drawn, leaves nothing behind', () => {
  const screen = new Screen(20);
  using block = new LiveBlock(screen.stream);
  block.print(['above']);
  block.update(['x'.repeat(19), 'y'.repeat(12)]);
  screen.resize(8);
  block.update(['short']);
  expect(screen.lines()).toEqual(['above', 'short']);
});

interface Row {
  text: string;
  /** The line of the row above goes on here. */
  continues: boolean;
}

/** Just enough of a terminal: wraps, reflows when it is resized, and knows the sequences that a block uses. */
class Screen {
  readonly stream: WriteStream;
  #rows: Row[] = [{ text: '', continues: false }];
  #row = 0;
  #column = 0;

  constructor(columns: number) {
    this.stream = Object.assign(new PassThrough(), { columns }) as unknown as WriteStream;
    this.stream.write = (text: string | Uint8Array) => {
      this.#write(String(text));
      return true;
    };
  }

  resize(columns: number): void {
    const above = this.#reflow(this.#rows.slice(0, this.#row), columns);
    this.#rows = [...above, ...this.#reflow(this.#rows.slice(this.#row), columns)];
    this.#row = above.length;
    this.stream.columns = columns;
    this.stream.emit('resize');
  }

  /** All but the row that the cursor is left on: a block ends with a line break. */
  lines(): string[] {
    return this.#rows.slice(0, -1).map(({ text }) => text);
  }

  #reflow(rows: Row[], columns: number): Row[] {
    const lines: string[] = [];
    for (const { text, continues } of rows) {
      if (continues) lines.push(`${lines.pop() ?? ''}${text}`);
      else lines.push(text);
    }
    return lines.flatMap((line) => (line.match(new RegExp(`.{1,${columns}}`, 'g')) ?? ['']).map((text, i) => ({ text, continues: i > 0 })));
  }

  #write(text: string): void {
    // oxlint-disable-next-line no-control-regex
    for (const [part, up] of text.matchAll(/\x1b\[(\d+)A|\x1b\[K|\x1b\[0J|\r|\n|[^\x1b\r\n]/g)) {
      if (up !== undefined) this.#row -= Number(up);
      else if (part === '\x1b[K') this.#current.text = this.#current.text.slice(0, this.#column);
      else if (part === '\x1b[0J') this.#clearBelow();
      else if (part === '\r') this.#column = 0;
      else if (part === '\n') this.#moveTo(this.#row + 1, false);
      else this.#put(part);
    }
  }

  get #current(): Row {
    const row = this.#rows[this.#row];
    if (row === undefined) throw new Error('the cursor left the screen');
    return row;
  }

  #clearBelow(): void {
    this.#current.text = this.#current.text.slice(0, this.#column);
    this.#rows.length = this.#row + 1;
  }

  #put(char: string): void {
    if (this.#column === this.stream.columns) this.#moveTo(this.#row + 1, true);
    const { text } = this.#current;
    this.#current.text = text.slice(0, this.#column).padEnd(this.#column) + char + text.slice(this.#column + 1);
    this.#column += 1;
  }

  #moveTo(row: number, continues: boolean): void {
    this.#row = row;
    this.#column = 0;
    if (this.#rows.length === row) this.#rows.push({ text: '', continues });
    this.#current.continues = continues;
  }
}
