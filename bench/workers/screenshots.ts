/**
 * Pictures of a screen, straight from its server and through the control port in turns:
 *
 *   node screenshots.ts tcp://<host:port> rfb|cdp [straight]     the last: never through the control port
 */
import { Runtime, connect } from 'hud';
import { openCapability } from '../../packages/hud/src/capabilities/open.ts';
import { hasScreen, type ScreenDriver } from '../../packages/hud/src/capabilities/screen.ts';
import type { Capability } from '../../packages/hud/src/protocol/capability.ts';
import { answer, quantile } from '../worker.ts';

const [url = '', family = '', how = 'tunnel'] = process.argv.slice(2);
await using client = await connect(new Runtime(url));
const named = client.manifest.find(({ protocol }) => protocol.startsWith(`${family}/`));
if (named === undefined) throw new Error(`The environment has no screen for ${family}.`);
const straight = await screenOf(named);
const tunnelled = await screenOf(how === 'straight' ? named : await client.binding(family));

await answer(async ({ n }) => {
  const [straightMs, tunnelledMs]: [number[], number[]] = [[], []];
  for (let i = 0; i < Number(n); i += 1) {
    const [first, second] = i % 2 === 0 ? [straightMs, tunnelledMs] : [tunnelledMs, straightMs];
    for (const took of [first, second]) took.push(await picture(took === straightMs ? straight : tunnelled));
  }
  const [direct, p50] = [quantile(straightMs, 0.5), quantile(tunnelledMs, 0.5)];
  return { p50, direct, added: p50 - direct };
});
process.exit(0);

async function screenOf(capability: Capability): Promise<ScreenDriver> {
  const opened = await openCapability(capability);
  if (!hasScreen(opened)) throw new Error(`${capability.protocol} has no screen.`);
  return await opened.screen();
}

async function picture(screen: ScreenDriver): Promise<number> {
  const startedAt = performance.now();
  const { width, height, rgba } = await screen.frame();
  const tookMs = performance.now() - startedAt;
  if (width !== 1280 || height !== 800 || rgba.length !== width * height * 4) throw new Error(`A picture of ${width}×${height} came.`);
  return tookMs;
}
