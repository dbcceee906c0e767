/** A model's session, written down turn by turn. A turn may look at what came back, and nothing else. */
import type { ModelRequest, ModelScript, ModelTurn } from 'hud/testing';

export interface Session {
  /** Reads on after "The session": "by Claude fixes a sign". */
  title: string;
  /** As `createAgent` takes it, with further settings of that agent. */
  agent: string;
  config?: Record<string, unknown>;
  /** Arguments of the example's task. */
  task: Record<string, unknown>;
  turns: readonly Turn[];
  reward: 0 | 1;
}

export type Turn = ModelTurn | ((seen: Seen) => ModelTurn | Promise<ModelTurn>);

export interface Seen extends Eyes {
  /** What the tools said last; before the first call, the prompt. */
  text: string;
  /** How many pictures came with that. */
  pictures: number;
}

export type Place = readonly [x: number, y: number];
export type Area = readonly [left: number, top: number, right: number, bottom: number];

/** A script can't read a picture: whoever plays the session looks at the screen instead. */
export interface Eyes {
  /** The middle of what carries this label on a page, in pixels of the screen. @throws Error when it is not in sight */
  find(label: string): Promise<Place>;
  /** A desktop's screen as soon as it looks so; programs show what was done to them when they can. @throws Error after 20 s */
  screen(looks: (screen: Screen) => boolean): Promise<Screen>;
}

/** What can be told of a picture without reading it. */
export interface Screen {
  /** Of a pixel, from 0 to 255. */
  light(place: Place): number;
  /** The pixels of a part, as text that can be compared. */
  part(area: Area): string;
}

/** Thinks, then calls one tool. */
export function call(reasoning: string, name: string, args: Record<string, unknown>): ModelTurn {
  return { reasoning, toolCalls: [{ name, arguments: args }] };
}

export const say = (text: string): ModelTurn => ({ text });

/** The turn is taken only by a model that has seen this; otherwise the session is not the one that was written down. */
export function after(pattern: RegExp, turn: Turn): Turn {
  return (seen) => {
    if (!pattern.test(seen.text)) throw new Error(`The model should have seen ${String(pattern)}, but it saw:\n${seen.text}`);
    return typeof turn === 'function' ? turn(seen) : turn;
  };
}

/** The same for a screen: there must be a picture to look at. */
export function looking(turn: Turn): Turn {
  return (seen) => {
    if (seen.pictures === 0) throw new Error(`The model should have got a picture, but it got:\n${seen.text}`);
    return typeof turn === 'function' ? turn(seen) : turn;
  };
}

/** The script of a model that plays the session once. */
export function scriptOf({ turns }: Pick<Session, 'turns'>, eyes: Eyes = BLIND): ModelScript {
  return async (request) => {
    const turn = turns[request.index];
    if (turn === undefined) throw new Error('The session is over.');
    return typeof turn === 'function' ? await turn({ ...seenIn(request), ...eyes }) : turn;
  };
}

const nobody = (): Promise<never> => Promise.reject(new Error('Nobody looks at a screen in this session.'));
export const BLIND: Eyes = { find: nobody, screen: nobody };

/** Some APIs send the pictures of results in a message of the user behind them. */
function seenIn({ messages }: ModelRequest): { text: string; pictures: number } {
  const since = messages.slice(messages.findLastIndex(({ role }) => role === 'assistant') + 1);
  const results = since.flatMap(({ toolResults = [] }) => toolResults);
  const pictures = [...since, ...results].reduce((sum, { images = 0 }) => sum + images, 0);
  const said = since.filter(({ role }) => role === 'user');
  return { text: [...results, ...said].map(({ text }) => text).join('\n'), pictures };
}
