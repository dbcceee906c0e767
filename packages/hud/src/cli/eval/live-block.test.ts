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

/** Just enough of a terminal: wraps, reflows, and knows the two control sequences that a block uses. */
class Screen {
  readonly stream: WriteStream;
  #columns: number;
  /** Lines before wrapping. */
  #lines: string[] = [''];
  #row = 0; // in wrapped rows

  constructor(columns: number) {
    this.#columns = columns;
    this.stream = Object.assign(new PassThrough(), { columns }) as unknown as WriteStream;
    this.stream.write = (text: string | Uint8Array) => {
      this.#write(String(text));
      return true;
    };
  }

  resize(columns: number): void {
    const below = this.#rows().length - this.#row;
    this.#columns = columns;
    this.#row = this.#rows().length - below;
    this.stream.columns = columns;
    this.stream.emit('resize');
  }

  lines(): string[] {
    return this.#lines.slice(0, -1);
  }

  #rows(): string[] {
    return this.#lines.flatMap((line) => line.match(new RegExp(`.{1,${this.#columns}}`, 'g')) ?? ['']);
  }

  #write(text: string): void {
    // oxlint-disable-next-line no-control-regex
    for (const [part, up] of text.matchAll(/\x1b\[(\d+)A|\x1b\[0J|\r|\n|[^\x1b\r\n]+/g)) {
      if (up !== undefined) this.#row -= Number(up);
      else if (part === '\x1b[0J') this.#lines = [...this.#rows().slice(0, this.#row), ''];
      else if (part === '\n') this.#lines.push('');
      else if (part !== '\r') this.#lines[this.#lines.length - 1] += part;
      if (part === '\n' || part === '\x1b[0J') this.#row = this.#rows().length - 1;
    }
  }
}
