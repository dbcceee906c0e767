/** Reads JSON that models write: what is whole as it is spelled, what is broken as far as it can be told. */

/**
 * Members of an object by name, each value as it is spelled, broken ones too.
 * @returns undefined for what does not begin as an object
 */
export function membersOf(text: string): Map<string, string> | undefined {
  if (!text.startsWith('{')) return undefined;
  const members = new Map<string, string>();
  const name = /[\s,]*"((?:[^"\\]|\\.)*)"\s*:\s*/y;
  for (let at = 1; ;) {
    name.lastIndex = at;
    const found = name.exec(text);
    if (found === null) return members;
    const end = endOfValue(text, name.lastIndex);
    members.set(found[1]!, text.slice(name.lastIndex, end).trim());
    at = end;
  }
}

/** Objects that stand one after the other, whatever is between them. */
export function objectsIn(text: string): string[] {
  const objects: string[] = [];
  for (let at = text.indexOf('{'); at !== -1;) {
    const end = endOfValue(text, at);
    objects.push(text.slice(at, end));
    at = text.indexOf('{', end);
  }
  return objects;
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The string that it spells. @returns undefined for anything else */
export function stringIn(text: string | undefined): string | undefined {
  if (text?.startsWith('"') !== true || !isJson(text)) return undefined;
  return JSON.parse(text) as string;
}

/** Where a value ends: after its last bracket, or before what can't be its own; the end of the text when there is none. */
function endOfValue(text: string, start: number): number {
  let depth = 0;
  let isString = false;
  for (let at = start; at < text.length; at += 1) {
    const character = text[at]!;
    if (isString) {
      if (character === '\\') at += 1;
      else if (character === '"') isString = false;
    } else if (character === '"') isString = true;
    else if (depth === 0 && (character === ',' || character === ';')) return at;
    else if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') {
      if (depth === 0) return at;
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return text.length;
}
