/** Task files to load: rows as people write them, a few hundred bytes each. */
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { randomFrom } from './statistics.ts';

const WORDS = 'count the letters of a word that nobody would spell twice and say which one comes most often'.split(' ');

/** @returns the path of a file with `count` rows, about 270 bytes each */
export async function writeTasksetFile(folder: string, count: number, format: 'json' | 'jsonl', seed: number): Promise<string> {
  const path = join(folder, `tasks.${format}`);
  await pipeline(Readable.from(lines(count, format, seed)), createWriteStream(path));
  return path;
}

function* lines(count: number, format: 'json' | 'jsonl', seed: number): Generator<string> {
  const random = randomFrom(seed);
  if (format === 'json') yield '[\n';
  for (let i = 0; i < count; i += 1) {
    const prompt = Array.from({ length: 24 }, () => WORDS[Math.floor(random() * WORDS.length)]).join(' ');
    const row = { slug: `row-${i}`, env: 'letters', id: 'count', args: { prompt, seed: i, difficulty: random() < 0.5 ? 'easy' : 'hard' } };
    yield `${JSON.stringify(row)}${format === 'json' && i < count - 1 ? ',' : ''}\n`;
  }
  if (format === 'json') yield ']\n';
}
