/**
 * A desktop with a text editor. The agent sees the screen and has a mouse and a keyboard; the grade reads the file
 * that the editor saved, whatever the screen or the agent says.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Environment } from 'hud';
import { z } from 'zod';

export const env = new Environment('text-editing');

const desktop = env.desktop({ width: 1024, height: 768 });

/** 1 when the saved note says what it ought to, else 0. */
export const writeNote = env.template(
  {
    id: 'write_note',
    args: z.object({ text: z.string(), file: z.string().regex(/^[\w.-]+$/) }),
    async solution({ text, file }) {
      await type(text);
      await press('ctrl+shift+s');
      await desktop.waitForWindow('Save As');
      await type(file);
      await setTimeout(500); // the dialog takes Return a moment after it has a name
      await press('Return');
      await desktop.waitForWindow(file);
      return 'Saved.';
    },
  },
  async function* ({ text, file }) {
    await desktop.launch('mousepad', ['--disable-server'], { window: 'Mousepad' });
    yield `The text editor on the screen is empty. Write this into it, and save it in the home folder as ${file}:\n\n${text}`;
    yield (await saved(file)) === text ? 1 : 0;
  },
);

const MINUTES = `Minutes of the meeting

Anna opened the meeting. Annabel and Joanna were absent.
The budget was presented by Anna; nobody disagreed with Anna.
Next time Annabel takes the minutes.
`;

/** 1 when exactly the right names were changed and the file was saved, else 0. */
export const renamePerson = env.template(
  {
    id: 'rename_person',
    args: z.object({ from: z.string().regex(/^\w+$/), to: z.string() }),
    async solution({ from, to }) {
      await press('ctrl+a');
      await type(renamed(from, to));
      await press('ctrl+s');
      const before = AbortSignal.timeout(10_000);
      while ((await saved('minutes.txt')) !== renamed(from, to).trimEnd()) await setTimeout(50, undefined, { signal: before });
      return 'Saved.';
    },
  },
  async function* ({ from, to }) {
    const file = await desktop.write('minutes.txt', MINUTES);
    await desktop.launch('mousepad', ['--disable-server', file], { window: 'minutes.txt' });
    const request = 'Mend it everywhere, and save the file. Other people keep their names.';
    yield `The minutes on the screen name a person '${from}' who is really called '${to}'. ${request}`;
    yield (await saved('minutes.txt')) === renamed(from, to).trimEnd() ? 1 : 0;
  },
);

const renamed = (from: string, to: string): string => MINUTES.replaceAll(new RegExp(`\\b${from}\\b`, 'g'), to);

/** What is on the disk, without the line break that editors put at the end; `''` when there is no such file. */
async function saved(file: string): Promise<string> {
  const text = await readFile(join(desktop.home, file), 'utf8').catch(() => '');
  return text.trimEnd();
}

/** The solutions use the editor as a person would, one line after the other: xdotool has no key for a line break within a text. */
async function type(text: string): Promise<void> {
  for (const [i, line] of text.split('\n').entries()) {
    if (i > 0) await press('Return');
    if (line !== '') await xdotool('type', '--delay', '5', '--', line);
  }
}

async function press(key: string): Promise<void> {
  await xdotool('key', key);
}

async function xdotool(...args: string[]): Promise<void> {
  await promisify(execFile)('xdotool', args, { env: { ...process.env, ...desktop.env }, timeout: 30_000 });
}

export const tasks = [
  writeNote({ text: 'Milk, bread, 12 eggs', file: 'shopping.txt' }),
  writeNote({ text: 'Dear Ms Munoz,\n\nthe parcel weighs 3.5 kg & costs $20.\n\nYours, Zoe', file: 'letter.txt' }),
  renamePerson({ from: 'Anna', to: 'Hannah' }),
];
