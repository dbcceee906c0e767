import { openPlatform } from '../../api-client/index.ts';
import { Result, results, SubjectType } from '../../protocol/api/qa.ts';
import { encode } from '../../protocol/codec.ts';
import { defineCommand } from '../command.ts';
import { resultLines, subjectIds } from '../qa-results.ts';
import { listed } from '../terminal/wording.ts';
import { UsageError } from '../usage-error.ts';

export const qaResults = defineCommand({
  arguments: {
    '<type>': SubjectType.options.join(', '),
    '<subject...>': 'ids, or names of tasksets and environments',
  },
  options: {},
  run: async ({ args: [type = '', ...subjects] }, { out, note }) => {
    const subjectType = readSubjectType(type);
    const client = openPlatform();
    const items = await client.call(results, { query: { subjectType, subjectIds: await subjectIds(client, subjectType, subjects) } });
    if (items.length === 0) note('Nothing was found of them yet: `hud qa run` examines.');
    return { json: items.map((item) => encode(Result, item)), text: () => resultLines(items, out) };
  },
});

/** @throws UsageError for what is no type */
export function readSubjectType(text: string): SubjectType {
  const parsed = SubjectType.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new UsageError(`A subject is ${listed(SubjectType.options)}, not '${text}'.`);
}
