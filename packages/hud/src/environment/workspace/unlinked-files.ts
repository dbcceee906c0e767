/** Space of files that have no name any more and live as long as a process of a sandbox has them open. */
import { readdirSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** In bytes, on the disk of `folder`, held by processes of `uid` that are in another pid namespace than this one. */
export function unlinkedBytes(folder: string, uid: number): number {
  const { dev } = statSync(folder);
  const found = new Map<number, number>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const path of openFiles(join('/proc', pid), uid)) {
      const stat = orNothing(() => statSync(path));
      if (stat?.isFile() === true && stat.nlink === 0 && stat.dev === dev) found.set(stat.ino, stat.blocks * 512);
    }
  }
  return [...found.values()].reduce((sum, bytes) => sum + bytes, 0);
}

function openFiles(process: string, uid: number): string[] {
  const files = orNothing(() => {
    if (statSync(process).uid !== uid || readlinkSync(join(process, 'ns/pid')) === readlinkSync('/proc/self/ns/pid')) return [];
    return readdirSync(join(process, 'fd')).map((name) => join(process, 'fd', name));
  });
  return files ?? [];
}

/** Processes end and close files while they are looked at; the sandbox's first one shows nothing, and holds nothing. */
function orNothing<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
