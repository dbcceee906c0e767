/** What still has to be written when the program ends without closing its stores. */

const open = new Set<() => void>();

/**
 * Runs `lastWrite` when the process exits before the returned function was called. One listener for
 * all stores: many may be open, and each of their own would count against the limit that warns of leaks.
 */
export function whileOpen(lastWrite: () => void): () => void {
  if (open.size === 0) process.on('exit', writeAll);
  open.add(lastWrite);
  return () => {
    open.delete(lastWrite);
    if (open.size === 0) process.off('exit', writeAll);
  };
}

function writeAll(): void {
  for (const lastWrite of open) lastWrite();
}
