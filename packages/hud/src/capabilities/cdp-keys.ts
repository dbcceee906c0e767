/** X keysym names as the key events of a browser, on a US keyboard. */
import { HudError } from '../protocol/errors.ts';

export interface Key {
  /** As pages see it: `KeyboardEvent.key` and `.code`. */
  key: string;
  code: string;
  windowsVirtualKeyCode: number;
  /** What it enters. */
  text?: string;
  /** 1 left, 2 right, 3 keypad. */
  location?: 1 | 2 | 3;
}

/** As `Input.dispatchKeyEvent` counts them. */
const MODIFIERS: Record<string, number> = { Alt: 1, Control: 2, Meta: 4, Shift: 8 };

/** `[key, code, keyCode, location]` by keysym name. */
const NAMED: Record<string, readonly [string, string, number, (1 | 2 | 3)?]> = {
  BackSpace: ['Backspace', 'Backspace', 8],
  Tab: ['Tab', 'Tab', 9],
  ISO_Left_Tab: ['Tab', 'Tab', 9],
  Clear: ['Clear', 'NumLock', 12],
  Shift_L: ['Shift', 'ShiftLeft', 16, 1],
  Shift_R: ['Shift', 'ShiftRight', 16, 2],
  Control_L: ['Control', 'ControlLeft', 17, 1],
  Control_R: ['Control', 'ControlRight', 17, 2],
  Alt_L: ['Alt', 'AltLeft', 18, 1],
  Alt_R: ['Alt', 'AltRight', 18, 2],
  ISO_Level3_Shift: ['AltGraph', 'AltRight', 18, 2],
  Mode_switch: ['AltGraph', 'AltRight', 18, 2],
  Pause: ['Pause', 'Pause', 19],
  Caps_Lock: ['CapsLock', 'CapsLock', 20],
  Escape: ['Escape', 'Escape', 27],
  Page_Up: ['PageUp', 'PageUp', 33],
  Prior: ['PageUp', 'PageUp', 33],
  Page_Down: ['PageDown', 'PageDown', 34],
  Next: ['PageDown', 'PageDown', 34],
  End: ['End', 'End', 35],
  Home: ['Home', 'Home', 36],
  Left: ['ArrowLeft', 'ArrowLeft', 37],
  Up: ['ArrowUp', 'ArrowUp', 38],
  Right: ['ArrowRight', 'ArrowRight', 39],
  Down: ['ArrowDown', 'ArrowDown', 40],
  Print: ['PrintScreen', 'PrintScreen', 44],
  Sys_Req: ['PrintScreen', 'PrintScreen', 44],
  Insert: ['Insert', 'Insert', 45],
  Delete: ['Delete', 'Delete', 46],
  Super_L: ['Meta', 'MetaLeft', 91, 1],
  Super_R: ['Meta', 'MetaRight', 92, 2],
  Meta_L: ['Meta', 'MetaLeft', 91, 1],
  Meta_R: ['Meta', 'MetaRight', 92, 2],
  Hyper_L: ['Meta', 'MetaLeft', 91, 1],
  Hyper_R: ['Meta', 'MetaRight', 92, 2],
  Menu: ['ContextMenu', 'ContextMenu', 93],
  Num_Lock: ['NumLock', 'NumLock', 144],
  Scroll_Lock: ['ScrollLock', 'ScrollLock', 145],
  KP_Home: ['Home', 'Numpad7', 36, 3],
  KP_Up: ['ArrowUp', 'Numpad8', 38, 3],
  KP_Page_Up: ['PageUp', 'Numpad9', 33, 3],
  KP_Left: ['ArrowLeft', 'Numpad4', 37, 3],
  KP_Right: ['ArrowRight', 'Numpad6', 39, 3],
  KP_End: ['End', 'Numpad1', 35, 3],
  KP_Down: ['ArrowDown', 'Numpad2', 40, 3],
  KP_Page_Down: ['PageDown', 'Numpad3', 34, 3],
  KP_Insert: ['Insert', 'Numpad0', 45, 3],
  KP_Delete: ['Delete', 'NumpadDecimal', 46, 3],
  XF86Back: ['BrowserBack', 'BrowserBack', 166],
  XF86Forward: ['BrowserForward', 'BrowserForward', 167],
  XF86Reload: ['BrowserRefresh', 'BrowserRefresh', 168],
};

/** `[text, code, keyCode, location]` by keysym name: keys that enter text and have a name of their own. */
const ENTERING: Record<string, readonly [string, string, number, 3?]> = {
  Return: ['\r', 'Enter', 13],
  Linefeed: ['\r', 'Enter', 13],
  KP_Enter: ['\r', 'NumpadEnter', 13, 3],
  KP_Space: [' ', 'Space', 32, 3],
  KP_Add: ['+', 'NumpadAdd', 107, 3],
  KP_Subtract: ['-', 'NumpadSubtract', 109, 3],
  KP_Multiply: ['*', 'NumpadMultiply', 106, 3],
  KP_Divide: ['/', 'NumpadDivide', 111, 3],
  KP_Decimal: ['.', 'NumpadDecimal', 110, 3],
  KP_Separator: [',', 'NumpadComma', 194, 3],
  KP_Equal: ['=', 'NumpadEqual', 187, 3],
};

