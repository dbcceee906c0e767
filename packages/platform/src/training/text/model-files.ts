/** The files of a model that say how it reads text, as they are published beside its weights. */
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HudError, isPlainObject } from 'hud/protocol';

type Json = Record<string, unknown>;

export interface ModelFiles {
  /** Text of `tokenizer.json`. */
  vocabulary: string;
  config: Json;
  /** `tools`: in place of the other for requests with tools. */
  templates: { plain: string; tools?: string };
  /** Texts of special tokens by the names that templates know: `bos_token`, `eos_token`. */
  specials: Record<string, string>;
  /** Ids of tokens that end a reply, as far as the files say. */
  endIds: number[];
}

const [VOCABULARY, CONFIG] = ['tokenizer.json', 'tokenizer_config.json'];

/** Where the files of a model are: below the folder by the model's name, or in the folder itself. @returns undefined: nowhere */
export async function folderOf(root: string, model: string): Promise<string | undefined> {
  const isName = model.split('/').every((part) => /^[\w.-]+$/.test(part) && !/^\.+$/.test(part));
  for (const folder of [...(isName ? [join(root, model)] : []), root]) if (await exists(join(folder, VOCABULARY))) return folder;
  return undefined;
}

/** @throws HudError BAD_CONFIG that names the file which is missing or malformed */
export async function readModelFiles(folder: string, model: string): Promise<ModelFiles> {
  const vocabulary = await textOf(join(folder, VOCABULARY));
  if (vocabulary === undefined) throw missing(folder, model, VOCABULARY);
  const config = await jsonOf(join(folder, CONFIG));
  if (config === undefined) throw missing(folder, model, CONFIG);
  const [generation, specialTokens] = [
    await jsonOf(join(folder, 'generation_config.json')),
    await jsonOf(join(folder, 'special_tokens_map.json')),
  ];
  const named = Object.entries({ ...specialTokens, ...config }).filter(([name]) => name.endsWith('_token'));
  const endIds = [generation?.eos_token_id ?? []].flat().filter((id): id is number => Number.isSafeInteger(id));
  return {
    vocabulary,
    config,
    templates: await templatesOf(folder, model, config),
    specials: Object.fromEntries(named.flatMap(([name, token]) => (spelling(token) === undefined ? [] : [[name, spelling(token)!]]))),
    endIds,
  };
}

/** A file beside the others comes first, then what the configuration says. */
async function templatesOf(folder: string, model: string, { chat_template: told }: Json): Promise<ModelFiles['templates']> {
  const file = (await textOf(join(folder, 'chat_template.jinja'))) ?? (await jsonOf(join(folder, 'chat_template.json')))?.chat_template;
  const template = file ?? told;
  if (typeof template === 'string') return { plain: template };
  const list: unknown[] = Array.isArray(template) ? template : [];
  const named = new Map(list.flatMap((one) => (isPlainObject(one) ? [[one.name, one.template] as const] : [])));
  const [plain, tools] = [named.get('default'), named.get('tool_use')];
  if (typeof plain === 'string') return { plain, ...(typeof tools === 'string' && { tools }) };
  throw new HudError('BAD_CONFIG', `The files of ${model} in ${folder} have no chat template, so conversations can't become prompts.`, {
    hint: 'Put one there as chat_template.jinja, as that of the model\'s "instruct" sibling.',
  });
}

/** Of a token: text, or an object with it. */
function spelling(token: unknown): string | undefined {
  const text = isPlainObject(token) ? token.content : token;
  return typeof text === 'string' ? text : undefined;
}

export function missing(folder: string, model: string, file: string): HudError {
  return new HudError('BAD_CONFIG', `There is no ${file} of ${model} in ${folder}.`, {
    hint: `Get it: hf download ${model} ${VOCABULARY} ${CONFIG} generation_config.json --local-dir ${join(folder, model)}`,
  });
}

async function jsonOf(path: string): Promise<Json | undefined> {
  const text = await textOf(path);
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (isPlainObject(value)) return value;
  } catch (cause) {
    throw new HudError('BAD_CONFIG', `${path} is not JSON: was it downloaded whole?`, { cause });
  }
  throw new HudError('BAD_CONFIG', `${path} holds no JSON object.`);
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new HudError('BAD_CONFIG', `${path} can't be read.`, { cause: error });
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false; // as the next reading of it says
  }
}
