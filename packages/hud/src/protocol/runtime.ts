/** What a task row may ask of the place it runs in. Unset differs from null: absent keys stay absent. */
import * as z from 'zod/mini';
import './english.ts';

const positiveInt = z.int().check(z.positive());

export const RuntimeGpu = z.strictObject({
  type: z.optional(z.union([z.string(), z.array(z.string()), z.null()])),
  count: z.optional(z.int().check(z.minimum(1))),
});

export const RuntimeTpu = z.strictObject({
  type: z.string(),
  /** Chips per axis: `2x2`, `4x4x8`. */
  topology: z.string().check(z.regex(/^\d+(x\d+)+$/)),
});

export const RuntimeResources = z.strictObject({
  cpu: z.nullish(z.number().check(z.positive())),
  memoryMb: z.nullish(positiveInt),
  storageMb: z.nullish(positiveInt),
  gpu: z.nullish(RuntimeGpu),
  os: z.nullish(z.string()),
  tpu: z.nullish(RuntimeTpu),
});

export const RuntimeLimits = z.strictObject({
  /** Longest wait for the environment to answer, in seconds. */
  startupTimeoutS: z.nullish(positiveInt),
  /** Longest life of the runtime, in seconds. */
  runTimeoutS: z.nullish(positiveInt),
});

const ComposeRoot = z.union([z.string(), z.strictObject({ composePath: z.string() })]);

export const ComposeProject = z
  .strictObject({
    document: z.union([z.string(), z.record(z.string(), z.unknown())]),
    root: z.nullish(ComposeRoot),
    serviceAccess: z.optional(z.boolean()),
  })
  .check(
    z.refine(({ document, root }) => root == null || typeof root === typeof document, {
      message: 'root must be a path where document is a path, and { compose_path } where document is parsed',
    }),
  );

export const RuntimeConfig = z
  .strictObject({
    image: z.nullish(z.string().check(z.minLength(1))),
    compose: z.nullish(ComposeProject),
    resources: z.nullish(RuntimeResources),
    limits: z.nullish(RuntimeLimits),
  })
  .check(z.refine((config) => !(config.image && config.compose), { message: 'image and compose exclude each other' }));
export type RuntimeConfig = z.infer<typeof RuntimeConfig>;

/**
 * `base` with the keys that `override` sets. Shallow: `resources` is replaced whole, and an image
 * in `override` clears the base's compose project and the other way round.
 */
export function mergeRuntimeConfig(base: RuntimeConfig | undefined, override: RuntimeConfig | undefined): RuntimeConfig | undefined {
  if (base === undefined || override === undefined) return override ?? base;
  const merged: RuntimeConfig = { ...base, ...override };
  if (override.image && !override.compose) delete merged.compose;
  if (override.compose && !override.image) delete merged.image;
  return merged;
}
