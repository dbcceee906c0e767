import { openPlatform } from '../../api-client/index.ts';
import { Checkpoint, checkpoints, setHead } from '../../protocol/api/models.ts';
import { encode } from '../../protocol/codec.ts';
import { findCheckpoint } from '../checkpoint-reference.ts';
import { defineCommand } from '../command.ts';
import { findModel } from '../model-reference.ts';
import { text } from '../options.ts';
import { literalLine } from '../terminal/literal.ts';

export const modelsHead = defineCommand({
  arguments: { '<model>': 'the name in requests, or an id' },
  options: { set: text('--set <checkpoint>', 'make this one active: an id, or a name such as step-12') },
  run: async ({ args: [reference = ''], options }) => {
    const client = openPlatform();
    const model = await findModel(client, reference);
    let nodes = await client.call(checkpoints, { params: { id: model.id } });
    if (options.set !== undefined) {
      const chosen = findCheckpoint(nodes, options.set, model);
      await client.call(setHead, { params: { id: model.id }, body: { checkpointId: chosen.id } });
      nodes = await client.call(checkpoints, { params: { id: model.id } });
    }
    const head = nodes.find(({ isActive }) => isActive);
    return {
      json: head === undefined ? null : encode(Checkpoint, head),
      text: () => [head === undefined ? `${literalLine(model.modelName)} has its base weights` : `${literalLine(head.name)}  ${head.id}`],
    };
  },
});
