/** Text and tokens of a published model, by its own files. */
import { createHash } from 'node:crypto';
import { HudError, messageOf } from 'hud/protocol';
import type { Conversation, RenderOptions, Tokenizer } from '../engine.ts';
import { openTemplate, type ChatTemplate } from './chat-template.ts';
import { continued } from './continuation.ts';
import { readModelFiles, type ModelFiles } from './model-files.ts';
import { replyFormat, type ToolFormat } from './replies/reply-format.ts';

export interface ModelTokenizerOptions {
  /** Of its files. */
  folder: string;
  /** For errors. */
  model: string;
  toolFormat: ToolFormat;
}

type Vocabulary = import('@huggingface/tokenizers').Tokenizer;

/** Models of one family share theirs. By the hash of the file; each is some 100 MB. */
const vocabularies = new Map<string, Promise<Vocabulary>>();

/** A large vocabulary takes a second or two to load, during which the process does nothing else. @throws HudError BAD_CONFIG */
export async function openModelTokenizer({ folder, model, toolFormat }: ModelTokenizerOptions): Promise<Tokenizer> {
  const files = await readModelFiles(folder, model);
  const vocabulary = await vocabularyOf(files, folder);
  const template = await openTemplate({ model, ...files.templates, specials: files.specials });
  const encode = (text: string): number[] => vocabulary.encode(text, { add_special_tokens: false }).ids;
  const decode = decoderOf(vocabulary);
  const replies = replyFormat(template.source, toolFormat);
  const ends = [...endsOf(files, vocabulary, template), ...(replies.ends ?? []).map((text) => vocabulary.token_to_id(text))];
  const stop = [...new Set(ends)].flatMap((id) => (id === undefined ? [] : [[id]]));
  if (stop.length === 0)
    throw new HudError('BAD_CONFIG', `The files of ${model} in ${folder} do not say which token ends a reply.`, {
      hint: 'generation_config.json says it, as eos_token_id.',
    });
  const added = [...vocabulary.get_added_tokens_decoder()];
  const silent = new Set(added.flatMap(([id, token]) => (token.special && !replies.markers.includes(token.content) ? [id] : [])));
  const knows = (token: number): boolean => vocabulary.id_to_token(token) !== undefined;
  const codec = { encode, decode, stop, silent, replies };
  return {
    ...codec,
    render: (messages, options: RenderOptions = {}) => encode(template.render({ ...options, messages })),
    extend: (tokens, covered, conversation: Conversation) => continued(tokens, covered, { ...codec, knows, template, conversation }),
  };
}

async function vocabularyOf({ vocabulary: text, config }: ModelFiles, folder: string): Promise<Vocabulary> {
  const key = createHash('sha256')
    .update(text)
    .update(JSON.stringify(config.tokenizer_class ?? null))
    .digest('hex');
  let loaded = vocabularies.get(key);
  if (loaded === undefined) vocabularies.set(key, (loaded = load(text, config, folder)));
  try {
    return await loaded;
  } catch (error) {
    vocabularies.delete(key);
    throw error;
  }
}

async function load(text: string, config: object, folder: string): Promise<Vocabulary> {
  const { Tokenizer: Reader } = await import('@huggingface/tokenizers');
  try {
    return new Reader(JSON.parse(text) as object, config);
  } catch (cause) {
    throw new HudError('BAD_CONFIG', `The tokenizer.json in ${folder} can't be used: ${messageOf(cause)}.`, { cause });
  }
}

/** Replies with log-probabilities name each token: their texts are kept. */
function decoderOf(vocabulary: Vocabulary): Tokenizer['decode'] {
  const texts = new Map<number, string>();
  const decode = (tokens: readonly number[]): string =>
    vocabulary.decode([...tokens], { skip_special_tokens: false, clean_up_tokenization_spaces: false });
  return (tokens) => {
    const [token] = tokens;
    if (token === undefined) return '';
    if (tokens.length > 1) return decode(tokens);
    const text = texts.get(token) ?? decode(tokens);
    texts.set(token, text);
    return text;
  };
}

/** What the files call the end, or else what the template writes after an assistant's words. */
function endsOf({ endIds, specials }: ModelFiles, vocabulary: Vocabulary, template: ChatTemplate): (number | undefined)[] {
  const named = specials.eos_token === undefined ? undefined : vocabulary.token_to_id(specials.eos_token);
  return [...endIds, named, ...writtenEnd(vocabulary, template)];
}

function writtenEnd(vocabulary: Vocabulary, template: ChatTemplate): number[] {
  const said = 'nothing-but-this';
  const messages = [
    { role: 'user', content: 'a' },
    { role: 'assistant', content: said },
  ];
  const text = template.render({ messages }, { assistant: false });
  const at = text.lastIndexOf(said);
  const after = at === -1 ? '' : text.slice(at + said.length).trimStart();
  const [id, token] = [...vocabulary.get_added_tokens_decoder()].find(([, { content }]) => after.startsWith(content)) ?? [];
  return id !== undefined && token?.special === true ? [id] : [];
}
