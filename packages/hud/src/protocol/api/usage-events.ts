/** Which commands are used, without whom: only what is listed here is kept. */
import { z } from 'zod';
import { route } from './route.ts';

const Word = z.string().max(100);

export const UsageEvent = z.object({
  command: Word,
  subcommand: Word.nullish(),
  exitCode: z.number().int().nullish(),
  errorClass: Word.nullish(),
  durationMs: z.number().nullish(),
  cliVersion: Word.nullish(),
  pythonVersion: Word.nullish(),
  runtimeVersion: Word.nullish(),
  os: Word.nullish(),
  isCi: z.boolean().nullish(),
  installId: Word.nullish(),
});
export type UsageEvent = z.infer<typeof UsageEvent>;

export const record = route({
  method: 'POST',
  path: '/v3/api/sdk-events/cli',
  aliases: ['/sdk-events/cli'],
  summary: 'Use of the command line, for the operator of this platform alone',
  access: 'anyone',
  body: z.object({ events: z.array(UsageEvent).max(100) }),
  reply: z.object({ accepted: z.number() }),
});
