/** What a task row may ask of the place it runs in. Unset differs from null: absent keys stay absent. */
import { z } from 'zod';

const positiveInt = z.int().positive();

export const RuntimeGpu = z.strictObject({
  type: z.union([z.string(), z.array(z.string()), z.null()]).optional(),
  count: z.int().min(1).optional(),
});

export const RuntimeTpu = z.strictObject({
  type: z.string(),
  /** Chips per axis: `2x2`, `4x4x8`. */
  topology: z.string().regex(/^\d+(x\d+)+$/),
});

export const RuntimeResources = z.strictObject({
  cpu: z.number().positive().nullish(),
  memoryMb: positiveInt.nullish(),
  storageMb: positiveInt.nullish(),
  gpu: RuntimeGpu.nullish(),
  os: z.string().nullish(),
  tpu: RuntimeTpu.nullish(),
});

export const RuntimeLimits = z.strictObject({
  /** Longest wait for the environment to answer, in seconds. */
  startupTimeoutS: positiveInt.nullish(),
  /** Longest life of the runtime, in seconds. */
  runTimeoutS: positiveInt.nullish(),
});

const ComposeRoot = z.union([z.string(), z.strictObject({ composePath: z.string() })]);

export const ComposeProject = z
  .strictObject({
    document: z.union([z.string(), z.record(z.string(), z.unknown())]),
    root: ComposeRoot.nullish(),
    serviceAccess: z.boolean().optional(),
  })
  .refine(({ document, root }) => root == null || typeof root === typeof document, {
    message: 'root must be a path where document is a path, and { compose_path } where document is parsed',
  });

export const RuntimeConfig = z
  .strictObject({
    image: z.string().min(1).nullish(),
    compose: ComposeProject.nullish(),
    resources: RuntimeResources.nullish(),
    limits: RuntimeLimits.nullish(),
  })
  .refine((config) => !(config.image && config.compose), { message: 'image and compose exclude each other' });
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
