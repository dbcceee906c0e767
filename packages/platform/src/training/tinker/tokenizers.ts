/** How text becomes tokens of a remote engine's models. The engine itself takes tokens alone, so the platform has to know. */
import { HudError } from 'hud/protocol';
import type { Tokenizer } from '../engine.ts';
import { tokenizer as characters } from '../local/tokenizer.ts';
import { folderOf, missing } from '../text/model-files.ts';
import { openModelTokenizer } from '../text/model-tokenizer.ts';
import type { ToolFormat } from '../text/replies/reply-format.ts';

export interface TokenizersOptions {
  /** `characters`, or a folder: with a model's files, or with one such folder for each model, by its name. */
  tokenizer: string | undefined;
  /** @default 'auto' */
  toolFormat?: ToolFormat | undefined;
}

export class Tokenizers {
  readonly #options: TokenizersOptions;
  readonly #loaded = new Map<string, Promise<Tokenizer>>();

  constructor(options: TokenizersOptions) {
    this.#options = options;
  }

  /** Says which of the models can be spoken with. @throws HudError BAD_CONFIG when none can */
  async known(models: readonly string[]): Promise<string[]> {
    const { tokenizer: root } = this.#options;
    const [first] = models;
    if (first === undefined || root === 'characters') return [...models];
    if (root === undefined)
      throw new HudError('BAD_CONFIG', `HUD_TINKER_TOKENIZER does not say how ${first} reads text.`, {
        hint: `Set it to a folder with its files: hf download ${first} tokenizer.json tokenizer_config.json generation_config.json --local-dir tokenizers/${first}`,
      });
    const folders = await Promise.all(models.map(async (model) => await folderOf(root, model)));
    const known = models.filter((_model, i) => folders[i] !== undefined);
    if (known.length === 0) throw missing(root, first, 'tokenizer.json');
    return known;
  }

  /** Loaded once; what failed is tried again. @throws HudError BAD_CONFIG */
  async of(model: string): Promise<Tokenizer> {
    const { tokenizer: root = '' } = this.#options;
    if (root === 'characters') return characters;
    let loading = this.#loaded.get(model);
    if (loading === undefined) this.#loaded.set(model, (loading = this.#load(root, model)));
    try {
      return await loading;
    } catch (error) {
      this.#loaded.delete(model);
      throw error;
    }
  }

  async #load(root: string, model: string): Promise<Tokenizer> {
    const folder = await folderOf(root, model);
    if (folder === undefined) throw missing(root, model, 'tokenizer.json');
    return await openModelTokenizer({ folder, model, toolFormat: this.#options.toolFormat ?? 'auto' });
  }
}
