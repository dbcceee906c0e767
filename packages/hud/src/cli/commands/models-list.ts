import { openPlatform } from '../../api-client/index.ts';
import { gatewayUrl } from '../../host/settings.ts';
import { encode } from '../../protocol/codec.ts';
import { Model } from '../../protocol/api/models.ts';
import { defineCommand } from '../command.ts';
import { allModels } from '../model-reference.ts';
import { table } from '../terminal/table.ts';

export const modelsList = defineCommand({
  options: {},
  notes: 'The models that the platform serves behind its one key, and those of your team.',
  run: async (_input, { out, note }) => {
    const models = await allModels(openPlatform());
    if (models.length === 0)
      note('The platform serves no model yet: its operator sets a key such as ANTHROPIC_API_KEY, or HUD_PLATFORM_UPSTREAMS.');
    const columns = [
      { header: 'name', shrinks: { min: 10 } },
      { header: 'model' },
      { header: 'id' },
      { header: 'provider' },
      { header: 'agent' },
      { header: 'trainable' },
    ];
    const rows = models.map(({ id, name, modelName, sdkAgentType, isTrainable, provider }) => [
      name,
      modelName,
      id,
      provider.name ?? '-',
      sdkAgentType ?? '-',
      isTrainable ? 'yes' : '',
    ]);
    const gateway = gatewayUrl();
    return {
      json: models.map((model) => encode(Model, model)),
      text: () => [
        ...(rows.length === 0 ? [] : table(columns, rows, out)),
        ...(out.isTTY && gateway !== undefined ? ['', out.dim(`Gateway: ${gateway}`)] : []),
      ],
    };
  },
});
