/** A workspace as part of an environment: it starts and stops with it, and no task leaves processes to the next. */
import { PROTOCOLS, type CapabilityInit } from '../../protocol/capability.ts';
import { messageOf } from '../../protocol/errors.ts';
import type { Environment } from '../environment.ts';
import type { FileTracking } from '../file-tracking/server.ts';
import { Workspace } from './workspace.ts';
import type { WorkspaceOptions } from './workspace-options.ts';

/** @throws HudError BAD_ARGUMENT; touches nothing */
export function declareWorkspace(environment: Environment, root: string, options: WorkspaceOptions = {}): Workspace {
  const { name = 'shell' } = options;
  const warn = (message: string): void => environment.warn(`workspace '${name}': ${message}`);
  const workspace = new Workspace(root, options, warn);
  let tracking: FileTracking | undefined;
  environment.initialize(async () => {
    await workspace.start();
    environment.addCapability(workspace.capability);
    if (!workspace.tracksFiles) return;
    try {
      const { startFileTracking } = await import('../file-tracking/server.ts');
      tracking = await startFileTracking({ root: workspace.root, onWarning: warn });
      environment.addCapability(trackingCapability(name, workspace.root, tracking.url));
    } catch (error) {
      warn(`its files are not tracked: ${messageOf(error)}`); // nobody's work depends on it
    }
  });
  environment.onTaskEnd(async () => await workspace.discardSandbox());
  environment.shutdown(async () => {
    await tracking?.close();
    tracking = undefined;
    await workspace.stop();
  });
  return workspace;
}

/** Clients look for this name; only a second workspace needs another. */
function trackingCapability(workspace: string, root: string, url: string): CapabilityInit {
  const name = workspace === 'shell' ? 'filetracking' : `filetracking-${workspace}`;
  return { name, protocol: PROTOCOLS.filetracking, url, params: { root, setup_diff: true } };
}
