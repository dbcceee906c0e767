/** Opens a page in the user's browser, where there is one. */
import { spawn } from 'node:child_process';

const OPENERS: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  darwin: ['open'],
  win32: ['cmd', '/c', 'start', ''],
};

/** Never fails and waits for nothing: whoever calls has printed the address. */
export function openInBrowser(address: string, note: (line: string) => void): void {
  const [command = 'xdg-open', ...args] = OPENERS[process.platform] ?? ['xdg-open'];
  const child = spawn(command, [...args, address], { stdio: 'ignore', detached: true });
  child.on('error', () => note('No browser could be opened; open the address above.'));
  child.unref();
}
