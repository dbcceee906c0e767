/** How a text looks where others carry it: in JSON, in JSON within JSON, percent-encoded, in base64 at any offset. */

/** Each different from the others, the text itself among them. */
export function spellingsOf(text: string): Set<string> {
  const encoded = percentEncodings(text);
  const once = jsonText(text);
  return new Set([
    text,
    once,
    jsonText(once),
    jsonText(jsonText(once)),
    asciiText(text),
    asciiText(once),
    ...encoded,
    ...base64Cores(text),
  ]);
}

function jsonText(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** As programs write JSON that keep it in ASCII. */
function asciiText(text: string): string {
  const escaped = jsonText(text);
  return escaped.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Programs differ in what they leave alone, and in the case of digits. */
function percentEncodings(text: string): string[] {
  const strict = encodeURIComponent(text.toWellFormed()).replace(/[!'()*]/g, (unit) => `%${unit.charCodeAt(0).toString(16).toUpperCase()}`);
  const forms = [strict, encodeURIComponent(text.toWellFormed()), strict.replaceAll('%2F', '/'), strict.replaceAll('%20', '+')];
  return forms.flatMap((form) => [form, form.replace(/%../g, (escape) => escape.toLowerCase())]);
}

/**
 * What is the same in the base64 of any bytes that hold the text: it depends on how many stand before it, modulo 3.
 * In both alphabets.
 */
function base64Cores(text: string): string[] {
  const bytes = Buffer.from(text);
  return [0, 1, 2].flatMap((before) => {
    const whole = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    const core = whole.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
    return [core, core.replaceAll('+', '-').replaceAll('/', '_')];
  });
}
