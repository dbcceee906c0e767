/** Where this package's own programs are: sources in a checkout's tests, bundles in what is installed. */
import { fileURLToPath } from 'node:url';

/** @returns the absolute path of the program that serves one environment */
export function serveChildPath(): string {
  const isSource = import.meta.url.endsWith('.ts');
  return fileURLToPath(new URL(isSource ? './serve-child.ts' : './serve-child.js', import.meta.url));
}
