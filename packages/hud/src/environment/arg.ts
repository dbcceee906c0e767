/** Marks that tell an editor what an argument holds; they travel in the manifest as `x-hud-hint`. */
import { z } from 'zod';

export const arg = {
  /** Text that becomes the prompt. */
  prompt: <S extends z.ZodType>(schema: S): S => schema.meta({ 'x-hud-hint': 'prompt' }),
  /** A reference to one data file: an object like {@link DataFileRef}. */
  dataFile: <S extends z.ZodType>(schema: S): S => schema.meta({ 'x-hud-hint': 'data-file' }),
  /** A list of references. */
  dataFiles: <S extends z.ZodType>(schema: S): S => schema.meta({ 'x-hud-hint': 'data-files' }),
  /** A list of grading criteria. */
  grading: <S extends z.ZodType>(schema: S): S => schema.meta({ 'x-hud-hint': 'grading' }),
} as const;

/** Keys as the wire spells them: this object is an argument, and arguments are data. */
export const DataFileRef = z.strictObject({ file_id: z.string(), path: z.string().nullish() });
