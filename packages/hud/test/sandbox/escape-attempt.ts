/** What an attempt to get out of a sandbox consists of. */
import type { SshClient } from '../../src/capabilities/ssh.ts';

/** The world outside, as far as the attempts are told of it; the word that they must not read is not among it. */
export interface Facts {
  /** Anybody may write to it: `file` holds the word, a third file is called by it, and `precious` must stay as it is. */
  outside: string;
  /** Served folder of another sandbox, with the word in `other.txt`. */
  otherRoot: string;
  /** Private folder of the workspace. */
  keys: string;
  /** Of a process outside, of the server's user. */
  canary: number;
  canaryUid: number;
  /** Its only argument. */
  canaryName: string;
  /** Services that say the word to whoever connects. */
  port: number;
  abstractNames: string[];
  socketPath: string;
  /** Of a System V shared memory that begins with the word. */
  shmKey: number;
  /** Name of a key in the user's keyring, whose payload is the word. */
  keyName: string;
  /** File of the machine's shared memory, with the word. */
  shmFile: string;
}

/** What the environment's author does with the workspace, in the product's way or, for comparison, the naive one. */
export interface Author {
  read(path: string): Promise<string>;
  write(path: string, content: string): Promise<void>;
  list(path: string): Promise<string>;
  /** With a copy of a folder. */
  fill(folder: string): Promise<void>;
  run(command: string, isolated: boolean): Promise<string>;
}

export interface Scene {
  author: Author;
  /** The agent's connection. */
  ssh: SshClient;
  facts: Facts;
  /** A folder for the author, outside. */
  folder: string;
}

export interface Attempt {
  name: string;
  /** Python, after the prelude, run as the agent. */
  code: string;
  /** On a terminal. @default false */
  pty?: boolean;
  /** What follows outside, once the code has ended; its text is looked through for the word as well. */
  afterwards?(scene: Scene): Promise<string>;
  /** Why it is not made without walls, or makes no difference there. @default it is, and must be noticed */
  unnoticed?: string;
}
