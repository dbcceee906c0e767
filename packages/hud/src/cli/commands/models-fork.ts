import { openPlatform } from '../../api-client/index.ts';
import { fork, Model } from '../../protocol/api/models.ts';
import { encode } from '../../protocol/codec.ts';
import { defineCommand } from '../command.ts';
import { findModel } from '../model-reference.ts';
import { text } from '../options.ts';
import { literalLine } from '../terminal/literal.ts';
import { UsageError } from '../usage-error.ts';

export const modelsFork = defineCommand({
  arguments: { '<model>': 'what to begin as: the name in requests, or an id' },
  options: { name: text('-n, --name <name>', 'name of the new model') },
  run: async ({ args: [reference = ''], options: { name } }) => {
    if (name === undefined)
      throw new UsageError('The new model needs a name.', { hint: `For example: hud models fork ${reference} --name my-model` });
    const client = openPlatform();
    const source = await findModel(client, reference);
    const model = await client.call(fork, { body: { sourceModelId: source.id, name } });
    return {
      json: encode(Model, model),
      text: () => [
        `${literalLine(model.name)} begins as ${literalLine(source.modelName)}`,
        `model  ${literalLine(model.modelName)}`,
        `id     ${model.id}`,
      ],
    };
  },
});
