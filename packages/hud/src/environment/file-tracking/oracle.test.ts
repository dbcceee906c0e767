/** Random work below a root, told by the tracker, against a walk that reads everything. */
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { track, type Tracked } from './fixture.ts';
import { tempDir } from '../../testing/temp-dir.ts';
import { Watcher } from './watcher.ts';

type State = Map<string, string>;

function readAll(root: string, state: State = new Map(), folder = root): State {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) readAll(root, state, path);
    if (entry.isFile()) state.set(relative(root, path), createHash('sha256').update(readFileSync(path)).digest('hex'));
  }
  return state;
}

function differences(before: State, after: State): string[] {
  const changed = [...new Set([...before.keys(), ...after.keys()])].filter((path) => before.get(path) !== after.get(path));
  return changed.map((path) => `${path} ${before.get(path) ?? null} ${after.get(path) ?? null}`).toSorted();
}

class Work {
  readonly #root: string;
  /** What links lead to; work goes on in there as well, seen by nobody. */
  readonly #outside: string;
  #state: number;

  constructor(root: string, outside: string, seed: number) {
    this.#root = root;
    this.#outside = outside;
    this.#state = seed;
  }

  number(below: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * below);
  }

  /** What this does may be impossible just now, as a move of a folder into itself; then nothing happens. */
  act(): void {
    try {
      this.#actions[this.number(this.#actions.length)]?.();
    } catch (error) {
      const { code, message } = error as { code?: unknown; message: string };
      const isExpected = /^E(INVAL|EXIST|NOTEMPTY|ISDIR|NOTDIR|NOENT|LOOP|PERM)$/.test(String(code)) || /symbolic links/.test(message);
      if (!isExpected) throw error;
    }
  }

  readonly #actions = [
    () => writeFileSync(this.#path(), this.#text()),
    () => writeFileSync(this.#path(), this.#text()),
    () => appendFileSync(this.#path(), this.#text()),
    () => mkdirSync(this.#path(), { recursive: true }),
    () => rmSync(this.#path(), { recursive: true, force: true }),
    () => renameSync(this.#path(), this.#path()),
    () => renameSync(this.#path(), this.#path()),
    () => this.#replace(this.#path()),
    () => this.#keepTimes(this.#path()),
    () => this.#swapWithLink(this.#path()),
    () => this.#link(this.#path(), this.#path()),
    () => truncateSync(this.#path(), this.number(3)),
  ];

  /** Few names, so that paths meet: files take the place of folders and the other way round. */
  #path(): string {
    const parts = Array.from({ length: 1 + this.number(3) }, () => `n${this.number(5)}`);
    return join(this.#root, ...parts);
  }

  #text(): string {
    return `line ${this.number(9)}\n`;
  }

  /** Inside only: of a name made elsewhere the system tells nobody who watches this one. */
  #link(path: string, other: string): void {
    linkSync(path, other);
    if (!realpathSync(other).startsWith(`${this.#root}/`)) rmSync(other);
  }

  #replace(path: string): void {
    writeFileSync(`${path}.new`, this.#text());
    renameSync(`${path}.new`, path);
  }

  #keepTimes(path: string): void {
    const { atime, mtime, size } = statSync(path);
    writeFileSync(path, this.#text().padEnd(size).slice(0, size));
    utimesSync(path, atime, mtime);
  }

  #swapWithLink(path: string): void {
    rmSync(path, { recursive: true, force: true });
    symlinkSync(this.number(2) === 0 ? this.#outside : this.#path(), path);
  }
}

async function check(tracked: Tracked, before: State): Promise<State> {
  const { patches } = await tracked.diff();
  const after = readAll(tracked.root);
  const told = patches.map(({ path, content_hash_before: was, content_hash_after: is }) => `${path} ${was} ${is}`);
  expect(told.toSorted()).toEqual(differences(before, after));
  return after;
}

test.each([1, 2, 3, 4, 5, 6])(
  'no change of 500 random ones is missed, and none is invented (seed %i)',
  async (seed) => {
    await using tracked = await track({ 'n0/n1/n2': 'a\n', 'n1/n1': 'b\n', n2: 'c\n' });
    await using outside = await tempDir();
    writeFileSync(join(outside.path, 'n1'), 'outside\n');
    const work = new Work(tracked.root, outside.path, seed);
    let state = readAll(tracked.root);
    for (let done = 0; done < 500;) {
      for (let burst = 1 + work.number(8); burst > 0; burst -= 1, done += 1) work.act();
      state = await check(tracked, state);
    }
    expect(existsSync(tracked.root)).toBe(true);
    expect(tracked.warnings).toEqual([]);
  },
  60_000,
);

test('an overflow of the queue of events is noticed', async () => {
  await using directory = await tempDir();
  const folder = join(directory.path, 'watched');
  mkdirSync(folder);
  let lost = 0;
  using watcher = new Watcher(directory.path, { onLost: () => (lost += 1), onExhausted: () => {} });
  const watch = watcher.watch(folder, () => {});
  // Nothing reads the queue while this runs: each pair of names is two events that don't merge.
  for (let i = 0; i < 20_000; i += 1) utimesSync(writeOnce(join(folder, String(i % 2))), i, i);
  await watcher.drain();
  expect(lost).toBeGreaterThan(0);
  watch?.close();
});

function writeOnce(path: string): string {
  if (!existsSync(path)) writeFileSync(path, '');
  return path;
}
