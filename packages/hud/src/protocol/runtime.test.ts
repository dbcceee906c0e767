import { describe, expect, test } from 'vitest';
import { decode, encode } from './codec.ts';
import { RuntimeConfig, mergeRuntimeConfig } from './runtime.ts';

describe('a runtime configuration', () => {
  test('keeps unset and null apart, both ways', () => {
    const wire = {
      image: 'i',
      compose: null,
      limits: null,
      resources: {
        cpu: 0.5,
        memory_mb: 512,
        storage_mb: null,
        gpu: { type: null, count: 2 },
        os: 'linux',
        tpu: { type: 'v5', topology: '4x4x8' },
      },
    };
    const config = decode(RuntimeConfig, wire);
    expect(config.resources).toMatchObject({ memoryMb: 512, storageMb: null });
    expect(encode(RuntimeConfig, config)).toEqual(wire);
    expect(Object.keys(decode(RuntimeConfig, { image: 'i' }))).toEqual(['image']);
    expect(decode(RuntimeConfig, { resources: { gpu: {} } })).toEqual({ resources: { gpu: {} } });
  });

  test.each([
    [{ document: 'a/compose.yaml', root: 'a' }],
    [{ document: 'compose.yaml' }],
    [{ document: 'compose.yaml', root: null }],
    [{ document: { services: { main: { someKey: 1, other_key: 2 } } }, root: { compose_path: 'p' }, service_access: true }],
  ])('has a compose project %o', (compose) => {
    expect(encode(RuntimeConfig, decode(RuntimeConfig, { compose }))).toEqual({ compose });
  });

  test.each<[object, string]>([
    [{ imagee: 'x' }, 'imagee'],
    [{ image: '' }, 'image'],
    [{ image: 'x', compose: { document: 'c' } }, 'exclude'],
    [{ compose: { document: 'c', root: { compose_path: 'p' } } }, 'compose: root must be'],
    [{ compose: { document: {}, root: 'p' } }, 'compose: root must be'],
    [{ compose: { root: 'p' } }, 'compose.document'],
    [{ compose: { document: 'c', roots: 'p' } }, 'roots'],
    [{ resources: { cpu: 0 } }, 'resources.cpu'],
    [{ resources: { cpu: '2' } }, 'resources.cpu'],
    [{ resources: { memory_mb: -1 } }, 'resources.memory_mb'],
    [{ resources: { storage_mb: 1.5 } }, 'resources.storage_mb'],
    [{ resources: { memoryMb: 1 } }, 'spelled memory_mb'],
    [{ resources: { gpu: { count: 0 } } }, 'resources.gpu.count'],
    [{ resources: { gpu: { type: 5 } } }, 'resources.gpu.type'],
    [{ resources: { tpu: { type: 'v5', topology: '2y2' } } }, 'resources.tpu.topology'],
    [{ resources: { tpu: { type: 'v5', topology: '4' } } }, 'resources.tpu.topology'],
    [{ limits: { run_timeout_s: 1.5 } }, 'limits.run_timeout_s'],
    [{ limits: { startup_timeout_s: 0 } }, 'limits.startup_timeout_s'],
    [{ limits: { timeout: 1 } }, 'timeout'],
  ])('%o is refused by name', (config, word) => expect(() => decode(RuntimeConfig, config)).toThrow(word));
});

describe('merging', () => {
  const base = { image: 'a', resources: { cpu: 2, memoryMb: 100 }, limits: { runTimeoutS: 5 } };
  const compose = { document: 'c.yaml' };

  test.each<[string, RuntimeConfig | undefined, RuntimeConfig | undefined, RuntimeConfig | undefined]>([
    ['takes resources whole', base, { resources: { cpu: 1 } }, { ...base, resources: { cpu: 1 } }],
    ['takes an explicit null', base, { limits: null }, { ...base, limits: null }],
    ['changes nothing by an empty override', base, {}, base],
    ['lets an image replace an image', base, { image: 'b' }, { ...base, image: 'b' }],
    ['lets a compose project push the image out', base, { compose }, { resources: base.resources, limits: base.limits, compose }],
    ['lets an image push the compose project out', { compose, limits: null }, { image: 'b' }, { image: 'b', limits: null }],
    ['has nothing to merge on one side', undefined, base, base],
    ['has nothing to merge on the other side', base, undefined, base],
    ['has nothing at all', undefined, undefined, undefined],
  ])('%s', (_what, onto, override, merged) => expect(mergeRuntimeConfig(onto, override)).toEqual(merged));

  test('leaves both sides as they were', () => {
    const before = structuredClone(base);
    mergeRuntimeConfig(base, { compose });
    expect(base).toEqual(before);
  });
});
