/** Two byte streams made one. */
import type { Stream } from './host.ts';

/**
 * Passes bytes both ways until both directions have ended. Each ends by itself, so a half-close passes;
 * a stream that breaks takes the other with it. Both are destroyed when this settles; it never rejects.
 */
export async function splice(a: Stream, b: Stream): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let openDirections = 2;
  const pass = (from: Stream, to: Stream): void => {
    to.once('finish', () => {
      openDirections -= 1;
      if (openDirections === 0) resolve();
    });
    from.once('close', resolve).once('error', resolve);
    from.pipe(to);
  };
  pass(a, b);
  pass(b, a);
  if (a.destroyed || b.destroyed) resolve();
  await promise;
  a.destroy();
  b.destroy();
}
