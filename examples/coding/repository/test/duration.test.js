import assert from 'node:assert/strict';
import { test } from 'node:test';
import { format, parse } from '../src/duration.js';

test('an hour and a half', () => assert.equal(parse('1h 30m'), 5_400_000));
test('decimals', () => assert.equal(parse('1.5h'), 5_400_000));
test('before now', () => assert.equal(parse('-1h 30m'), -5_400_000));
test('and back', () => assert.equal(format(5_400_000), '1h 30m'));
test('before now, and back', () => assert.equal(format(-90_000), '-1m 30s'));
test('a part of a millisecond', () => assert.equal(format(999.6), '1s'));
