/** What runs inside a page, in a world of its own that the page's scripts don't see. Plain JavaScript: it travels as text. */

const MAX_ELEMENTS = 250;
const MAX_NAME = 100;
const MAX_OPTIONS = 20;

/** Numbers what can be acted on, keeps it as `hudElements`, and gives a {@link PageSnapshot}. @param textChars most of the text */
export function snapshotScript(textChars: number): string {
  return `(() => {${COMMON}
  const found = [];
  const walk = (root) => {
    for (const element of root.querySelectorAll('*')) {
      if (found.length >= ${MAX_ELEMENTS}) return;
      if (element.shadowRoot) walk(element.shadowRoot);
      if (element.tagName === 'IFRAME' && element.contentDocument) walk(element.contentDocument);
      else if (isInteractive(element) && isVisible(element)) found.push(element);
    }
  };
  walk(document);
  globalThis.hudElements = found;
  const view = document.scrollingElement ?? document.documentElement;
  const text = clean(document.body?.innerText ?? '');
  return {
    url: location.href,
    title: document.title,
    scroll: { top: Math.round(view.scrollTop), height: view.scrollHeight, visible: innerHeight },
    elements: found.map(describe),
    text: text.slice(0, ${textChars}),
    isCut: text.length > ${textChars},
  };
})()`;
}

/** Scrolls an element into view. @returns where to click it, or why that can't be done */
export function locateScript(index: number): string {
  return `(() => {${COMMON}
  const element = globalThis.hudElements?.[${index}];
  if (!element) return { problem: 'There is no element ${index} on the page as it was last shown.' };
  if (!element.isConnected) return { problem: 'Element ${index} is no longer on the page.' };
  element.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
  const box = [...element.getClientRects()].find((rect) => rect.width > 0 && rect.height > 0);
  if (!box) return { problem: 'Element ${index} is hidden now.' };
  const offset = offsetOf(element);
  for (const [fx, fy] of [[0.5, 0.5], [0.15, 0.5], [0.85, 0.5], [0.5, 0.2], [0.5, 0.8]]) {
    const x = box.left + box.width * fx, y = box.top + box.height * fy;
    const hit = element.getRootNode().elementFromPoint(x, y);
    if (hit && (hit === element || element.contains(hit) || hit.contains(element) || element.labels && [...element.labels].some((l) => l.contains(hit))))
      return { x: x + offset.x, y: y + offset.y, kind: kindOf(element) };
  }
  const cover = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  return { problem: 'Element ${index} is covered' + (cover ? ' by ' + cover.tagName.toLowerCase() + ' "' + nameOf(cover) + '"' : '') + '.' };
})()`;
}

/** Selects all that is in the field, so that typing replaces it. */
export function selectAllScript(index: number): string {
  return `(() => {
  const element = globalThis.hudElements[${index}];
  element.focus();
  if (element.select) element.select();
  else element.ownerDocument.getSelection().selectAllChildren(element);
  return (element.value ?? element.textContent) !== '';
})()`;
}

/** Fields that take no typing, such as dates, are set. @returns false for one that is typed into */
export function setValueScript(index: number, value: string): string {
  return `(() => {
  const element = globalThis.hudElements[${index}];
  if (!['date', 'time', 'datetime-local', 'month', 'week', 'color', 'range'].includes(element.type)) return false;
  element.focus();
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(element, ${JSON.stringify(value)});
  for (const type of ['input', 'change']) element.dispatchEvent(new Event(type, { bubbles: true }));
  return true;
})()`;
}

/** Chooses an option by its text or value. @returns why not, or nothing */
export function selectScript(index: number, wanted: string): string {
  return `(() => {${COMMON}
  const element = globalThis.hudElements?.[${index}];
  if (element?.tagName !== 'SELECT' || !element.isConnected) return 'Element ${index} is no list of options.';
  const wanted = ${JSON.stringify(wanted)};
  const options = [...element.options];
  const option = options.find((o) => clean(o.text) === wanted || o.value === wanted)
    ?? options.find((o) => clean(o.text).toLowerCase() === wanted.trim().toLowerCase());
  if (!option || option.disabled) return 'It has no option "' + wanted + '"; there are: ' + options.map((o) => clean(o.text)).join(' | ');
  element.focus();
  if (element.multiple) option.selected = true;
  else element.value = option.value, element.selectedIndex = options.indexOf(option);
  for (const type of ['input', 'change']) element.dispatchEvent(new Event(type, { bubbles: true }));
})()`;
}

export const TEXT_SCRIPT = `(document.body?.innerText ?? '').replace(/[ \\t]+/g, ' ').replace(/\\n\\s*\\n+/g, '\\n').trim()`;

export interface PageSnapshot {
  url: string;
  title: string;
  scroll: { top: number; height: number; visible: number };
  /** One line each, by index. */
  elements: string[];
  text: string;
  isCut: boolean;
}

