/**
 * A support desk behind MCP tools. The agent reads tickets and orders and acts on them; the grade compares the
 * desk's books with what they ought to be, so that a wrong refund costs as much as a missing one.
 */
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { Environment } from 'hud';
import { z } from 'zod';
import { Desk } from './desk.ts';

export const env = new Environment('support-desk');

let desk = new Desk();

env.mcp(() => {
  const server = new McpServer({ name: 'support-desk', version: '1.0.0' });
  const text = (value: unknown) => ({ content: [{ type: 'text' as const, text: JSON.stringify(value, null, 1) }] });
  server.registerTool('list_tickets', { description: 'All open tickets, oldest first.' }, () => text(desk.openTickets()));
  server.registerTool('get_order', { description: 'One order by its number.', inputSchema: { order: z.number().int() } }, ({ order }) =>
    text(desk.order(order)),
  );
  server.registerTool(
    'refund',
    {
      description: 'Pays back cents of an order to the customer. Can not be undone.',
      inputSchema: { order: z.number().int(), cents: z.number().int() },
    },
    ({ order, cents }) => text(desk.refund(order, cents)),
  );
  server.registerTool(
    'close_ticket',
    {
      description: 'Closes a ticket with the answer that the customer gets.',
      inputSchema: { ticket: z.number().int(), answer: z.string() },
    },
    ({ ticket, answer }) => text(desk.close(ticket, answer)),
  );
  return server;
});

const RULES = `You work at the support desk of a shop. Your tools see its tickets and orders. The rules:
- An order that arrived damaged or never arrived is refunded in full, once.
- An order that came late is refunded its shipping, nothing more.
- Nothing else is refunded. Every ticket you dealt with is closed with an answer.`;

/** The share of tickets that are in order; money that went where it should not costs everything. */
export const handleTickets = env.template(
  {
    id: 'handle_tickets',
    args: z.object({ tickets: z.array(z.int()) }),
    solution: ({ tickets }) => {
      for (const ticket of tickets) {
        const { order } = desk.ticket(ticket);
        const due = desk.due(ticket);
        if (due > 0) desk.refund(order, due);
        desk.close(ticket, due > 0 ? `We have refunded ${due} cents.` : 'We can not refund this order.');
      }
      return 'Done.';
    },
  },
  async function* ({ tickets }) {
    desk = new Desk();
    yield `${RULES}\n\nDeal with ${tickets.length === 1 ? 'ticket' : 'tickets'} ${tickets.join(' and ')}. Leave the others alone.`;
    const settled = tickets.filter((ticket) => desk.isSettled(ticket)).length;
    yield desk.isUntouchedBut(tickets) ? settled / tickets.length : 0;
  },
);

export const tasks = [
  handleTickets({ tickets: [1] }),
  handleTickets({ tickets: [3] }),
  handleTickets({ tickets: [2, 4] }),
  handleTickets({ tickets: [1, 2, 3, 4, 5] }),
];
