import { openPlatform } from '../../api-client/index.ts';
import { Checkpoint, checkpoints } from '../../protocol/api/models.ts';
import { encode } from '../../protocol/codec.ts';
import { defineCommand } from '../command.ts';
import { findModel } from '../model-reference.ts';
import { when } from '../record-rows.ts';
import { literalLine } from '../terminal/literal.ts';
import { table } from '../terminal/table.ts';

export const modelsCheckpoints = defineCommand({
  arguments: { '<model>': 'the name in requests, or an id' },
  options: {},
  run: async ({ args: [reference = ''] }, context) => {
    const client = openPlatform();
    const model = await findModel(client, reference);
    const nodes = await client.call(checkpoints, { params: { id: model.id } });
    if (nodes.length === 0) context.note(`${literalLine(model.modelName)} has its base weights alone: it has no checkpoints.`);
    const columns = [
      { header: '' },
      { header: 'name', shrinks: { min: 8 } },
      { header: 'id' },
      { header: 'reward', align: 'right' as const },
      { header: 'loss', align: 'right' as const },
      { header: 'traces', align: 'right' as const },
      { header: 'created' },
    ];
    const rows = nodes.map((node) => [
      node.isActive ? '>' : '',
      node.name,
      node.id,
      node.meanReward?.toFixed(3) ?? '-',
      node.metrics.loss?.toFixed(4) ?? '-',
      node.numTraces?.toString() ?? '-',
      when(Date.parse(node.createdAt), context),
    ]);
    return {
      json: nodes.map((node) => encode(Checkpoint, node)),
      text: () => (rows.length === 0 ? [] : table(columns, rows, context.out)),
    };
  },
});
