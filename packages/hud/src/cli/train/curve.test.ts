import { expect, test } from 'vitest';
import { plot, sparkline } from './curve.ts';

test('a curve is as high as its values, and never has a hole', () => {
  expect(plot([0, 0.5, 1], { width: 3, rows: 2 })).toEqual(['1.00 ┤  █', '0.00 ┤▁██']);
  expect(plot([0.25, 0.75], { width: 2, rows: 2 })).toEqual(['1.00 ┤ ▄', '0.00 ┤▄█']);
});

test('rewards beyond 0 and 1 widen the axis', () => {
  expect(plot([-1, 3], { width: 2, rows: 2 })).toEqual([' 3.00 ┤ █', '-1.00 ┤▁█']);
});

test('more values than columns are averaged, fewer are drawn wider', () => {
  expect(plot([0, 1, 1, 1], { width: 2, rows: 1 })).toEqual(['1.00 ┤▄█']);
  expect(plot([1], { width: 10, rows: 1 })).toEqual(['1.00 ┤███']);
});

test('an interval stands above its value, in the middle of what is drawn wider, and ends at the axis', () => {
  const band = { upper: [1.2, 0.6], paint: (text: string) => text };
  expect(plot([0.25, 0.5], { width: 6, rows: 4, band })).toEqual(['1.00 ┤ │', '     ┤ │  ╷', '     ┤ │ ███', '0.00 ┤██████']);
  expect(plot([0.5], { width: 1, rows: 2, band: { upper: [0.5], paint: band.paint } })).toEqual(['1.00 ┤', '0.00 ┤█']);
});

test('a line of blocks uses its whole height for what changes, and is flat for what does not', () => {
  expect(sparkline([2, 4, 3], 10)).toBe('▁█▅');
  expect(sparkline([7, 7], 10)).toBe('▁▁');
  expect(sparkline([0, 0, 8, 8], 2)).toBe('▁█');
  expect(sparkline([1, null, 2], 9)).toBe('▁ █');
  expect(sparkline([1, null, null, null, null, 2], 3)).toBe('▁ █');
});
