/** A raw connection to a control port, for tests: bytes out, frames or bytes in, every wait bounded. */
import { connect, type Socket } from 'node:net';

const LIMIT_MS = 8_000;

export class Wire {
  readonly #socket: Socket;
  #buffer = Buffer.alloc(0);
  #ended = false;
  #wake: () => void = () => {};

  constructor(port: number, host = '127.0.0.1') {
    this.#socket = connect({ port, host, noDelay: true, allowHalfOpen: true });
    this.#socket.on('data', (chunk) => {
      this.#buffer = Buffer.concat([this.#buffer, chunk]);
      this.#wake();
    });
    const end = (): void => {
      this.#ended = true;
      this.#wake();
    };
    this.#socket.on('end', end).on('close', end).on('error', end);
  }

  write(data: string | Uint8Array): void {
    this.#socket.write(data);
  }

  async drip(text: string): Promise<void> {
    for (const byte of Buffer.from(text)) {
      await new Promise<void>((resolve) => this.#socket.write(Buffer.of(byte), () => resolve()));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  end(): void {
    this.#socket.end();
  }

  drop(): void {
    this.#socket.destroy();
  }

  async line(): Promise<string> {
    await this.#until(() => this.#buffer.includes(0x0a) || this.#ended, 'a line');
    const at = this.#buffer.indexOf(0x0a);
    if (at < 0)
      throw new Error(`The server ended the connection instead of sending a line; it left ${JSON.stringify(this.#buffer.toString())}.`);
    const line = this.#buffer.subarray(0, at).toString();
    this.#buffer = this.#buffer.subarray(at + 1);
    return line;
  }

  async text(bytes: number): Promise<string> {
    await this.#until(() => this.#buffer.length >= bytes || this.#ended, `${bytes} bytes`);
    const text = this.#buffer.subarray(0, bytes).toString();
    this.#buffer = this.#buffer.subarray(bytes);
    return text;
  }

  /** @returns what came before the end */
  async untilEnd(): Promise<string> {
    await this.#until(() => this.#ended, 'the end');
    return this.#buffer.toString();
  }

  async #until(condition: () => boolean, what: string): Promise<void> {
    const deadline = Date.now() + LIMIT_MS;
    while (!condition()) {
      if (Date.now() > deadline)
        throw new Error(`Waited ${LIMIT_MS} ms for ${what}; so far: ${JSON.stringify(this.#buffer.toString().slice(0, 300))}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 200);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}
