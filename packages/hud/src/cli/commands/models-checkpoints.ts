import { openPlatform } from '../../api-client/index.ts';
import { Checkpoint, checkpoints } from '../../protocol/api/models.ts';
import { encode } from '../../protocol/codec.ts';
import { keptOf } from '../checkpoint-reference.ts';
import { defineCommand, type Context } from '../command.ts';
import { findModel } from '../model-reference.ts';
import { oneOf } from '../options.ts';
import { when } from '../record-rows.ts';
import { literalLine } from '../terminal/literal.ts';
import { table } from '../terminal/table.ts';

export const modelsCheckpoints = defineCommand({
  arguments: { '<model>': 'the name in requests, or an id' },
  options: { format: oneOf('--format <name>', 'every metric of every step, for a spreadsheet or a program', ['csv', 'json']) },
  run: async ({ args: [reference = ''], options: { format } }, context) => {
    const client = openPlatform();
    const model = await findModel(client, reference);
    const nodes = await client.call(checkpoints, { params: { id: model.id } });
    if (nodes.length === 0) context.note(`${literalLine(model.modelName)} has its base weights alone: it has no checkpoints.`);
    const json = nodes.map((node) => encode(Checkpoint, node));
    const text = {
      csv: () => series(nodes),
      json: () => [JSON.stringify(json, undefined, 2)],
      table: () => (nodes.length === 0 ? [] : lines(nodes, context)),
    };
    return { json, text: text[format ?? 'table'] };
  },
});

function lines(nodes: readonly Checkpoint[], context: Context): string[] {
  const columns = [
    { header: '' },
    { header: 'name', shrinks: { min: 8 } },
    { header: 'id' },
    { header: 'reward', align: 'right' as const },
    { header: 'loss', align: 'right' as const },
    { header: 'traces', align: 'right' as const },
    { header: 'weights' },
    { header: 'created' },
  ];
  const rows = nodes.map((node) => [
    node.isActive ? '>' : '',
    node.name,
    node.id,
    node.meanReward?.toFixed(3) ?? '-',
    lossOf(node),
    node.numTraces?.toString() ?? '-',
    keptOf(node),
    when(Date.parse(node.createdAt), context),
  ]);
  return table(columns, rows, context.out);
}

/** That of samples of the very weights that are trained is 0 but for rounding, of either sign. */
function lossOf({ metrics }: Checkpoint): string {
  const loss = metrics['loss:sum'] ?? metrics.loss;
  return loss?.toFixed(4).replace(/^-(0\.0+)$/, '$1') ?? '-';
}

/** One row a step, as RFC 4180 has it: what each checkpoint says of itself, then a column for each metric that any of them has. */
function* series(nodes: readonly Checkpoint[]): Generator<string> {
  const metrics = [...new Set(nodes.flatMap((node) => Object.keys(node.metrics)))].toSorted();
  const own = ['name', 'id', 'parent', 'is_active', 'created_at', 'reward', 'loss_fn', 'learning_rate', 'traces', 'datums', 'tokens'];
  yield [...own, ...metrics].map(cell).join(',');
  for (const node of nodes) {
    const { name, id, prevModelCheckpointId: parent, isActive, createdAt, meanReward: reward, lossFn, learningRate } = node;
    const values = [name, id, parent, isActive, createdAt, reward, lossFn, learningRate, node.numTraces, node.numDatums, node.numTokens];
    yield [...values, ...metrics.map((metric) => node.metrics[metric] ?? null)].map(cell).join(',');
  }
}

function cell(value: string | number | boolean | null): string {
  const text = String(value ?? '');
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
