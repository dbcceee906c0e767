/** What the environments with hands need besides the two packages: programs of this machine. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { probeIsolation } from '../packages/hud/src/environment/workspace/probe.ts';

export const PARTS = ['shell', 'tools', 'browser', 'screen'] as const;
export type Part = (typeof PARTS)[number];

/** Why a part can't be had on this machine; those that can are not in it. */
export type Missing = Partial<Record<Part, string>>;

/** For each part the programs that it needs; of several in one place any will do. */
const PROGRAMS: Record<Exclude<Part, 'shell'>, readonly (readonly string[])[]> = {
  tools: [],
  browser: [['chromium', 'chromium-browser', 'google-chrome']],
  screen: [['Xtigervnc'], ['openbox'], ['xdotool'], ['xterm']],
};

export async function missingParts(): Promise<Missing> {
  const missing: Missing = {};
  const isolation = await probeIsolation();
  if (!isolation.available) missing.shell = isolation.reason;
  for (const [part, choices] of Object.entries(PROGRAMS)) {
    const absent = choices.filter((choice) => !choice.some(isInstalled)).map((choice) => choice[0]);
    if (absent.length > 0) missing[part as Part] = `not on this machine: ${absent.join(', ')}`;
  }
  return missing;
}

/** The others, as the environments read them. */
export function partsWithout(missing: Missing): string {
  return PARTS.filter((part) => missing[part] === undefined).join(',');
}

function isInstalled(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return folder !== '';
    } catch {
      return false;
    }
  });
}
