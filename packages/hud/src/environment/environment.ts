/** Templates, capabilities and hooks of one environment. Declares; touches nothing until it is served. */
import { Capability, type CapabilityInit } from '../protocol/capability.ts';
import { HudError, messageOf } from '../protocol/errors.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { Task } from '../protocol/task.ts';
import { declareChromium, type Chromium, type ChromiumOptions } from './chromium.ts';
import { declareDesktop, type Desktop, type DesktopOptions } from './desktop.ts';
import { declareMcp, type McpEndpoint, type McpOptions, type McpSource } from './mcp.ts';
import type { StandardSchema } from './schema.ts';
import { declareWorkspace } from './workspace/declare.ts';
import type { WorkspaceOptions } from './workspace/workspace-options.ts';
import type { Workspace } from './workspace/workspace.ts';
import {
  makeTemplate,
  mintTask,
  type Answer,
  type NoArgs,
  type Template,
  type TemplateContext,
  type TemplateFactory,
  type TemplateFunction,
  type TemplateOptions,
  type TypedContext,
} from './template.ts';

export interface EnvironmentInit {
  /** @default "environment" */
  name?: string;
  /** @default "0.0.1" */
  version?: string;
  capabilities?: CapabilityInit[];
}

export type Hook = () => unknown;
/** Runs after a task ended in any way; `sessionId` is the session it ran under. */
export type TaskEndHook = (task: { id: string; sessionId: string }) => unknown;

const BRAND = Symbol.for('hud.environment');
/** From a minted task to the environment that minted it: shared by all copies of this package in the process. */
const registry = globalThis as { [LINKS]?: WeakMap<Task, Environment> };
const LINKS = Symbol.for('hud.environment.links');
const links = (registry[LINKS] ??= new WeakMap<Task, Environment>());

export class Environment {
  readonly name: string;
  readonly version: string;
  readonly [BRAND] = true;
  readonly #templates = new Map<string, Template>();
  readonly #factories = new Map<string, TemplateFactory>();
  readonly #capabilities = new Map<string, Capability>();
  readonly #initializers: Hook[] = [];
  readonly #shutdowns: Hook[] = [];
  readonly #taskEnds: TaskEndHook[] = [];
  #state: 'stopped' | 'starting' | 'started' = 'stopped';
  #warn: (message: string) => void = () => {};

  constructor(name?: string | EnvironmentInit, init: Omit<EnvironmentInit, 'name'> = {}) {
    const options: EnvironmentInit = typeof name === 'object' ? name : { ...init, ...(name === undefined ? {} : { name }) };
    this.name = options.name ?? 'environment';
    this.version = options.version ?? '0.0.1';
    if (this.name === '') throw new HudError('BAD_ARGUMENT', 'An environment needs a name.');
    for (const capability of options.capabilities ?? []) this.addCapability(capability);
  }

  /**
   * Registers a template. Calling the returned factory mints a {@link Task}.
   * @throws HudError DUPLICATE_TEMPLATE, BAD_ARGUMENT
   */
  template<Input = NoArgs, Args = NoArgs>(
    options: TemplateOptions<Input, Args>,
    fn: TemplateFunction<Args, TemplateContext, string | null>,
  ): TemplateFactory<Input>;
  template<Input = NoArgs, Args = NoArgs, Content = never>(
    options: TemplateOptions<Input, Args, StandardSchema<unknown, Content>>,
    fn: TemplateFunction<Args, TypedContext<Content>, Answer>,
  ): TemplateFactory<Input>;
  template(options: TemplateOptions<unknown, unknown, StandardSchema | undefined>, fn: TemplateFunction<never, never, never>): unknown {
    const template = makeTemplate(options as Template['options'], fn);
    if (this.#templates.has(template.id)) {
      throw new HudError('DUPLICATE_TEMPLATE', `Environment '${this.name}' has a template '${template.id}' already.`);
    }
    const factory = Object.assign(
      (args?: JsonObject): Task => {
        const task = mintTask(this.name, template, args);
        links.set(task, this);
        return task;
      },
      { id: template.id, description: options.description ?? '' },
    );
    this.#templates.set(template.id, template);
    this.#factories.set(template.id, factory);
    return factory;
  }

  get templates(): ReadonlyMap<string, TemplateFactory> {
    return this.#factories;
  }

  /** For the server: a template with what it needs to run. */
  findTemplate(id: string): Template | undefined {
    return this.#templates.get(id);
  }

