/** The package `@hud/platform`: the server behind `hud platform` and `hud view`, loaded when one of them is asked for. */
import { HudError } from '../protocol/errors.ts';
import type { Store } from '../store/index.ts';

/** What the commands use of it. That package depends on this one, so it is described here and checked there. */
export interface PlatformPackage {
  /** @throws HudError BAD_CONFIG */
  readConfig(env: Readonly<Record<string, string | undefined>>): PlatformConfig;
  describeConfig(): { name: string; description: string; standard: string | undefined }[];
  /** @throws HudError PORT_IN_USE, BAD_CONFIG, STORE_* */
  startPlatform(config: PlatformConfig, options: { version: string; isLocal?: boolean }): Promise<RunningPlatform>;
  /** @throws HudError BAD_ARGUMENT, STORE_* */
  moveRecord(from: PlatformConfig, to: PlatformConfig, options: MoveOptions): Promise<Moved>;
  /** @throws HudError BAD_ARGUMENT for a folder with something in it, or a stream that is no whole export */
  unpackExport(stream: AsyncIterable<Uint8Array>, folder: string, options: UnpackOptions): Promise<Unpacked>;
}

export interface UnpackOptions {
  isForced?: boolean;
  signal?: AbortSignal;
  onProgress?: (progress: Unpacked) => void;
}

export interface Unpacked {
  files: number;
  sizeBytes: number;
}

/** Opaque here, but for where the record is. */
export interface PlatformConfig {
  HUD_PLATFORM_DIR: string;
  DATABASE_URL?: string | undefined;
}

export interface RunningPlatform extends AsyncDisposable {
  readonly url: string;
  /** Only on the very first start. */
  readonly firstKey: string | undefined;
  readonly context: { readonly store: Store };
  /** Signs a browser in, once. */
  loginLink(): Promise<string>;
  close(): Promise<void>;
}

export interface MoveOptions {
  signal?: AbortSignal;
  onProgress?: (progress: { table: string; done: number; total: number }) => void;
}

export interface Moved {
  tables: { name: string; rows: number }[];
  blobs: number;
  weights: number;
}

const PACKAGE: string = '@hud/platform';

/** @throws HudError PACKAGE_MISSING */
export async function loadPlatformPackage(): Promise<PlatformPackage> {
  try {
    return (await import(PACKAGE)) as PlatformPackage;
  } catch (cause) {
    if ((cause as { code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    throw new HudError('PACKAGE_MISSING', 'The platform is a package of its own, @hud/platform, which is not installed.', {
      hint: 'Run `npm install @hud/platform` beside hud.',
      cause,
    });
  }
}
