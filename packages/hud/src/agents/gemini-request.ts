/** What a Gemini model is told besides the conversation: its tools and its settings. */
import type { GenerateContentConfig, ThinkingLevel, Tool } from '@google/genai';
import { HudError } from '../protocol/errors.ts';
import { isPlainObject, type JsonObject } from '../protocol/json.ts';
import type { GeminiConfig } from './gemini.ts';
import { GEMINI_ACTIONS } from './tools/gemini-actions.ts';
import type { AgentTool } from './tools/tool.ts';

const HOSTED = ['googleSearch', 'urlContext', 'codeExecution', 'googleMaps', 'fileSearch'];

export function settingsOf(config: GeminiConfig): GenerateContentConfig {
  const { temperature = 1, topP = 0.95, topK = 40, maxOutputTokens = 8_192, thinkingLevel, includeThoughts = true } = config;
  const thinkingConfig = { includeThoughts, ...(thinkingLevel === undefined ? {} : { thinkingLevel: levelOf(thinkingLevel) }) };
  return { temperature, topP, topK, maxOutputTokens, thinkingConfig };
}

/** Functions, then what the API declares itself, then what the vendor runs. */
export function declaredTools(tools: readonly AgentTool[], config: GeminiConfig): Tool[] {
  const functions = tools.filter(({ native }) => native === undefined);
  const declarations = functions.map(({ name, description, inputSchema }) => ({ name, description, parametersJsonSchema: inputSchema }));
  const names = functions.map(({ name }) => name);
  const own = tools.flatMap(({ native }) => (native === undefined ? [] : [withoutDoubles(native, names)]));
  return [...(declarations.length === 0 ? [] : [{ functionDeclarations: declarations }]), ...own, ...geminiHosted(config)] as Tool[];
}

/**
 * As the SDK spells them, from any of `{ googleSearch: {} }`, `{ google_search: {} }` and `{ type: 'google_search' }`.
 * `citationsEnabled` adds the search, which is where citations come from.
 * @throws HudError BAD_ARGUMENT for a tool that the API does not have
 */
export function geminiHosted({ hostedTools: asked = [], citationsEnabled }: GeminiConfig): JsonObject[] {
  const hosted = asked.map(hostedTool);
  const hasSearch = hosted.some((tool) => tool.googleSearch !== undefined);
  return citationsEnabled === true && !hasSearch ? [...hosted, { googleSearch: {} }] : hosted;
}

function hostedTool(asked: JsonObject): JsonObject {
  const { type, ...rest } = asked;
  const tool = camelKeys(typeof type === 'string' ? { [type]: rest } : asked);
  const names = Object.keys(tool);
  if (names.length === 1 && HOSTED.includes(names[0] ?? '')) return tool;
  throw new HudError('BAD_ARGUMENT', `Gemini runs no tool ${JSON.stringify(asked)} itself.`, {
    hint: `Pass for example { google_search: {} }; there are ${HOSTED.map(snakeCase).join(', ')}.`,
  });
}

/** What somebody declared under a name of the screen's functions takes its place. */
function withoutDoubles(native: JsonObject, names: readonly string[]): JsonObject {
  const { computerUse } = native;
  const doubles = names.filter((name) => Object.hasOwn(GEMINI_ACTIONS, name));
  if (!isPlainObject(computerUse) || doubles.length === 0) return native;
  const excluded = Array.isArray(computerUse.excludedPredefinedFunctions) ? (computerUse.excludedPredefinedFunctions as string[]) : [];
  return { ...native, computerUse: { ...computerUse, excludedPredefinedFunctions: [...new Set([...excluded, ...doubles])] } };
}

/** The SDK's enum has these texts; importing it would load the SDK. */
function levelOf(level: NonNullable<GeminiConfig['thinkingLevel']>): ThinkingLevel {
  const spelled: unknown = level.toUpperCase();
  return spelled as ThinkingLevel;
}

/** The SDK drops members that it does not know in silence, snake_case ones too. */
function camelKeys(value: JsonObject): JsonObject {
  const camel = (key: string): string => key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [camel(key), isPlainObject(member) ? camelKeys(member) : member]));
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
