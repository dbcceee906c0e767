import { expect, test } from 'vitest';
import { proxyEnv } from './egress-env.ts';
import { addressPeers, hostsFileOf } from './hosts-file.ts';

test('a peer answers on 127.0.0.1 while its ports are free there', () => {
  expect([...addressPeers([{ name: 'db', port: 5432 }])]).toEqual([['db', '127.0.0.1']]);
});

test('a name moves with all its ports as soon as one is taken', () => {
  const peers = [
    { name: 'a', port: 80 },
    { name: 'b', port: 80 },
    { name: 'b', port: 443 },
    { name: 'c', port: 443 },
    { name: 'd', port: 80 },
  ];
  expect(Object.fromEntries(addressPeers(peers))).toEqual({ a: '127.0.0.1', b: '127.0.0.2', c: '127.0.0.1', d: '127.0.0.3' });
});

test.each([3128, 3129, 7070])('port %i of 127.0.0.1 is never given to a peer', (port) => {
  expect(addressPeers([{ name: 'a', port }], [7070]).get('a')).toBe('127.0.0.2');
});

test.each([
  { peers: [{ name: 'a b', port: 1 }], what: 'white space in a name' },
  { peers: [{ name: 'a\n1.2.3.4 evil', port: 1 }], what: 'a line end in a name' },
  { peers: [{ name: 'a', port: 0 }], what: 'port 0' },
  {
    peers: [
      { name: 'a', port: 1 },
      { name: 'a', port: 1 },
    ],
    what: 'a port twice',
  },
])('$what is an error of the author', ({ peers }) => {
  expect(() => addressPeers(peers)).toThrow(expect.objectContaining({ code: 'BAD_ARGUMENT' }));
});

test('the hosts file names the machine, its aliases and its peers', () => {
  const peers = [
    { name: 'db', port: 5432 },
    { name: 'replica', port: 5432 },
  ];
  expect(hostsFileOf({ peers, localAliases: ['web'], hostname: 'box' })).toBe(
    '127.0.0.1\tlocalhost box web\n::1\tlocalhost ip6-localhost\n127.0.0.1\tdb\n127.0.0.2\treplica\n',
  );
});

test('proxy variables are there only with an allowed host', () => {
  const network = { peers: [{ name: 'db', port: 3128 }], localAliases: ['web'] };
  expect(proxyEnv({ ...network, allowedHosts: [] })).toEqual({});
  const url = 'http://127.0.0.1:3128';
  const bypass = '127.0.0.1,localhost,web,db,127.0.0.2';
  expect(proxyEnv({ ...network, allowedHosts: ['example.org'] })).toEqual({
    http_proxy: url,
    https_proxy: url,
    HTTP_PROXY: url,
    HTTPS_PROXY: url,
    no_proxy: bypass,
    NO_PROXY: bypass,
  });
});