  listTemplates(): Template[] {
    return [...this.#templates.values()];
  }

  /** Runs once before the environment accepts connections, in order of registration. Returns the hook. */
  initialize<H extends Hook>(hook: H): H {
    this.#initializers.push(hook);
    return hook;
  }

  /** Runs when the environment stops, last registered first; its errors are reported, not thrown. */
  shutdown<H extends Hook>(hook: H): H {
    this.#shutdowns.push(hook);
    return hook;
  }

  onTaskEnd<H extends TaskEndHook>(hook: H): H {
    this.#taskEnds.push(hook);
    return hook;
  }

  /**
   * Offers a connection to agents; one of the same name is replaced. Clients that are connected
   * already learn of it when they ask again.
   * @throws HudError BAD_ARGUMENT without a url
   */
  addCapability(init: CapabilityInit): Capability {
    const parsed = Capability.safeParse(init);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      throw new HudError('BAD_ARGUMENT', `Capability '${String(init.name)}': ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}.`);
    }
    if (this.#state === 'started') this.#warn(`capability '${parsed.data.name}' was published after the environment had started`);
    this.#capabilities.delete(parsed.data.name); // so that it moves to the end
    this.#capabilities.set(parsed.data.name, parsed.data);
    return parsed.data;
  }

  /**
   * Offers a shell in a sandbox around a folder, `ssh/2`, and tracks the folder's files.
   * @param root made when the environment starts
   * @throws HudError BAD_ARGUMENT for options that contradict each other
   */
  workspace(root: string, options: WorkspaceOptions = {}): Workspace {
    return declareWorkspace(this, root, options);
  }

  /** Offers a browser, `cdp/1.3`, clean for each task. */
  chromium(options: ChromiumOptions = {}): Chromium {
    return declareChromium(this, options);
  }

  /** Offers a desktop of its own, `rfb/3.8`: an X server with a window manager. */
  desktop(options: DesktopOptions = {}): Desktop {
    return declareDesktop(this, options);
  }

  /** Offers the tools of an MCP server, which runs while the environment does. */
  mcp(server: McpSource, options: McpOptions = {}): McpEndpoint {
    return declareMcp(this, server, options);
  }

  /** @throws HudError CAPABILITY_NOT_FOUND */
  capability(name: string): Capability {
    const capability = this.#capabilities.get(name);
    if (capability !== undefined) return capability;
    throw new HudError('CAPABILITY_NOT_FOUND', `Environment '${this.name}' publishes no capability '${name}'.`);
  }

  get capabilities(): Capability[] {
    return [...this.#capabilities.values()];
  }

  /** Where warnings of hooks and late capabilities go; the server sets it. */
  onWarning(warn: (message: string) => void): void {
    this.#warn = warn;
  }

  /**
   * Runs the initialize hooks; nothing when started already. When one fails, the shutdown hooks run
   * and the environment can be started again.
   */
  async start(): Promise<void> {
    if (this.#state !== 'stopped') return;
    this.#state = 'starting';
    try {
      for (const hook of this.#initializers) await hook();
      this.#state = 'started';
    } catch (cause) {
      await this.#shutDown();
      throw new HudError('TEMPLATE_FAILED', `An initialize hook of environment '${this.name}' failed: ${messageOf(cause)}`, { cause });
    }
  }

  async stop(): Promise<void> {
    if (this.#state !== 'stopped') await this.#shutDown();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  warn(message: string): void {
    this.#warn(message);
  }

  /** For the server: a task ended. Failures are warnings, every hook runs. */
  async taskEnded(task: { id: string; sessionId: string }): Promise<void> {
    for (const hook of this.#taskEnds) {
      try {
        await hook(task);
      } catch (error) {
        this.#warn(`a hook after task '${task.id}' failed: ${messageOf(error)}`);
      }
    }
  }

  async #shutDown(): Promise<void> {
    for (const hook of this.#shutdowns.toReversed()) {
      try {
        await hook();
      } catch (error) {
        this.#warn(`a shutdown hook failed: ${messageOf(error)}`);
      }
    }
    this.#state = 'stopped';
  }
}

/** Environments made by another copy of this package count too. */
export function isEnvironment(value: unknown): value is Environment {
  return typeof value === 'object' && value !== null && (value as { [BRAND]?: unknown })[BRAND] === true;
}

/** The live environment that minted the task, or the task it is a copy of; undefined for rows read from data. */
export function environmentOf(task: Task): Environment | undefined {
  const { origin } = task;
  return links.get(task) ?? (origin?.env === task.env ? environmentOf(origin) : undefined);
}