const COMMON = String.raw`
  const clean = (text) => text.replace(/[ \t\u00a0]+/g, ' ').replace(/\s*\n\s*/g, '\n').trim();
  const short = (text) => { const line = clean(text).replace(/\n/g, ' '); return line.length > ${MAX_NAME} ? line.slice(0, ${MAX_NAME}) + '…' : line; };
  const ROLES = /^(button|link|checkbox|radio|switch|tab|menuitem|menuitemcheckbox|menuitemradio|option|combobox|textbox|searchbox|slider|spinbutton|treeitem)$/;
  const isInteractive = (e) => {
    if (e.tagName === 'INPUT') return e.type !== 'hidden';
    if (['BUTTON', 'SELECT', 'TEXTAREA', 'SUMMARY'].includes(e.tagName)) return true;
    if (e.tagName === 'A') return e.hasAttribute('href') || e.onclick !== null;
    if (e.isContentEditable) return !e.parentElement?.isContentEditable;
    return ROLES.test(e.getAttribute('role') ?? '') || e.hasAttribute('onclick') || (e.hasAttribute('tabindex') && e.tabIndex >= 0);
  };
  const isVisible = (e) => [...e.getClientRects()].some((r) => r.width > 0 && r.height > 0)
    && e.checkVisibility({ visibilityProperty: true, opacityProperty: false });
  const kindOf = (e) => {
    const role = e.getAttribute('role');
    if (role && ROLES.test(role)) return role;
    if (e.tagName === 'A') return 'link';
    if (e.tagName === 'SELECT') return 'combobox';
    if (e.tagName === 'TEXTAREA') return 'textbox';
    if (e.tagName !== 'INPUT') return e.isContentEditable ? 'textbox' : 'button';
    if (['checkbox', 'radio', 'file'].includes(e.type)) return e.type;
    if (['button', 'submit', 'reset', 'image'].includes(e.type)) return 'button';
    return ['text', 'search', 'email', 'tel', 'url'].includes(e.type) ? 'textbox' : e.type;
  };
  const byId = (e, ids) => ids.split(/\s+/).map((id) => e.ownerDocument.getElementById(id)?.textContent ?? '').join(' ');
  const nameOf = (e) => short(
    e.getAttribute('aria-label') || (e.hasAttribute('aria-labelledby') && byId(e, e.getAttribute('aria-labelledby')))
    || (e.labels?.length && [...e.labels].map((l) => l.innerText.replace(e.tagName === 'SELECT' ? e.innerText : '', '')).join(' '))
    || (e.tagName === 'INPUT' && ['button', 'submit', 'reset'].includes(e.type) && e.value)
    || (!['INPUT', 'SELECT', 'TEXTAREA'].includes(e.tagName) && e.innerText)
    || e.getAttribute('alt') || e.querySelector?.('img[alt]')?.alt || e.placeholder || e.title || e.name || '');
  const describe = (e) => {
    const kind = kindOf(e), parts = [kind, JSON.stringify(nameOf(e))];
    if (kind === 'checkbox' || kind === 'radio' || kind === 'switch')
      parts.push(e.checked ?? e.getAttribute('aria-checked') === 'true' ? 'checked' : 'not checked');
    else if (e.tagName === 'SELECT') {
      parts.push('value=' + JSON.stringify(short([...e.selectedOptions].map((o) => o.text).join(', '))));
      parts.push('options: ' + [...e.options].slice(0, ${MAX_OPTIONS}).map((o) => short(o.text)).join(' | ') + (e.options.length > ${MAX_OPTIONS} ? ' | …' : ''));
    } else if (e.type === 'password') parts.push(e.value ? 'filled' : 'empty');
    else if (kind !== 'button' && (e.tagName === 'INPUT' || e.tagName === 'TEXTAREA')) parts.push('value=' + JSON.stringify(short(e.value)));
    if (e.placeholder && e.placeholder !== nameOf(e)) parts.push('placeholder=' + JSON.stringify(short(e.placeholder)));
    if (e.required) parts.push('required');
    if (e.getAttribute('aria-expanded')) parts.push(e.getAttribute('aria-expanded') === 'true' ? 'expanded' : 'collapsed');
    if (e.disabled || e.getAttribute('aria-disabled') === 'true') parts.push('disabled');
    if (e === e.ownerDocument.activeElement) parts.push('focused');
    return parts.join(' ');
  };
  const offsetOf = (e) => {
    let x = 0, y = 0;
    for (let frame = e.ownerDocument.defaultView.frameElement; frame; frame = frame.ownerDocument.defaultView.frameElement) {
      const box = frame.getBoundingClientRect();
      x += box.left + frame.clientLeft; y += box.top + frame.clientTop;
    }
    return { x, y };
  };`;
