/** Sessions in `examples/desktop`: mouse and keyboard over RFB. The window is in the middle of a screen of 1024×768, where the editor always opens it. */
import type { ModelTurn } from 'hud/testing';
import { call, looking, say, type Area, type Place, type Screen, type Session, type Turn } from './session.ts';

/** In the editor's window, below the menus. */
const PAPER: Place = [500, 500];
/** Beside the name in the editor's title, the name, and the first line of the paper. */
const TITLE: Place = [260, 140];
const NAME: Area = [300, 134, 700, 152];
const LINE: Area = [196, 180, 700, 200];
/** Of its find-and-replace dialog, which the window manager puts in the middle. */
const SEARCH_TITLE: Place = [420, 263];
const SEARCH_FOR: Place = [550, 297];
const SEARCHED: Area = [455, 285, 500, 310];
const SEARCH_BORDER: Area = [470, 312, 600, 318];
const REPLACE_WITH: Place = [550, 335];
const REPLACEMENT: Area = [455, 322, 520, 347];
const WHOLE_WORD: Place = [316, 431];
const REPLACE_ALL: Place = [316, 490];
const FIND_BUTTON: Area = [500, 515, 580, 545];
/** Of the dialog that asks where to save, which fills the screen. Without it the background is black. */
const SAVE_TITLE: Place = [200, 8];
const SAVE_BUTTON: Area = [940, 720, 1010, 745];
const BACKGROUND: Place = [500, 740];

/** What a turn does, and how it can be seen that it was done. */
type Act = readonly [turn: ModelTurn, done?: (now: Screen, before: readonly Screen[]) => boolean];

/** Each turn is taken when it can be seen that the one before it was done, as a person would; the first one needs no picture. */
function watching(...acts: Act[]): Turn[] {
  const before: Screen[] = [];
  return acts.map(([turn], i): Turn => {
    const done = acts[i - 1]?.[1] ?? (() => true);
    const look: Turn = async ({ screen }) => {
      before.push(await screen((now) => done(now, before)));
      return turn;
    };
    return i === 0 ? look : looking(look);
  });
}

const changed =
  (area: Area) =>
  (now: Screen, before: readonly Screen[]): boolean =>
    now.part(area) !== before.at(-1)?.part(area);
/** A window that has the keyboard has a coloured title; one without has a lighter one, and paper is white. */
const hasKeyboard = ({ light }: Screen, title: Place): boolean => light(title) < 200;
const isSearching = (now: Screen): boolean => hasKeyboard(now, SEARCH_TITLE);
const isEditing = (now: Screen): boolean => now.light(BACKGROUND) < 50 && hasKeyboard(now, TITLE);
/** Under a name that the editor didn't have yet. */
const isNamed = (now: Screen, before: readonly Screen[]): boolean =>
  isEditing(now) && before.every((screen) => screen.part(NAME) !== now.part(NAME));
