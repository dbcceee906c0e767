/** A workspace, served in a process of its own until stdin ends: node workspace.ts <folder> */
import { Workspace } from '../../packages/hud/src/environment/workspace/workspace.ts';
import { answer } from '../worker.ts';

await using workspace = new Workspace(process.argv[2] ?? '', {}, (message) => process.stderr.write(`${message}\n`));
await workspace.start();
await answer(async () => ({}), { capability: workspace.capability });
