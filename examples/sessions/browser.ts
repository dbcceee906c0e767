/** Sessions in `examples/browser`: by the numbered elements of a page, and by pictures with mouse and keyboard. */
import type { ModelTurn } from 'hud/testing';
import { after, call, looking, say, type Place, type Seen, type Session, type Turn } from './session.ts';

/** An element's number, as the browser agent's tools list it. */
function numberOf(text: string, what: string): number {
  const line = text.split('\n').find((one) => /^\[\d+\]/.test(one) && one.includes(what));
  if (line === undefined) throw new Error(`There is no ${what} in:\n${text}`);
  return Number(/\d+/.exec(line)?.[0]);
}

const use =
  (name: string, what: string, args: Record<string, unknown> = {}): Turn =>
  ({ text }) =>
    call('', name, { index: numberOf(text, what), ...args });

const GERMAN_OFFICE: [label: string, value: string][] = [
  ['Full name', 'Ada Byron'],
  ['Street and number', 'Hauptstr. 7'],
  ['Postal code', '10827'],
  ['City', 'Berlin'],
];

/** A click in a vendor's words, on what is labelled so. */
type Clicks = (at: Place, reasoning: string) => ModelTurn;
const onIt =
  (click: Clicks) =>
  (label: string, reasoning = ''): Turn =>
    looking(async ({ find }: Seen) => click(await find(label), reasoning));

const claude = (action: string, args: Record<string, unknown> = {}, reasoning = ''): ModelTurn =>
  call(reasoning, 'computer', { action, ...args });
const claudeClick = onIt((coordinate, reasoning) => claude('left_click', { coordinate }, reasoning));
const batch = (...actions: Record<string, unknown>[]): ModelTurn => call('', 'computer', { actions });
const openaiClick = onIt(([x, y], reasoning) => call(reasoning, 'computer', { actions: [{ type: 'click', x, y, button: 'left' }] }));
const gemini = (name: string, args: Record<string, unknown> = {}, reasoning = ''): ModelTurn => call(reasoning, name, args);
/** Of the page's 1280×800 pixels, on the grid that Gemini counts in. */
const grid = ([x, y]: Place): { x: number; y: number } => ({ x: Math.round((x / 1280) * 1000), y: Math.round((y / 800) * 1000) });
const geminiClick = onIt((at, reasoning) => gemini('click_at', grid(at), reasoning));
const geminiType = (label: string, text: string): Turn =>
  looking(async ({ find }) => gemini('type_text_at', { ...grid(await find(label)), text, press_enter: false, clear_before_typing: true }));