const asksForName = (now: Screen): boolean => now.light(BACKGROUND) > 200 && hasKeyboard(now, SAVE_TITLE);
/** Up and to the left of where the pointer clicked, which covers the rest: white until it is ticked. */
const ticked =
  ([x, y]: Place) =>
  ({ light }: Screen): boolean =>
    light([x - 4, y - 4]) < 200;

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
    turns: watching(
      [claude('screenshot', {}, 'What is on the screen?')],
      [claude('left_click', { coordinate: PAPER }, 'An empty editor.')],
      [claude('type', { text: 'Milk, bred, 12 eggs' }), changed(LINE)],
      [claude('zoom', { region: [190, 130, 600, 260] }, 'Is it right?')],
      [claude('key', { text: 'ctrl+a' }, 'bred: a typing mistake. Once more.'), changed(LINE)],
      [claude('type', { text: 'Milk, bread, 12 eggs' }), changed(LINE)],
      [claude('key', { text: 'ctrl+shift+s' }), asksForName],
      [claude('type', { text: 'shopping.txt' }), changed(SAVE_BUTTON)],
      [claude('wait', { duration: 0.5 }, 'The dialog looks at the name first.')],
      [claude('key', { text: 'Return' }), isNamed],
      [claude('screenshot')],
      [say('The note is saved as shopping.txt.')],
    ),
  },
  {
    title: 'by OpenAI, in batches of actions, writes a letter',
    agent: 'openai',
    config: { model: 'gpt-5.6' },
    task: { text: LETTER, file: 'letter.txt' },
    reward: 1,
    turns: watching(
      [batch('', { type: 'screenshot' })],
      [
        batch('The editor is empty.', { type: 'click', x: PAPER[0], y: PAPER[1], button: 'left' }, { type: 'type', text: LETTER }),
        changed(LINE),
      ],
      [batch('Now the name.', { type: 'keypress', keys: ['CTRL', 'SHIFT', 'S'] }), asksForName],
      [batch('', { type: 'type', text: 'letter.txt' }), changed(SAVE_BUTTON)],
      [batch('', { type: 'wait', ms: 500 }, { type: 'keypress', keys: ['ENTER'] }), isNamed],
      [batch('', { type: 'screenshot' })],
      [say('letter.txt is written.')],
    ),
  },
  {
    title: 'by a chat model, with one function for the screen, renames whole words only',
    agent: 'openai_compatible',
    config: { model: 'qwen3-vl' },
    task: { from: 'Anna', to: 'Hannah' },
    reward: 1,
    turns: watching(
      [claude('screenshot')],
      [claude('click', { coordinate: PAPER })],
      [claude('key', { text: 'ctrl+r' }, 'Find and replace.'), isSearching],
      [claude('click', { coordinate: SEARCH_FOR })],
      [claude('type', { text: 'Anna' }), changed(FIND_BUTTON)],
      [claude('click', { coordinate: REPLACE_WITH }), changed(SEARCH_BORDER)],
      [claude('type', { text: 'Hannah' }), changed(REPLACEMENT)],
      [claude('click', { coordinate: WHOLE_WORD }, 'Annabel and Joanna keep their names.'), ticked(WHOLE_WORD)],
      [claude('click', { coordinate: REPLACE_ALL }), ticked(REPLACE_ALL)],
      [claude('key', { text: 'alt+r' }, 'The button Replace.'), changed(SEARCHED)],
      [claude('key', { text: 'Escape' }), isEditing],
      [claude('key', { text: 'ctrl+s' }), changed(NAME)],
      [say('Anna is Hannah now.')],
    ),
  },
  {
    title: 'by Gemini, on its grid of a thousand, writes a note',
    agent: 'gemini',
    config: { computerEnvironment: 'desktop' },
    task: { text: 'Milk, bread, 12 eggs', file: 'shopping.txt' },
    reward: 1,
    turns: watching(
      [call('', 'take_screenshot', {})],
      [call('Into the paper.', 'click', grid(PAPER))],
      [call('', 'type', { text: 'Milk, bread, 12 eggs', press_enter: false }), changed(LINE)],
      [call('', 'hotkey', { keys: ['control', 'shift', 's'] }), asksForName],
      [call('', 'type', { text: 'shopping.txt', press_enter: false }), changed(SAVE_BUTTON)],
      [call('', 'wait', { seconds: 0.5 })],
      [call('', 'press_key', { key: 'Enter' }), isNamed],
      [call('', 'take_screenshot', {})],
      [say('Saved.')],
    ),
  },
  {
    title: 'by Claude leaves the note unsaved and says that it is saved',
    agent: 'claude',
    task: { text: 'Milk, bread, 12 eggs', file: 'shopping.txt' },
    reward: 0,
    turns: watching(
      [claude('screenshot')],
      [claude('left_click', { coordinate: PAPER })],
      [claude('type', { text: 'Milk, bread, 12 eggs' }), changed(LINE)],
      [say('I have written the note and saved it as shopping.txt.')],
    ),
  },
];
