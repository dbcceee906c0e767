import { openPlatform } from '../../api-client/index.ts';
import { budgets, GROUPS, usage, type Budget, type UsageGroup, type UsageRow } from '../../protocol/api/usage.ts';
import { defineCommand } from '../command.ts';
import { integer, text } from '../options.ts';
import { table, type Column } from '../terminal/table.ts';
import { listed } from '../terminal/wording.ts';
import { UsageError } from '../usage-error.ts';

export const modelsUsage = defineCommand({
  options: {
    by: text('--by <what>', `sum by ${GROUPS.join(', ')} (default: model)`),
    since: text('--since <date>', 'only calls from then on, such as 2026-01-31'),
    until: text('--until <date>', 'only calls before then'),
    limit: integer('-n, --limit <n>', 'how many rows (default: 100)', { min: 1, max: 1000 }),
  },
  notes: 'Tokens and costs of the calls that went through the platform, and what is left of budgets.',
  run: async ({ options }, { out, note }) => {
    const { by = 'model', since, until, limit } = options;
    if (!isGroup(by)) throw new UsageError(`--by takes ${listed(GROUPS)}, not '${by}'.`);
    const client = openPlatform();
    const query = {
      groupBy: by,
      ...(since === undefined ? {} : { since }),
      ...(until === undefined ? {} : { until }),
      ...(limit === undefined ? {} : { limit }),
    };
    const { items, total, isTruncated } = await client.call(usage, { query });
    const { items: limits } = await client.call(budgets, {});
    if (items.length === 0) note('No model was called through the platform yet.');
    if (isTruncated) note(`Only the first ${items.length} are listed; the total is over all.`);
    if (total.unknownCost > 0)
      note(`${total.unknownCost} of the calls have a price that the platform does not know; they are not in the costs.`);
    const rows = items.length === 0 ? [] : [...items, { ...total, key: 'total' }];
    return {
      json: { items, total, budgets: limits },
      text: () => [
        ...(rows.length === 0 ? [] : table(columnsFor(by), rows.map(cells), out)),
        ...(limits.length === 0 ? [] : ['', ...table(BUDGET_COLUMNS, limits.map(budgetCells), out)]),
      ],
    };
  },
});

function isGroup(text: string): text is UsageGroup {
  return (GROUPS as readonly string[]).includes(text);
}

function columnsFor(by: UsageGroup): Column[] {
  const numbers = ['calls', 'failed', 'prompt', 'cached', 'completion', 'USD'];
  return [{ header: by, shrinks: { min: 10 } }, ...numbers.map((header) => ({ header, align: 'right' as const }))];
}

function cells(row: UsageRow): string[] {
  const { key, calls, failed, promptTokens, cachedTokens, completionTokens, costUsd } = row;
  return [key === '' ? '(none)' : key, ...[calls, failed, promptTokens, cachedTokens, completionTokens].map(String), usd(costUsd)];
}

const BUDGET_COLUMNS: readonly Column[] = [
  { header: 'budget of' },
  { header: 'id', shrinks: { min: 8 } },
  { header: 'period' },
  { header: 'limit', align: 'right' },
  { header: 'spent', align: 'right' },
  { header: 'held back', align: 'right' },
];

function budgetCells({ scope, id, period, limitUsd, spentUsd, reservedUsd }: Budget): string[] {
  return [scope, id, period, usd(limitUsd), usd(spentUsd), usd(reservedUsd)];
}

function usd(amount: number | null): string {
  return amount === null ? '?' : amount.toFixed(4);
}
