/**
 * One file of weights: magic, SHA-256 of what follows, length of the header, header (JSON), numbers (f32, little-endian).
 * A file that has its name is whole and on the disk.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { endianness } from 'node:os';
import { basename, dirname } from 'node:path';
import { HudError, messageOf } from 'hud/protocol';
import { sizeOf, type ModelShape } from './shape.ts';
import type { Moments } from './trainer/adamw.ts';

export interface SavedModel {
  /** The base model from which it came. */
  base: string;
  shape: ModelShape;
  /** Optimizer steps that led here. */
  step: number;
  /** The id of the last one. */
  stepId: string | undefined;
  weights: Float32Array<ArrayBuffer>;
  /** Only in what training goes on from. */
  moments: Moments | undefined;
}

interface Header {
  base: string;
  shape: ModelShape;
  step: number;
  stepId?: string;
  hasMoments: boolean;
}

/** No space, over quota, larger than a file may be. */
const FULL = ['ENOSPC', 'EDQUOT', 'EFBIG'];

const MAGIC = Buffer.from('HUDW0001', 'latin1');
const HASH_BYTES = 32;
const PREFIX_BYTES = MAGIC.length + HASH_BYTES + 4;

/** Durable when settled; under its name there is the old file or the new one, never a part. */
export async function writeWeights(path: string, model: SavedModel): Promise<void> {
  const folder = dirname(path);
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const made = await mkdir(folder, { recursive: true });
    if (made !== undefined) await syncFolder(dirname(made));
    await using file = await open(temporary, 'wx');
    await file.writeFile(encode(model));
    await file.sync();
    await rename(temporary, path);
    await syncFolder(folder);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {}); // what stopped the write is what has to be told
    throw unwritable(basename(path), error);
  }
}

/** Members of a team read it: it names no folders. */
function unwritable(name: string, cause: unknown): HudError {
  const { code } = cause as NodeJS.ErrnoException;
  const isFull = code !== undefined && FULL.includes(code);
  const why = isFull ? 'the disk is full' : (code ?? messageOf(cause));
  return new HudError(isFull ? 'STORE_FULL' : 'STORE_UNWRITABLE', `The weights ${name} could not be written: ${why}.`, {
    cause,
    hint: 'Nothing else was changed. Make room in `weights/` of the platform, or see who may write there; then save again.',
  });
}

/** @returns undefined when there is no such file. @throws HudError STORE_DAMAGED when it is not as it was written */
export async function readWeights(path: string): Promise<SavedModel | undefined> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  return bytes === undefined ? undefined : decode(bytes, path);
}

/** The rename too is to survive a power cut. */
async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  await folder.sync();
}

function encode({ base, shape, step, stepId, weights, moments }: SavedModel): Buffer {
  const header: Header = { base, shape, step, ...(stepId === undefined ? {} : { stepId }), hasMoments: moments !== undefined };
  const text = Buffer.from(JSON.stringify(header));
  const lists = moments === undefined ? [weights] : [weights, moments.first, moments.second];
  const rest = Buffer.concat([uint32(text.length), text, ...lists.map(bytesOf)]);
  return Buffer.concat([MAGIC, sha256(rest), rest]);
}

function decode(file: Buffer, path: string): SavedModel {
  const rest = file.subarray(MAGIC.length + HASH_BYTES);
  const isWhole =
    file.subarray(0, MAGIC.length).equals(MAGIC) && sha256(rest).equals(file.subarray(MAGIC.length, MAGIC.length + HASH_BYTES));
  if (!isWhole) throw damaged(path, 'what is in the file has not the hash it was written with');
  const numbersAt = PREFIX_BYTES + rest.readUInt32LE(0);
  const { hasMoments, stepId, ...header } = JSON.parse(file.toString('utf8', PREFIX_BYTES, numbersAt)) as Header;
  const count = sizeOf(header.shape);
  if (file.length !== numbersAt + (hasMoments ? 3 : 1) * count * 4) throw damaged(path, 'its numbers are not as many as its header says');
  const list = (index: number): Float32Array<ArrayBuffer> =>
    floatsOf(file.subarray(numbersAt + index * count * 4, numbersAt + (index + 1) * count * 4));
  return { ...header, stepId, weights: list(0), moments: hasMoments ? { first: list(1), second: list(2) } : undefined };
}

function damaged(path: string, why: string): HudError {
  return new HudError('STORE_DAMAGED', `The weights in ${basename(path)} are damaged: ${why}.`, { hint: 'Go back to another checkpoint.' });
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function bytesOf(numbers: Float32Array<ArrayBuffer>): Buffer {
  const bytes = Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength);
  return endianness() === 'LE' ? bytes : Buffer.from(bytes).swap32();
}

function floatsOf(bytes: Buffer): Float32Array<ArrayBuffer> {
  const copy = Buffer.from(bytes);
  if (endianness() === 'BE') copy.swap32();
  const numbers = new Float32Array(copy.length / 4);
  new Uint8Array(numbers.buffer).set(copy);
  return numbers;
}
