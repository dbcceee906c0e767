import { defineCommand } from '../command.ts';
import { packageVersion } from '../package-origin.ts';

export const version = defineCommand({
  options: {},
  run: async () => {
    const number = packageVersion();
    return { json: { version: number, node: process.versions.node }, text: () => [number] };
  },
});
