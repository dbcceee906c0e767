/** One output stream as the commands see it: is somebody watching, how wide, in colour or not. */
import { isatty, type WriteStream } from 'node:tty';

/** Standard output or standard error. */
export type Output = NodeJS.WriteStream & { fd: number };

export type Paint = (text: string) => string;

export interface Terminal {
  readonly isTTY: boolean;
  /** Columns; 80 where nobody says. Changes when the window does. */
  readonly columns: number;
  readonly bold: Paint;
  readonly dim: Paint;
  readonly red: Paint;
  readonly green: Paint;
  readonly yellow: Paint;
  /** Writes one line at once. */
  line(text?: string): void;
  /** The stream itself, for what redraws. */
  readonly stream: NodeJS.WriteStream;
}

export function makeTerminal(stream: Output, options: { color: boolean }): Terminal {
  const paint = (open: number, close: number): Paint => (options.color ? (text) => `\x1b[${open}m${text}\x1b[${close}m` : (text) => text);
  return {
    isTTY: isatty(stream.fd),
    get columns() {
      return (stream as Partial<WriteStream>).columns || 80;
    },
    bold: paint(1, 22),
    dim: paint(2, 22),
    red: paint(31, 39),
    green: paint(32, 39),
    yellow: paint(33, 39),
    line: (text = '') => void stream.write(`${text}\n`),
    stream,
  };
}

/** `NO_COLOR` (any text) and `--no-color` switch colours off, `FORCE_COLOR` switches them on for a pipe. */
export function wantsColor(stream: Output, env: NodeJS.ProcessEnv, noColorFlag: boolean): boolean {
  if (noColorFlag || (env.NO_COLOR ?? '') !== '') return false;
  if ((env.FORCE_COLOR ?? '0') !== '0') return true;
  return isatty(stream.fd) && env.TERM !== 'dumb';
}
