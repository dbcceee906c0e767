/** Sessions in `examples/tools`: the desk's own tools over MCP, as each vendor calls functions. The sums come from what the tools said. */
import type { ModelTurn } from 'hud/testing';
import { after, call, say, type Session, type Turn } from './session.ts';

const tickets = call('First the tickets.', 'list_tickets', {});
const order = (number: number): ModelTurn => call(`What happened to order ${number}?`, 'get_order', { order: number });

/** Pays back all of an order that the model has just read, or its shipping alone. */
function refund(part: 'all' | 'shipping'): Turn {
  return after(/goodsCents/, ({ text }) => {
    const read = (name: string): number => Number(new RegExp(`${name}\\W+(\\d+)`).exec(text)?.[1]);
    const cents = part === 'all' ? read('goodsCents') + read('shippingCents') : read('shippingCents');
    return call(`That makes ${cents} cents.`, 'refund', { order: read('id'), cents });
  });
}

const close = (ticket: number, answer: string): ModelTurn => call('', 'close_ticket', { ticket, answer });

export const TOOLS: Session[] = [
  {
    title: 'by Claude pays the shipping of a late order, and nothing twice',
    agent: 'claude',
    task: { tickets: [2, 4] },
    reward: 1,
    turns: [
      tickets,
      after(/"order": 1043/, call('Ticket 2 is about order 1034.', 'get_order', { order: 1034 })),
      after(/There is no order 1034/, order(1043)),
      after(/late/, refund('shipping')),
      after(/"refundedCents": 390/, close(2, 'Sorry that it took so long: your shipping is on its way back.')),
      order(1045),
      after(/"refundedCents": 2590/, close(4, 'Your 25.90 were refunded before; please look at your account.')),
      say('Ticket 2: shipping refunded. Ticket 4 had its money already.'),
    ],
  },
  {
    title: 'by OpenAI deals with five tickets, several calls at a time',
    agent: 'openai',
    task: { tickets: [1, 2, 3, 4, 5] },
    reward: 1,
    turns: [
      tickets,
      {
        reasoning: 'All five orders at once.',
        toolCalls: [1042, 1043, 1044, 1045, 1046].map((number) => ({ name: 'get_order', arguments: { order: number } })),
      },
      after(/1042[^]*damaged[^]*1043[^]*late[^]*1044[^]*delivered[^]*1045[^]*2590[^]*1046[^]*lost/, {
        reasoning: '1042 and 1046 in full, 1043 its shipping; 1044 is nobody’s fault, 1045 is paid.',
        toolCalls: [
          { name: 'refund', arguments: { order: 1042, cents: 6390 } },
          { name: 'refund', arguments: { order: 1043, cents: '390' } },
          { name: 'refund', arguments: { order: 1046, cents: 4790 } },
        ],
      }),
      after(/6390[^]*rror[^]*4790/, call('The second was refused: the number must be no text.', 'refund', { order: 1043, cents: 390 })),
      after(/"refundedCents": 390/, {
        toolCalls: [1, 2, 3, 4, 5].map((ticket) => ({
          name: 'close_ticket',
          arguments: { ticket, answer: ticket === 3 ? 'We take nothing back for a change of mind.' : 'Your refund is settled.' },
        })),
      }),
      say('All five are closed.'),
    ],
  },
  {
    title: 'by a chat model refunds a broken teapot in full',
    agent: 'openai_compatible',
    config: { model: 'qwen3-coder' },
    task: { tickets: [1] },
    reward: 1,
    turns: [
      tickets,
      after(/teapot/, order(1042)),
      refund('all'),
      after(/"refundedCents": 6390/, close(1, 'We are sorry. All of it is refunded.')),
      say('Done.'),
    ],
  },
  {
    title: 'by Gemini refuses a change of mind',
    agent: 'gemini',
    task: { tickets: [3] },
    reward: 1,
    turns: [
      tickets,
      order(1044),
      after(/delivered/, close(3, 'It arrived as ordered, so we can not refund it.')),
      say('Refused politely.'),
    ],
  },
  {
    title: 'by a chat model gives the customer what he shouts for, which the rules forbid',
    agent: 'openai_compatible',
    config: { model: 'qwen3-coder' },
    task: { tickets: [2, 4] },
    reward: 0,
    turns: [
      tickets,
      after(/Refund everything/, order(1043)),
      refund('all'),
      after(/"refundedCents": 1640/, close(2, 'Everything is refunded.')),
      close(4, 'You have your refund.'),
      say('Both customers are happy.'),
    ],
  },
];
