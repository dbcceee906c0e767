/**
 * An environment whose runs leave all kinds of things in the record: tools, pictures, parts of a grade, files.
 * The Python package's agents play it and report to our platform. `INTEROP_PARTS` says whether it has a shell.
 */
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { Environment } from 'hud';
import { z } from 'zod';

export const env = new Environment('shop', { version: '1.0.0' });

const root = join(tmpdir(), `hud-interop-shop-${process.pid}`);
const notes: string[] = [];
let looks = 0;

env.shutdown(async () => {
  await rm(root, { recursive: true, force: true });
});
const workspace = process.env.INTEROP_PARTS?.split(',').includes('shell') === true ? env.workspace(root) : undefined;
env.mcp(shopServer);

function shopServer(): McpServer {
  const server = new McpServer({ name: 'shop', version: '1.0.0' });
  server.registerTool('look', { description: 'Shows the shelf.', inputSchema: {} }, () => {
    looks += 1;
    const data = picture(64, 64).toString('base64');
    return {
      content: [
        { type: 'text', text: 'a shelf' },
        { type: 'image', data, mimeType: 'image/png' },
      ],
    };
  });
  server.registerTool('add_note', { description: 'Keeps a note.', inputSchema: { text: z.string() } }, ({ text }) => {
    notes.push(text);
    return { content: [{ type: 'text', text: `kept: ${text}` }] };
  });
  server.registerTool('fail', { description: 'Never works.', inputSchema: {} }, () => {
    throw new Error('the shop is closed');
  });
  return server;
}

/** Graded in two parts: was the shelf looked at, was the note kept. */
env.template({ id: 'errand', description: 'look, then keep a note', args: z.object({ note: z.string() }) }, async function* ({ note }) {
  const before = looks;
  yield `Errand: keep the note ${note}`;
  const parts = { looked: looks > before ? 1 : 0, kept: notes.includes(note) ? 1 : 0 };
  yield {
    score: (parts.looked + parts.kept) / 2,
    content: 'both parts were seen to',
    subscores: Object.entries(parts).map(([name, value]) => ({ name, value, weight: 0.5 })),
  };
});

/** 1 when the file holds the word. */
env.template({ id: 'write_file', description: 'write a file', args: z.object({ word: z.string() }) }, async function* ({ word }) {
  yield `Write ${word} into result.txt`;
  const found = await workspace?.read('result.txt').then(String, () => undefined);
  yield found?.trim() === word ? 1 : 0;
});

/** A PNG of noise, which stays as large as it is. */
function picture(width: number, height: number): Buffer {
  const rows = Buffer.alloc(height * (width * 3 + 1));
  for (let i = 0, seed = 1; i < rows.length; i += 1) {
    seed = (seed * 48_271) % 2_147_483_647;
    rows[i] = i % (width * 3 + 1) === 0 ? 0 : seed & 255;
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(data.length, 0);
  ends.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
}
