/** Which models a tool is for. */

/**
 * Case-insensitive; `*` stands for any text.
 * @returns false for a model that is not known by name: '' or `unknown`
 */
export function matchesModel(model: string, globs: readonly string[]): boolean {
  const name = model.toLowerCase();
  if (name === '' || name === 'unknown') return false;
  return globs.some((glob) => new RegExp(`^${glob.toLowerCase().split('*').map(escaped).join('.*')}$`).test(name));
}

function escaped(text: string): string {
  return text.replace(/[^a-z0-9]/g, '\\$&');
}