export const BROWSER: Session[] = [
  {
    title: 'by the browser agent buys with a coupon',
    agent: 'browser',
    config: { model: 'gpt-5.4-mini', api: 'openai_compatible' },
    task: { goal: 'coupon' },
    reward: 1,
    turns: [
      call('What does the shop sell?', 'look', {}),
      use('click', '"Notebook A5, squared"'),
      after(/Notebook A5, squared/, call('That is the squared one; ruled was asked for.', 'go_back', {})),
      use('click', '"Notebook A5, ruled"'),
      use('type', '"Quantity"', { text: '2' }),
      use('click', '"Add to cart"'),
      use('type', '"Coupon"', { text: 'PAPER 20' }),
      use('click', '"Apply coupon"'),
      after(/There is no coupon/, call('It is written in one word.', 'go_back', {})),
      use('type', '"Coupon"', { text: 'PAPER20' }),
      use('click', '"Apply coupon"'),
      after(/with coupon PAPER20/, use('click', '"Go to checkout"')),
      ...GERMAN_OFFICE.map(([label, text]) => use('type', `"${label}`, { text })),
      use('select_option', '"Country"', { option: 'Germany' }),
      use('click', '"Place order"'),
      after(/€ 10\.40/, call('', 'done', { text: 'Two ruled notebooks for € 10.40.', success: true })),
    ],
  },
  {
    title: 'by Claude, with mouse and keyboard, buys three kettles',
    agent: 'claude',
    task: { goal: 'buy' },
    reward: 1,
    turns: [
      claude('screenshot', {}, 'Let me see the shop.'),
      claudeClick('Search products', 'The kettles are quickest found by their name.'),
      looking(claude('type', { text: 'kettle\n' })),
      claudeClick('Kettle 1.0 l', 'Two of them: the smaller one.'),
      looking(async ({ find }) => claude('triple_click', { coordinate: await find('Quantity') })),
      looking(claude('type', { text: '3' })),
      claudeClick('Add to cart'),
      claudeClick('Go to checkout'),
      claudeClick('Full name'),
      looking(claude('type', { text: 'Ada Byron\t12 St James Square\tSW1Y 4LB\tLondon\t' }, 'Tab goes from field to field.')),
      looking(claude('type', { text: 'United' }, 'The list of countries has the keyboard.')),
      looking(async ({ find }) => {
        const [x, y] = await find('Country');
        return claude('zoom', { region: [x - 180, y - 40, x + 180, y + 40] }, 'Did it take the country?');
      }),
      claudeClick('Place order'),
      looking(say('Three kettles are ordered.')),
    ],
  },
  {
    title: 'by OpenAI, in batches of actions, buys the cheapest headphones in stock',
    agent: 'openai',
    config: { model: 'gpt-5.6' },
    task: { goal: 'cheapest' },
    reward: 1,
    turns: [
      batch({ type: 'screenshot' }),
      openaiClick('Headphones', 'The category narrows it down.'),
      openaiClick('Headphones Mini', 'The cheapest, at 19.90.'),
      openaiClick('Corner Shop', 'Out of stock. Back to the list.'),
      openaiClick('Headphones'),
      openaiClick('Headphones Basic', 'The next one is 29.90.'),
      openaiClick('Add to cart'),
      openaiClick('Go to checkout'),
      looking(async ({ find }) => {
        const [x, y] = await find('Full name');
        const fields = GERMAN_OFFICE.flatMap(([, text]) => [
          { type: 'type', text },
          { type: 'keypress', keys: ['TAB'] },
        ]);
        return batch({ type: 'click', x, y, button: 'left' }, ...fields, { type: 'type', text: 'Ger' });
      }),
      openaiClick('Place order'),
      looking(say('Headphones Basic are ordered for € 29.90.')),
    ],
  },
  {
    title: 'by Gemini, on its grid of a thousand, changes an address',
    agent: 'gemini',
    task: { goal: 'move' },
    reward: 1,
    turns: [
      gemini('open_web_browser'),
      geminiClick('My orders'),
      geminiClick('Order 1', 'The desk lamp.'),
      geminiType('Street and number', 'Hauptstr. 7'),
      looking(gemini('scroll_document', { direction: 'down' }, 'The rest of the form is further down.')),
      geminiType('Postal code', '10827'),
      geminiType('City', 'Berlin'),
      looking(gemini('key_combination', { keys: 'Tab' })),
      looking(gemini('press_key', { key: 'G' }, 'The country by its first letter.')),
      geminiClick('Save address'),
      looking(say('Order 1 goes to Berlin now.')),
    ],
  },
  {
    title: 'by a chat model, with one function for the screen, cancels an order',
    agent: 'openai_compatible',
    config: { model: 'qwen3-vl' },
    task: { goal: 'cancel' },
    reward: 1,
    turns: [
      claude('screenshot'),
      looking(async ({ find }) => claude('click', { coordinate: await find('My orders') })),
      looking(async ({ find }) => claude('click', { coordinate: await find('Order 1') })),
      looking(claude('back', {}, 'That is the lamp.')),
      looking(async ({ find }) => claude('click', { coordinate: await find('Order 2') })),
      looking(claude('scroll', { coordinate: [640, 500], direction: 'down', amount: 10 })),
      looking(async ({ find }) => claude('click', { coordinate: await find('Cancel order') })),
      looking(say('The notebooks are cancelled.')),
    ],
  },
  {
    title: 'by Claude orders the larger kettle and says that all is well, which it is not',
    agent: 'claude',
    task: { goal: 'buy' },
    reward: 0,
    turns: [
      claude('screenshot'),
      claudeClick('Kettle 1.7 l', 'A kettle.'),
      looking(async ({ find }) => claude('triple_click', { coordinate: await find('Quantity') })),
      looking(claude('type', { text: '3' })),
      claudeClick('Add to cart'),
      claudeClick('Go to checkout'),
      claudeClick('Full name'),
      looking(claude('type', { text: 'Ada Byron\t12 St James Square\tSW1Y 4LB\tLondon\tUnited\t\n' })),
      looking(say('Three kettles are ordered.')),
    ],
  },
];