/** Keys of the main block that are no letters: plain character, with Shift, code, keyCode. */
const BLOCK = [
  ['`', '~', 'Backquote', 192],
  ['1', '!', 'Digit1', 49],
  ['2', '@', 'Digit2', 50],
  ['3', '#', 'Digit3', 51],
  ['4', '$', 'Digit4', 52],
  ['5', '%', 'Digit5', 53],
  ['6', '^', 'Digit6', 54],
  ['7', '&', 'Digit7', 55],
  ['8', '*', 'Digit8', 56],
  ['9', '(', 'Digit9', 57],
  ['0', ')', 'Digit0', 48],
  ['-', '_', 'Minus', 189],
  ['=', '+', 'Equal', 187],
  ['[', '{', 'BracketLeft', 219],
  [']', '}', 'BracketRight', 221],
  ['\\', '|', 'Backslash', 220],
  [';', ':', 'Semicolon', 186],
  ["'", '"', 'Quote', 222],
  [',', '<', 'Comma', 188],
  ['.', '>', 'Period', 190],
  ['/', '?', 'Slash', 191],
  [' ', ' ', 'Space', 32],
] as const;

/** Names of the ASCII characters that are no letters or digits, in the order of their code points. */
const PUNCTUATION: readonly (readonly [string, string])[] = [
  [
    ' !"#$%&\'()*+,-./',
    'space exclam quotedbl numbersign dollar percent ampersand apostrophe parenleft parenright asterisk plus comma minus period slash',
  ],
  [':;<=>?@', 'colon semicolon less equal greater question at'],
  ['[\\]^_`', 'bracketleft backslash bracketright asciicircum underscore grave'],
  ['{|}~', 'braceleft bar braceright asciitilde'],
];
const PUNCTUATION_NAMES = new Map(
  PUNCTUATION.flatMap(([characters, names]) => names.split(' ').map((name, i): [string, string] => [name, characters[i] ?? ''])),
);

/** The key that a keysym name means; `shift` tells whether Shift is held, which turns `a` into `A`. @throws HudError BAD_ARGUMENT */
export function keyOf(name: string, shift = false): Key {
  const named = NAMED[name];
  if (named !== undefined) return keyAt(named[0], named[1], named[2], named[3]);
  const entering = ENTERING[name];
  if (entering !== undefined)
    return { ...keyAt(entering[0] === '\r' ? 'Enter' : entering[0], entering[1], entering[2], entering[3]), text: entering[0] };
  const fn = /^F([1-9]|1\d|2[0-4])$/.exec(name);
  if (fn !== null) return keyAt(name, name, 111 + Number(fn[1]));
  const digit = /^KP_(\d)$/.exec(name)?.[1];
  if (digit !== undefined) return { ...keyAt(digit, `Numpad${digit}`, 96 + Number(digit), 3), text: digit };
  const character = PUNCTUATION_NAMES.get(name) ?? unicodeOf(name) ?? ([...name].length === 1 ? name : undefined);
  if (character !== undefined)
    return characterKey(character, shift) ?? { key: character, code: '', windowsVirtualKeyCode: 0, text: character };
  throw new HudError('BAD_ARGUMENT', `There is no key '${name}'.`, { hint: 'Keys are X keysym names, such as a, Return, Control_L, F5.' });
}

/** The key that enters one character; undefined for one that the keyboard doesn't have. */
export function characterKey(character: string, shift = false): Key | undefined {
  if (/^[a-zA-Z]$/.test(character)) {
    const upper = character.toUpperCase();
    const text = shift ? upper : character;
    return { key: text, code: `Key${upper}`, windowsVirtualKeyCode: upper.charCodeAt(0), text };
  }
  const found = BLOCK.find(([plain, shifted]) => plain === character || shifted === character);
  if (found === undefined) return undefined;
  const text = shift ? found[1] : character;
  return { key: text, code: found[2], windowsVirtualKeyCode: found[3], text };
}

/** Does entering this character take Shift? */
export function needsShift(character: string): boolean {
  return /^[A-Z]$/.test(character) || BLOCK.some(([plain, shifted]) => shifted === character && plain !== character);
}

/** The bit of a modifier; 0 for other keys. */
export function modifierBit({ key }: Key): number {
  return MODIFIERS[key] ?? 0;
}

export const SHIFT = 8;
/** While one of these is held, keys enter no text. */
export const COMMANDING = 1 | 2 | 4;

function keyAt(key: string, code: string, windowsVirtualKeyCode: number, location?: 1 | 2 | 3): Key {
  return { key, code, windowsVirtualKeyCode, ...(location === undefined ? {} : { location }) };
}

/** `U20AC` and `0x10020ac`, the forms that X has for every other character. */
function unicodeOf(name: string): string | undefined {
  const hex = /^U([0-9A-Fa-f]{4,6})$/.exec(name)?.[1] ?? /^0x1([0-9A-Fa-f]{6})$/.exec(name)?.[1];
  const point = hex === undefined ? undefined : Number.parseInt(hex, 16);
  return point === undefined || point > 0x10_ff_ff ? undefined : String.fromCodePoint(point);
}
