import { expect, test } from 'vitest';
import { desEncrypt } from '../host/des.ts';
import { keysymOf, keysymsOfText } from './keysyms.ts';
import { vncResponse } from './vnc-auth.ts';

test.each([
  ['a', 0x61],
  ['A', 0x41],
  ['space', 0x20],
  ['slash', 0x2f],
  ['at', 0x40],
  ['asciitilde', 0x7e],
  ['~', 0x7e],
  ['ydiaeresis', 0xff],
  ['Agrave', 0xc0],
  ['é', 0xe9],
  ['€', 0x010020ac],
  ['EuroSign', 0x20ac],
  ['U20AC', 0x010020ac],
  ['😀', 0x0101f600],
  ['Return', 0xff0d],
  ['Tab', 0xff09],
  ['Escape', 0xff1b],
  ['BackSpace', 0xff08],
  ['Delete', 0xffff],
  ['Home', 0xff50],
  ['Page_Down', 0xff56],
  ['End', 0xff57],
  ['Insert', 0xff63],
  ['Menu', 0xff67],
  ['Help', 0xff6a],
  ['KP_0', 0xffb0],
  ['KP_Delete', 0xff9f],
  ['KP_Divide', 0xffaf],
  ['KP_F1', 0xff91],
  ['F1', 0xffbe],
  ['F12', 0xffc9],
  ['F35', 0xffe0],
  ['Shift_L', 0xffe1],
  ['Control_L', 0xffe3],
  ['Alt_L', 0xffe9],
  ['Alt_R', 0xffea],
  ['Super_L', 0xffeb],
  ['Hyper_R', 0xffee],
  ['Num_Lock', 0xff7f],
  ['dead_acute', 0xfe51],
  ['XF86AudioMute', 0x1008ff12],
])('%s is 0x%x', (name, keysym) => {
  expect(keysymOf(name)).toBe(keysym);
});

test.each(['', 'Retrun', 'ctrl', 'ab', '\u0000', '\ud800', 'U110000', 'UD800'])('%j is no key', (name) => {
  expect(() => keysymOf(name)).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }));
});

test('a text is typed with Return for each line break and Tab for each tab', () => {
  expect(keysymsOfText('a\r\nb\rc\n\td')).toEqual([0x61, 0xff0d, 0x62, 0xff0d, 0x63, 0xff0d, 0xff09, 0x64]);
});

test.each([
  { key: '133457799bbcdff1', block: '0123456789abcdef', cipher: '85e813540f0ab405' },
  { key: '0101010101010101', block: '8000000000000000', cipher: '95f8a5e5dd31d900' },
  { key: '7ca110454a1a6e57', block: '01a1d6d039776742', cipher: '690f5b0d9a26939b' },
  { key: '0131d9619dc1376e', block: '5cd54ca83def57da', cipher: '7a389d10354bd271' },
])('DES of $block with $key', ({ key, block, cipher }) => {
  expect(desEncrypt(Buffer.from(key, 'hex'), Buffer.from(block, 'hex')).toString('hex')).toBe(cipher);
});

test('only the first 8 characters of a password count', () => {
  const challenge = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
  expect(vncResponse('longpassword', challenge).equals(vncResponse('longpass', challenge))).toBe(true);
  expect(vncResponse('longpas', challenge).equals(vncResponse('longpass', challenge))).toBe(false);
});
