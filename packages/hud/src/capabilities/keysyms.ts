/** From the names of keys, as X knows them, to their numbers, which RFB sends. */
import { HudError } from '../protocol/errors.ts';

/** @param name a keysym name (`Return`, `Control_L`, `eacute`), one character, or a code point as `U20AC` @throws HudError BAD_ARGUMENT */
export function keysymOf(name: string): number {
  const named = NAMED.get(name);
  if (named !== undefined) return named;
  const codePoint = codePointOf(name);
  if (codePoint !== undefined && codePoint > 0x1f) return keysymOfCodePoint(codePoint);
  throw new HudError('BAD_ARGUMENT', `There is no key ${JSON.stringify(name)}.`, {
    hint: 'Keys have X keysym names: `a`, `Return`, `Escape`, `Control_L`, `Page_Down`, `F5`.',
  });
}

/** The keys that type a text, one after the other. A line break of any kind is Return. @throws HudError BAD_ARGUMENT */
export function keysymsOfText(text: string): number[] {
  return [...text.replace(/\r\n?/g, '\n')].map((character) => keysymOf(CONTROLS[character] ?? character));
}

const CONTROLS: Record<string, string> = { '\n': 'Return', '\t': 'Tab', '\b': 'BackSpace', '\u001b': 'Escape', '\u007f': 'Delete' };

function codePointOf(name: string): number | undefined {
  const digits = /^U\+?([\da-fA-F]{4,6})$/.exec(name)?.[1];
  const codePoint = digits === undefined ? name.codePointAt(0) : Number.parseInt(digits, 16);
  if (codePoint === undefined || codePoint > 0x10ffff || (codePoint >= 0xd800 && codePoint < 0xe000)) return undefined;
  return digits !== undefined || name.length === String.fromCodePoint(codePoint).length ? codePoint : undefined;
}

/** Latin-1 has its own numbers, the rest of Unicode a range. */
function keysymOfCodePoint(codePoint: number): number {
  if (codePoint < 0x7f || (codePoint >= 0xa0 && codePoint <= 0xff)) return codePoint;
  return 0x0100_0000 + codePoint;
}

const words = (text: string): string[] => text.trim().split(/\s+/);

/** Names that follow one another from a number. */
const RUNS: [first: number, names: string][] = [
  [
    0x20,
    `space exclam quotedbl numbersign dollar percent ampersand apostrophe parenleft parenright asterisk plus comma minus period slash`,
  ],
  [0x3a, 'colon semicolon less equal greater question at'],
  [0x5b, 'bracketleft backslash bracketright asciicircum underscore grave'],
  [0x7b, 'braceleft bar braceright asciitilde'],
  [
    0xa0,
    `nobreakspace exclamdown cent sterling currency yen brokenbar section diaeresis copyright ordfeminine guillemotleft notsign hyphen
    registered macron degree plusminus twosuperior threesuperior acute mu paragraph periodcentered cedilla onesuperior masculine
    guillemotright onequarter onehalf threequarters questiondown Agrave Aacute Acircumflex Atilde Adiaeresis Aring AE Ccedilla Egrave
    Eacute Ecircumflex Ediaeresis Igrave Iacute Icircumflex Idiaeresis ETH Ntilde Ograve Oacute Ocircumflex Otilde Odiaeresis multiply
    Oslash Ugrave Uacute Ucircumflex Udiaeresis Yacute THORN ssharp agrave aacute acircumflex atilde adiaeresis aring ae ccedilla egrave
    eacute ecircumflex ediaeresis igrave iacute icircumflex idiaeresis eth ntilde ograve oacute ocircumflex otilde odiaeresis division
    oslash ugrave uacute ucircumflex udiaeresis yacute thorn ydiaeresis`,
  ],
  [0xfe50, 'dead_grave dead_acute dead_circumflex dead_tilde dead_macron dead_breve dead_abovedot dead_diaeresis dead_abovering'],
  [0xff50, 'Home Left Up Right Down Page_Up Page_Down End Begin'],
  [0xff60, 'Select Print Execute Insert'],
  [0xff65, 'Undo Redo Menu Find Cancel Help Break'],
  [0xff91, 'KP_F1 KP_F2 KP_F3 KP_F4 KP_Home KP_Left KP_Up KP_Right KP_Down KP_Page_Up KP_Page_Down KP_End KP_Begin KP_Insert KP_Delete'],
  [0xffaa, 'KP_Multiply KP_Add KP_Separator KP_Subtract KP_Decimal KP_Divide'],
  [0xffe1, 'Shift_L Shift_R Control_L Control_R Caps_Lock Shift_Lock Meta_L Meta_R Alt_L Alt_R Super_L Super_R Hyper_L Hyper_R'],
  [0xffb0, Array.from({ length: 10 }, (_, i) => `KP_${i}`).join(' ')],
  [0xffbe, Array.from({ length: 35 }, (_, i) => `F${i + 1}`).join(' ')],
];

const SINGLE: Record<string, number> = {
  BackSpace: 0xff08,
  Tab: 0xff09,
  Linefeed: 0xff0a,
  Clear: 0xff0b,
  Return: 0xff0d,
  Pause: 0xff13,
  Scroll_Lock: 0xff14,
  Sys_Req: 0xff15,
  Escape: 0xff1b,
  Delete: 0xffff,
  Multi_key: 0xff20,
  Num_Lock: 0xff7f,
  Mode_switch: 0xff7e,
  ISO_Level3_Shift: 0xfe03,
  ISO_Left_Tab: 0xfe20,
  Prior: 0xff55,
  Next: 0xff56,
  KP_Prior: 0xff9a,
  KP_Next: 0xff9b,
  KP_Space: 0xff80,
  KP_Tab: 0xff89,
  KP_Enter: 0xff8d,
  KP_Equal: 0xffbd,
  quoteright: 0x27,
  quoteleft: 0x60,
  EuroSign: 0x20ac,
  XF86MonBrightnessUp: 0x1008ff02,
  XF86MonBrightnessDown: 0x1008ff03,
  XF86AudioLowerVolume: 0x1008ff11,
  XF86AudioMute: 0x1008ff12,
  XF86AudioRaiseVolume: 0x1008ff13,
  XF86AudioPlay: 0x1008ff14,
  XF86AudioStop: 0x1008ff15,
  XF86AudioPrev: 0x1008ff16,
  XF86AudioNext: 0x1008ff17,
  XF86HomePage: 0x1008ff18,
  XF86Mail: 0x1008ff19,
  XF86Search: 0x1008ff1b,
  XF86Back: 0x1008ff26,
  XF86Forward: 0x1008ff27,
  XF86Refresh: 0x1008ff29,
  XF86Favorites: 0x1008ff30,
};

const NAMED: ReadonlyMap<string, number> = new Map([
  ...RUNS.flatMap(([first, names]) => words(names).map((name, i): [string, number] => [name, first + i])),
  ...Object.entries(SINGLE),
]);
