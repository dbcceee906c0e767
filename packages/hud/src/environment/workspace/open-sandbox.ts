/** From what was asked for to a sandbox of that kind. */
import { withLoginPath } from './login-path.ts';
import type { Isolation, Sandbox, SandboxSpec } from './sandbox.ts';

/** @throws HudError CAPABILITY_FAILED when this machine can't have it */
export async function openSandbox(isolation: Isolation, spec: SandboxSpec): Promise<Sandbox> {
  const sandbox =
    isolation === 'none'
      ? await (await import('./unisolated.ts')).openUnisolated(spec)
      : await (await import('./bwrap.ts')).openSandbox(spec);
  return spec.loginPath === undefined ? sandbox : withLoginPath(sandbox, spec.loginPath);
}
