/** Key names as models write them, as the X keysym names that screens take. */
import { keysymOf } from '../../capabilities/keysyms.ts';
import { HudError } from '../../protocol/errors.ts';

/** By lower-case name. */
const ALIASES: Record<string, string> = {
  alt: 'Alt_L',
  option: 'Alt_L',
  opt: 'Alt_L',
  altgr: 'ISO_Level3_Shift',
  ctrl: 'Control_L',
  control: 'Control_L',
  controlormeta: 'Control_L',
  ctl: 'Control_L',
  shift: 'Shift_L',
  meta: 'Super_L',
  super: 'Super_L',
  win: 'Super_L',
  windows: 'Super_L',
  cmd: 'Super_L',
  command: 'Super_L',
  os: 'Super_L',
  enter: 'Return',
  return: 'Return',
  esc: 'Escape',
  escape: 'Escape',
  del: 'Delete',
  delete: 'Delete',
  ins: 'Insert',
  insert: 'Insert',
  backspace: 'BackSpace',
  back: 'BackSpace',
  tab: 'Tab',
  space: 'space',
  spacebar: 'space',
  home: 'Home',
  end: 'End',
  pageup: 'Prior',
  page_up: 'Prior',
  pgup: 'Prior',
  prior: 'Prior',
  pagedown: 'Next',
  page_down: 'Next',
  pgdn: 'Next',
  pgdown: 'Next',
  next: 'Next',
  up: 'Up',
  down: 'Down',
  left: 'Left',
  right: 'Right',
  arrowup: 'Up',
  arrowdown: 'Down',
  arrowleft: 'Left',
  arrowright: 'Right',
  capslock: 'Caps_Lock',
  caps_lock: 'Caps_Lock',
  numlock: 'Num_Lock',
  scrolllock: 'Scroll_Lock',
  printscreen: 'Print',
  print: 'Print',
  prtsc: 'Print',
  pause: 'Pause',
  menu: 'Menu',
  contextmenu: 'Menu',
  divide: 'slash',
  dash: 'minus',
  hyphen: 'minus',
  dot: 'period',
  backtick: 'grave',
};

/** X names of the characters that are no letters or digits. */
const CHARACTERS: Record<string, string> = {
  ' ': 'space',
  '!': 'exclam',
  '"': 'quotedbl',
  '#': 'numbersign',
  $: 'dollar',
  '%': 'percent',
  '&': 'ampersand',
  "'": 'apostrophe',
  '(': 'parenleft',
  ')': 'parenright',
  '*': 'asterisk',
  '+': 'plus',
  ',': 'comma',
  '-': 'minus',
  '.': 'period',
  '/': 'slash',
  ':': 'colon',
  ';': 'semicolon',
  '<': 'less',
  '=': 'equal',
  '>': 'greater',
  '?': 'question',
  '@': 'at',
  '[': 'bracketleft',
  '\\': 'backslash',
  ']': 'bracketright',
  '^': 'asciicircum',
  _: 'underscore',
  '`': 'grave',
  '{': 'braceleft',
  '|': 'bar',
  '}': 'braceright',
  '~': 'asciitilde',
};

/** Names that are right as they are, whatever their case: the screen knows the others. */
const NAMED = [
  ...Object.values(ALIASES),
  ...Object.values(CHARACTERS),
  ...words('Alt_R Control_R Shift_R Super_R Meta_L Meta_R Hyper_L Hyper_R ISO_Level3_Shift ISO_Left_Tab Page_Up Page_Down'),
  ...words('Linefeed Clear Select Execute Undo Redo Find Cancel Help Break Sys_Req'),
  ...words('KP_Enter KP_Add KP_Subtract KP_Multiply KP_Divide KP_Decimal KP_Separator KP_Equal KP_Space KP_Tab KP_Home KP_End'),
  ...words('KP_Up KP_Down KP_Left KP_Right KP_Prior KP_Next KP_Insert KP_Delete KP_Begin'),
  ...Array.from({ length: 10 }, (_, digit) => `KP_${digit}`),
  ...Array.from({ length: 35 }, (_, i) => `F${i + 1}`),
];
const CANONICAL = new Map(NAMED.map((name) => [name.toLowerCase(), name]));

/**
 * One key: `ctrl`, `Return`, `é`, `+`, `F5`.
 * @throws HudError BAD_ARGUMENT for a name that no keyboard has
 */
export function keyName(name: string): string {
  if ([...name].length === 1) return characterKey(name);
  const lower = name.toLowerCase();
  const known = ALIASES[lower] ?? CANONICAL.get(lower);
  if (known !== undefined) return known;
  try {
    keysymOf(name);
    return name;
  } catch (error) {
    throw new HudError('BAD_ARGUMENT', `Unknown key '${name}'.`, {
      hint: 'Keys are named as in X: a, Return, ctrl, Page_Down, F5; join keys that are held together with +, as in ctrl+s.',
      cause: error,
    });
  }
}

/** Keys held together: `ctrl+shift+t`; the last of `ctrl++` is plus. A modifier alone is a chord of one. */
export function chord(text: string): string[] {
  const trimmed = text.trim();
  if (trimmed === '') throw new HudError('BAD_ARGUMENT', 'No key was named.');
  if (trimmed === '+') return ['plus'];
  const endsInPlus = trimmed.endsWith('++');
  const names = (endsInPlus ? trimmed.slice(0, -2) : trimmed).split('+');
  return [...names, ...(endsInPlus ? ['+'] : [])].map((name) => keyName(name.trim() === '' ? name : name.trim()));
}

/** Chords pressed one after the other, parted by white space: `ctrl+a Delete`. A single space is that key. */
export function keySequence(text: string): string[][] {
  if (text !== '' && text.trim() === '') return [['space']];
  return text.trim().split(/\s+/).map(chord);
}

function characterKey(character: string): string {
  if (/^[A-Za-z0-9]$/.test(character)) return character;
  if (character === '\n' || character === '\r') return 'Return';
  if (character === '\t') return 'Tab';
  const named = CHARACTERS[character];
  if (named !== undefined) return named;
  return `U${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}

function words(text: string): string[] {
  return text.split(' ');
}
