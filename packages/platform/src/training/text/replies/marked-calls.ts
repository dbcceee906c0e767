/** Calls whose arguments stand between markers, one by one: what the tool's schema does not call text is JSON. */
import { isPlainObject } from 'hud/protocol';
import type { FoundCall } from './formats.ts';
import { isJson } from './members.ts';

/** By tool, then by parameter: the types that its schema allows. */
export type ToolTypes = ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;

/** @param tools as requests declare them */
export function typesOf(tools: readonly object[]): ToolTypes {
  return new Map(
    tools.flatMap((tool) => {
      const declared = isPlainObject(tool) && isPlainObject(tool.function) ? tool.function : undefined;
      if (typeof declared?.name !== 'string') return [];
      const properties = isPlainObject(declared.parameters) ? declared.parameters.properties : undefined;
      const types = Object.entries(isPlainObject(properties) ? properties : {}).map(([key, schema]) => [key, typesIn(schema)] as const);
      return [[declared.name, new Map(types)] as const];
    }),
  );
}

export function functionCalls(block: string, tools: ToolTypes, isWhole: boolean): FoundCall[] | undefined {
  const [, name, rest] = /^\s*(?:<function=)?([^<>\n]+)>([\s\S]*)$/.exec(block) ?? [];
  if (name === undefined || rest === undefined) return undefined;
  const end = rest.lastIndexOf('</function>');
  if (end === -1 && !isWhole) return undefined;
  const body = end === -1 ? rest : rest.slice(0, end);
  const pairs = [...body.matchAll(/<parameter=([^>\n]+)>([\s\S]*?)(?:<\/parameter>|(?=<parameter=)|$)/g)];
  return [callOf(name.trim(), pairs, tools)];
}

export function argumentCalls(block: string, tools: ToolTypes, isWhole: boolean): FoundCall[] | undefined {
  const name = /^\s*([^\s<]+)\s*(?:<arg_key>|$)/.exec(block)?.[1];
  if (name === undefined || !isWhole) return undefined;
  const pairs = [...block.matchAll(/<arg_key>([\s\S]*?)<\/arg_key>\s*<arg_value>([\s\S]*?)(?:<\/arg_value>|$)/g)];
  return [callOf(name, pairs, tools)];
}

function callOf(name: string, pairs: readonly RegExpExecArray[], tools: ToolTypes): FoundCall {
  const members = pairs.map(([, key, value]) => {
    const text = value!.replace(/^\n/, '').replace(/\n$/, '');
    return `${JSON.stringify(key!.trim())}: ${spelled(text, tools.get(name)?.get(key!.trim()))}`;
  });
  return { name, arguments: `{${members.join(', ')}}` };
}

const LITERALS: Readonly<Record<string, string>> = { True: 'true', False: 'false', None: 'null' };

/** As JSON. Numbers keep their spelling; a parameter without a type is text. */
function spelled(value: string, types: readonly string[] = []): string {
  const literal = LITERALS[value.trim()] ?? value.trim();
  if (types.includes('null') && literal === 'null') return 'null';
  const isText = types.length === 0 || types.includes('string');
  return !isText && isJson(literal) ? literal : JSON.stringify(value);
}

function typesIn(schema: unknown): string[] {
  if (!isPlainObject(schema)) return [];
  const choices = [schema.anyOf, schema.oneOf].flatMap((list) => (Array.isArray(list) ? (list as unknown[]) : []));
  return [...[schema.type ?? []].flat().filter((type) => typeof type === 'string'), ...choices.flatMap(typesIn)];
}
