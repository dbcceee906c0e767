import { describe, expect, test } from 'vitest';
import { chord, keyName, keySequence } from './keys.ts';

describe('keys', () => {
  test.each([
    ['alt', 'Alt_L'],
    ['Ctrl', 'Control_L'],
    ['CONTROL', 'Control_L'],
    ['shift', 'Shift_L'],
    ['option', 'Alt_L'],
    ['meta', 'Super_L'],
    ['super', 'Super_L'],
    ['win', 'Super_L'],
    ['cmd', 'Super_L'],
    ['command', 'Super_L'],
    ['enter', 'Return'],
    ['return', 'Return'],
    ['esc', 'Escape'],
    ['del', 'Delete'],
    ['backspace', 'BackSpace'],
    ['space', 'space'],
    ['capslock', 'Caps_Lock'],
    ['printscreen', 'Print'],
    ['pageup', 'Prior'],
    ['Page_Down', 'Next'],
    ['arrowleft', 'Left'],
    ['ARROWUP', 'Up'],
    ['f5', 'F5'],
    ['Return', 'Return'],
    ['kp_enter', 'KP_Enter'],
    ['Control_R', 'Control_R'],
    ['XF86Back', 'XF86Back'],
    ['eacute', 'eacute'],
    ['U20AC', 'U20AC'],
    ['a', 'a'],
    ['A', 'A'],
    ['7', '7'],
    ['+', 'plus'],
    ['-', 'minus'],
    ['/', 'slash'],
    [' ', 'space'],
    ['é', 'U00E9'],
    ['€', 'U20AC'],
    ['😀', 'U1F600'],
  ])('%s is %s', (name, keysym) => expect(keyName(name)).toBe(keysym));

  test.each([
    ['ctrl+s', ['Control_L', 's']],
    ['ctrl+shift+T', ['Control_L', 'Shift_L', 'T']],
    ['ctrl++', ['Control_L', 'plus']],
    ['+', ['plus']],
    ['ctrl+plus', ['Control_L', 'plus']],
    ['alt+Tab', ['Alt_L', 'Tab']],
    ['shift', ['Shift_L']],
  ])('%s is a chord', (text, keys) => expect(chord(text)).toEqual(keys));

  test.each([
    ['ctrl+a Delete', [['Control_L', 'a'], ['Delete']]],
    ['  a   b ', [['a'], ['b']]],
    [' ', [['space']]],
    ['ctrl++ +', [['Control_L', 'plus'], ['plus']]],
  ])('%j is a sequence', (text, sequence) => expect(keySequence(text)).toEqual(sequence));

  test.each(['hyperspace', 'ctrl+', 'ctrl+nope', ''])('%j is told to be no key', (text) => {
    expect(() => keySequence(text)).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }) as Error);
  });
});
