import { describe, expect, test } from 'vitest';
import { allowListOf, targetOf, urlTargetOf } from './egress-hosts.ts';

describe('an allow-list', () => {
  test.each([
    { entries: ['example.org'], host: 'example.org', isAllowed: true },
    { entries: ['example.org'], host: 'files.example.org', isAllowed: true },
    { entries: ['Example.ORG.'], host: 'a.b.example.org', isAllowed: true },
    { entries: ['bücher.example'], host: 'xn--bcher-kva.example', isAllowed: true },
    { entries: ['example.org'], host: 'notexample.org', isAllowed: false },
    { entries: ['example.org'], host: 'example.org.evil.com', isAllowed: false },
    { entries: ['example.org'], host: 'org', isAllowed: false },
    { entries: ['1.2.3.4'], host: '1.2.3.4', isAllowed: true },
    { entries: ['3.4'], host: '1.2.3.4', isAllowed: false },
    { entries: ['2606:4700:0::1'], host: '2606:4700::1', isAllowed: true },
    { entries: ['a.org', '*'], host: '8.8.8.8', isAllowed: true },
    { entries: [], host: 'example.org', isAllowed: false },
  ])('of $entries, asked for $host: $isAllowed', ({ entries, host, isAllowed }) => {
    expect(allowListOf(entries).allows(host)).toBe(isAllowed);
  });

  test.each(['', 'https://example.org', 'example.org:443', '*.example.org', '.example.org', 'a b', 'example.org/x', 'a..b', '[::1]'])(
    'refuses the entry "%s", which could never match',
    (entry) => {
      expect(() => allowListOf([entry])).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }));
    },
  );
});

describe('a CONNECT target', () => {
  test.each([
    { text: 'Example.ORG', target: { host: 'example.org', port: 443, isAddress: false } },
    { text: 'example.org.:8443', target: { host: 'example.org', port: 8443, isAddress: false } },
    { text: '2130706433:80', target: { host: '127.0.0.1', port: 80, isAddress: true } },
    { text: '0x7f.1:80', target: { host: '127.0.0.1', port: 80, isAddress: true } },
    { text: '012.01.02.03:80', target: { host: '10.1.2.3', port: 80, isAddress: true } },
    { text: '[::FFFF:10.1.2.3]:80', target: { host: '::ffff:a01:203', port: 80, isAddress: true } },
  ])('$text has one normal form', ({ text, target }) => {
    expect(targetOf(text, 443)).toEqual(target);
  });

  test.each([
    '',
    ':443',
    'a:',
    'a:0',
    'a:65536',
    'a:80:80',
    'a@b:80',
    'a/b',
    'a b',
    '::1',
    '[::1',
    '[fe80::1%25lo]:80',
    '[::g]:80',
    'a..b',
    '.a',
    'a%2e',
    '1.2.3.4.5',
    '256.1.1.1',
    'ä.example',
    'a\\b',
    '*',
    'x'.repeat(300),
  ])('%j is none', (text) => {
    expect(targetOf(text, 443)).toBeUndefined();
  });
});

describe('a URL target', () => {
  test.each([
    { text: 'http://Example.org', host: 'example.org', port: 80, path: '/' },
    { text: 'HTTP://example.org:8080/a%20b?c=/d?e', host: 'example.org', port: 8080, path: '/a%20b?c=/d?e' },
    { text: 'http://example.org?x=1', host: 'example.org', port: 80, path: '/?x=1' },
    { text: 'http://[2606:4700::1]/..//x', host: '2606:4700::1', port: 80, path: '/..//x' },
  ])('$text keeps its path as it is', ({ text, ...target }) => {
    expect(urlTargetOf(text)).toMatchObject(target);
  });

  test.each([
    '/path',
    'https://example.org/',
    'ftp://example.org/',
    '//example.org/',
    'http://',
    'http:///x',
    'http://a@b/',
    'http://a:b@c/',
    'http://a\\b/',
    'http://a/\\x',
    'http://a/#f',
    'http://%61/',
    'http://a/ b',
    'http://a/\u00e4',
    'http://a:99999/',
  ])('%j is none', (text) => {
    expect(urlTargetOf(text)).toBeUndefined();
  });
});
