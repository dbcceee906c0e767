import { openPlatform } from '../../api-client/index.ts';
import { Agent, agents, SubjectType } from '../../protocol/api/qa.ts';
import { encode } from '../../protocol/codec.ts';
import { defineCommand } from '../command.ts';
import { integer, text } from '../options.ts';
import { table } from '../terminal/table.ts';
import { readSubjectType } from './qa-results.ts';

export const qaAgents = defineCommand({
  options: {
    subjectType: text('--subject-type <type>', `only those for ${SubjectType.options.join(', ')}`),
    limit: integer('-n, --limit <n>', 'how many (default: 50)', { min: 1, max: 500 }),
    offset: integer('--offset <n>', 'leave out the first', { min: 0 }),
  },
  run: async ({ options: { subjectType, limit, offset } }, { out, note }) => {
    const query = {
      ...(subjectType === undefined ? {} : { subjectType: readSubjectType(subjectType) }),
      ...(limit === undefined ? {} : { limit }),
      ...(offset === undefined ? {} : { offset }),
    };
    const { items, total } = await openPlatform().call(agents, { query });
    if (items.length + (offset ?? 0) < total) note(`${items.length} of ${total} are listed.`);
    const columns = [
      { header: 'id' },
      { header: 'name' },
      { header: 'subject' },
      { header: 'model' },
      { header: 'instructions', shrinks: { min: 20 } },
    ];
    const rows = items.map(({ id, name, subjectType: type, modelName, instructions }) => [id, name, type, modelName ?? '-', instructions]);
    return { json: items.map((item) => encode(Agent, item)), text: () => table(columns, rows, out) };
  },
});
