/**
 * A folder that agents work in: commands over SSH in a sandbox around it, files and commands for its author.
 * `workspace-options.ts` says what can be asked for, `ssh-server.ts` serves it, `sandbox-keeper.ts` keeps the sandbox.
 */
import { join } from 'node:path';
import { PROTOCOLS, type CapabilityInit } from '../../protocol/capability.ts';
import { HudError } from '../../protocol/errors.ts';
import type { CommandOptions, CommandResult } from './author-command.ts';
import { listInside, readInside, relativeInside, writeInside, type InsideRoot } from './inside-root.ts';
import type { SandboxProcess } from './sandbox.ts';
import { settingsOf, type WorkspaceOptions, type WorkspaceSettings } from './workspace-options.ts';
import type { Started } from './workspace-start.ts';

export interface RunOptions extends CommandOptions {
  /** In a sandbox of its own over the same folder, without network, where no process of the agent is. @default false */
  isolated?: boolean;
}

export interface FileOptions {
  /** @default 64 MiB */
  maxBytes?: number;
}

const MAX_FILE_BYTES = 64 * 2 ** 20;

export class Workspace implements AsyncDisposable {
  readonly #settings: WorkspaceSettings;
  readonly #warn: (message: string) => void;
  #starting: Promise<Started> | undefined;
  #started: Started | undefined;

  /**
   * @param root served folder; made at the start
   * @param onWarning hears of what went wrong without ending anything
   * @throws HudError BAD_ARGUMENT for options that contradict each other
   */
  constructor(root: string, options: WorkspaceOptions = {}, onWarning: (message: string) => void = () => {}) {
    this.#settings = settingsOf(root, options);
    this.#warn = onWarning;
  }

  /** Absolute, on this machine. */
  get root(): string {
    return this.#settings.root;
  }

  get guestPath(): string {
    return this.#settings.guestPath;
  }

  get tracksFiles(): boolean {
    return this.#settings.trackFiles;
  }

  /** Its entry in the manifest. @throws HudError CAPABILITY_NOT_FOUND unless it is started */
  get capability(): CapabilityInit {
    const { hostKey, clientKey, server, level } = this.#running();
    const { name, host, user, guestPath, isolation } = this.#settings;
    const address = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
    return {
      name,
      protocol: PROTOCOLS.ssh,
      url: `ssh://${encodeURIComponent(user)}@${address.includes(':') ? `[${address}]` : address}:${server.port}`,
      params: {
        user,
        host_pubkey: hostKey.public,
        ...(clientKey === undefined ? {} : { client_key: clientKey.private }),
        shell: 'bash',
        cwd: guestPath,
        isolation,
        level,
      },
    };
  }

  /**
   * Returns when clients are accepted and the first sandbox is there. Nothing when it is started already.
   * @throws HudError CAPABILITY_FAILED without the isolation that was asked for, PORT_IN_USE; nothing is left then
   */
  async start(): Promise<void> {
    this.#starting ??= start(this.#settings, this.#warn);
    try {
      this.#started = await this.#starting;
    } catch (error) {
      this.#starting = undefined;
      throw error;
    }
  }

  /** Ends the commands and the sandbox, and removes the keys. May be called twice. */
  async stop(): Promise<void> {
    const starting = this.#starting;
    this.#starting = undefined;
    this.#started = undefined;
    const started = await starting?.catch(() => undefined); // whoever started it was told
    await started?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Runs `bash -lc <command>` to its end beside the agent's commands, or, for graders, `isolated` from them. */
  async run(command: string, { isolated = false, ...options }: RunOptions = {}): Promise<CommandResult> {
    const started = this.#running();
    if (isolated && this.#settings.overlay)
      throw new HudError('BAD_ARGUMENT', 'With an overlay there is no second view of the folder to run in.');
    // Start-up files of a folder that the agent writes to must not decide what the author's command does.
    const { runInSandbox } = await import('./author-command.ts');
    const env = { HOME: isolated ? '/tmp' : '/nonexistent', ...options.env };
    if (!isolated) return await runInSandbox(await started.keeper.get(), command, { ...options, env });
    const alone = await started.isolated();
    try {
      return await runInSandbox(alone.sandbox, command, { ...options, env });
    } finally {
      await alone.close();
    }
  }

  /** Starts a long-lived command beside the agent's; it ends with the sandbox at the latest. */
  async launch(command: string, { cwd, env }: Pick<CommandOptions, 'cwd' | 'env'> = {}): Promise<SandboxProcess> {
    const sandbox = await this.#running().keeper.get();
    const own = { HOME: '/nonexistent', ...env };
    return await sandbox.spawn({ command, env: own, ...(cwd === undefined ? {} : { cwd }) });
  }

  /** Ends the commands and shells that clients run now, and their connections. What they left in the background lives on. */
  async terminateSessions(): Promise<void> {
    await this.#running().server.dropAll();
  }

  /** Ends every process inside; the next command gets a new sandbox over the same folder, with `overlay` over the original one. */
  async discardSandbox(): Promise<void> {
    await this.#started?.keeper.discard();
  }

  /**
   * Replaces what the root holds with a copy of a folder, owned by the commands' user. Ends every process inside first;
   * commands that come meanwhile wait.
   * @throws HudError BAD_ARGUMENT when the folder can't be read
   */
  async fill(folder: string): Promise<void> {
    const { root, identity } = this.#files();
    const { fillRoot } = await import('./fill-root.ts');
    await this.#running().keeper.emptied(async () => await fillRoot(root, folder, identity));
  }

  /** @param path relative, or as it is called inside. @throws HudError RPC_ERROR, BAD_ARGUMENT */
  async read(path: string, { maxBytes = MAX_FILE_BYTES }: FileOptions = {}): Promise<Buffer> {
    return await readInside(this.#files(), path, maxBytes);
  }

  /** Makes the file and the folders on the way, as the commands' user. */
  async write(path: string, content: string | Uint8Array): Promise<void> {
    await writeInside(this.#files(), path, content);
  }

  /** Names of a folder's entries, hidden ones too, sorted. */
  async list(path = ''): Promise<string[]> {
    return await listInside(this.#files(), path);
  }

  /**
   * Where it is on this machine. The text alone: once agents worked here, a link on the way may lead anywhere,
   * so open nothing with it that `read` and `write` can do.
   */
  path(path = ''): string {
    return join(this.root, relativeInside(this.#settings, path));
  }

  /** Folder on this machine that shows the root as it is inside; with an overlay only what was changed. */
  async changes(): Promise<{ path: string; isOverlay: boolean }> {
    return (await this.#running().keeper.prepare()).changes;
  }

  #running(): Started {
    if (this.#started !== undefined) return this.#started;
    throw new HudError('CAPABILITY_NOT_FOUND', `The workspace at ${this.root} is not started.`, {
      hint: 'It runs while its environment is served.',
    });
  }

  #files(): InsideRoot {
    const { root, guestPath, overlay } = this.#settings;
    if (!overlay) return { root, guestPath, identity: this.#started?.identity };
    throw new HudError('BAD_ARGUMENT', 'With an overlay the folder as the agent sees it exists only inside.', {
      hint: 'Use run() with cat, or changes().',
    });
  }
}

/** Whoever declares no workspace does not pay for what one needs to run. */
async function start(settings: WorkspaceSettings, warn: (message: string) => void): Promise<Started> {
  return await (await import('./workspace-start.ts')).startWorkspace(settings, warn);
}
