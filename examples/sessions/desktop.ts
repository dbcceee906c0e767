/** Sessions in `examples/desktop`: mouse and keyboard over RFB. The window is in the middle of a screen of 1024×768, where the editor always opens it. */
import type { ModelTurn } from 'hud/testing';
import { call, looking, say, type Place, type Session, type Turn } from './session.ts';

/** In the editor's window, below the menus. */
const PAPER: Place = [500, 500];
/** Of its find-and-replace dialog, which the window manager puts in the middle. */
const SEARCH_FOR: Place = [550, 297];
const REPLACE_WITH: Place = [550, 335];
const WHOLE_WORD: Place = [316, 431];
const REPLACE_ALL: Place = [316, 490];
const TITLE_OF_DIALOG: Place = [420, 263];
/** Black, but for the dialog that asks where to save, which fills the screen. */
const BACKGROUND: Place = [500, 740];

/** Goes on when the dialog is there, or when it is gone again. */
const dialogOpen = (turn: ModelTurn): Turn => whenLight(BACKGROUND, (light) => light > 200, turn);
const dialogClosed = (turn: ModelTurn): Turn => whenLight(BACKGROUND, (light) => light < 50, turn);

function whenLight(place: Place, is: (light: number) => boolean, turn: ModelTurn): Turn {
  return looking(async ({ light }) => {
    await light(place, is);
    return turn;
  });
}

const LETTER = 'Dear Ms Munoz,\n\nthe parcel weighs 3.5 kg & costs $20.\n\nYours, Zoe';

const claude = (action: string, args: Record<string, unknown> = {}, reasoning = ''): ModelTurn =>
  call(reasoning, 'computer', { action, ...args });
const batch = (reasoning: string, ...actions: Record<string, unknown>[]): ModelTurn => call(reasoning, 'computer', { actions });
/** Of the screen's pixels, on the grid that Gemini counts in. */
const grid = ([x, y]: Place): { x: number; y: number } => ({ x: Math.round((x / 1024) * 1000), y: Math.round((y / 768) * 1000) });

export const DESKTOP: Session[] = [
  {
    title: 'by Claude writes a note, sees a mistake and mends it',
    agent: 'claude',
    task: { text: 'Milk, bread, 12 eggs', file: 'shopping.txt' },
    reward: 1,
    turns: [
      claude('screenshot', {}, 'What is on the screen?'),
      looking(claude('left_click', { coordinate: PAPER }, 'An empty editor.')),
      looking(claude('type', { text: 'Milk, bred, 12 eggs' })),
      looking(claude('zoom', { region: [190, 130, 600, 260] }, 'Is it right?')),
      looking(claude('key', { text: 'ctrl+a' }, 'bred: a typing mistake. Once more.')),
      looking(claude('type', { text: 'Milk, bread, 12 eggs' })),
      looking(claude('key', { text: 'ctrl+shift+s' })),
      dialogOpen(claude('type', { text: 'shopping.txt' })),
      looking(claude('wait', { duration: 0.5 }, 'The dialog looks at the name first.')),
      looking(claude('key', { text: 'Return' })),
      dialogClosed(claude('screenshot')),
      looking(say('The note is saved as shopping.txt.')),
    ],
  },
  {
    title: 'by OpenAI, in batches of actions, writes a letter',
    agent: 'openai',
    config: { model: 'gpt-5.6' },
    task: { text: LETTER, file: 'letter.txt' },
    reward: 1,
    turns: [
      batch('', { type: 'screenshot' }),
      looking(batch('The editor is empty.', { type: 'click', x: PAPER[0], y: PAPER[1], button: 'left' }, { type: 'type', text: LETTER })),
      looking(batch('Now the name.', { type: 'keypress', keys: ['CTRL', 'SHIFT', 'S'] })),
      dialogOpen(batch('', { type: 'type', text: 'letter.txt' }, { type: 'wait', ms: 500 }, { type: 'keypress', keys: ['ENTER'] })),
      dialogClosed(batch('', { type: 'screenshot' })),
      looking(say('letter.txt is written.')),
    ],
  },
  {
    title: 'by a chat model, with one function for the screen, renames whole words only',
    agent: 'openai_compatible',
    config: { model: 'qwen3-vl' },
    task: { from: 'Anna', to: 'Hannah' },
    reward: 1,
    turns: [
      claude('screenshot'),
      looking(claude('click', { coordinate: PAPER })),
      looking(claude('key', { text: 'ctrl+r' }, 'Find and replace.')),
      // White before, as the paper is.
      whenLight(TITLE_OF_DIALOG, (light) => light < 240, claude('click', { coordinate: SEARCH_FOR })),
      looking(claude('type', { text: 'Anna' })),
      looking(claude('click', { coordinate: REPLACE_WITH })),
      looking(claude('type', { text: 'Hannah' })),
      looking(claude('click', { coordinate: WHOLE_WORD }, 'Annabel and Joanna keep their names.')),
      looking(claude('click', { coordinate: REPLACE_ALL })),
      looking(claude('key', { text: 'alt+r' }, 'The button Replace.')),
      looking(claude('key', { text: 'Escape' })),
      looking(claude('key', { text: 'ctrl+s' })),
      looking(claude('wait', { seconds: 1 })),
      looking(say('Anna is Hannah now.')),
    ],
  },
  {
    title: 'by Gemini, on its grid of a thousand, writes a note',
    agent: 'gemini',
    config: { computerEnvironment: 'desktop' },
    task: { text: 'Milk, bread, 12 eggs', file: 'shopping.txt' },
    reward: 1,
    turns: [
      call('', 'take_screenshot', {}),
      looking(call('Into the paper.', 'click', grid(PAPER))),
      looking(call('', 'type', { text: 'Milk, bread, 12 eggs', press_enter: false })),
      looking(call('', 'hotkey', { keys: ['control', 'shift', 's'] })),
      dialogOpen(call('', 'type', { text: 'shopping.txt', press_enter: false })),
      looking(call('', 'wait', { seconds: 0.5 })),
      looking(call('', 'press_key', { key: 'Enter' })),
      dialogClosed(call('', 'take_screenshot', {})),
      looking(say('Saved.')),
    ],
  },
  {
    title: 'by Claude leaves the note unsaved and says that it is saved',
    agent: 'claude',
    task: { text: 'Milk, bread, 12 eggs', file: 'shopping.txt' },
    reward: 0,
    turns: [
      claude('screenshot'),
      looking(claude('left_click', { coordinate: PAPER })),
      looking(claude('type', { text: 'Milk, bread, 12 eggs' })),
      looking(say('I have written the note and saved it as shopping.txt.')),
    ],
  },
];
