import { openPlatform } from '../../api-client/index.ts';
import { Checkpoint, checkpoints, pin } from '../../protocol/api/models.ts';
import { encode } from '../../protocol/codec.ts';
import { findCheckpoint, keptOf } from '../checkpoint-reference.ts';
import { defineCommand } from '../command.ts';
import { findModel } from '../model-reference.ts';
import { flag } from '../options.ts';
import { literalLine } from '../terminal/literal.ts';

export const modelsPin = defineCommand({
  arguments: { '<model>': 'the name in requests, or an id', '<checkpoint>': 'an id, or a name such as step-12' },
  options: { off: flag('--off', 'let its weights go again, once newer ones take their place') },
  notes: 'The platform keeps the weights of the head, of the newest checkpoints, and of those that are pinned.',
  run: async ({ args: [reference = '', name = ''], options: { off = false } }) => {
    const client = openPlatform();
    const model = await findModel(client, reference);
    const chosen = findCheckpoint(await client.call(checkpoints, { params: { id: model.id } }), name, model);
    const now = await client.call(pin, { params: { id: model.id, checkpoint: chosen.id }, body: { isPinned: !off } });
    return { json: encode(Checkpoint, now), text: () => [`${literalLine(now.name)}  ${now.id}  ${keptOf(now)}`] };
  },
});
