/** The books of the desk: what the tools change and the grade reads. */
export interface Ticket {
  id: number;
  order: number;
  text: string;
  answer?: string;
}

export interface Order {
  id: number;
  goodsCents: number;
  shippingCents: number;
  state: 'delivered' | 'damaged' | 'lost' | 'late';
  refundedCents: number;
}

const ORDERS: [id: number, goods: number, shipping: number, state: Order['state'], refunded?: number][] = [
  [1042, 5900, 490, 'damaged'],
  [1043, 1250, 390, 'late'],
  [1044, 8800, 0, 'delivered'],
  [1045, 2100, 490, 'lost', 2590], // refunded already
  [1046, 4300, 490, 'lost'],
  [1047, 700, 290, 'damaged'],
];

const TICKETS: [id: number, order: number, text: string][] = [
  [1, 1042, 'The teapot came in pieces. I want my money back.'],
  [2, 1043, 'My parcel took three weeks! Refund everything.'],
  [3, 1044, 'I changed my mind, please refund.'],
  [4, 1045, 'Nothing ever arrived, where is my refund?'],
  [5, 1046, 'Tracking says lost. What now?'],
  [6, 1047, 'One cup is cracked.'],
];

export class Desk {
  readonly #tickets = new Map<number, Ticket>(TICKETS.map(([id, order, text]) => [id, { id, order, text }]));
  readonly #orders = new Map(
    ORDERS.map(([id, goodsCents, shippingCents, state, refundedCents = 0]) => [
      id,
      { id, goodsCents, shippingCents, state, refundedCents },
    ]),
  );

  openTickets(): Ticket[] {
    return [...this.#tickets.values()].filter(({ answer }) => answer === undefined);
  }

  ticket(id: number): Ticket {
    const ticket = this.#tickets.get(id);
    if (ticket === undefined) throw new Error(`There is no ticket ${id}.`);
    return ticket;
  }

  order(id: number): Order {
    const order = this.#orders.get(id);
    if (order === undefined) throw new Error(`There is no order ${id}.`);
    return order;
  }

  refund(id: number, cents: number): Order {
    const order = this.order(id);
    if (cents <= 0) throw new Error('A refund is more than nothing.');
    order.refundedCents += cents;
    return order;
  }

  close(id: number, answer: string): Ticket {
    return Object.assign(this.ticket(id), { answer });
  }

  /** What the rules give the customer of a ticket beyond what was paid already. */
  due(ticket: number): number {
    const { goodsCents, shippingCents, refundedCents, state } = this.order(this.ticket(ticket).order);
    const owed = { damaged: goodsCents + shippingCents, lost: goodsCents + shippingCents, late: shippingCents, delivered: 0 };
    return owed[state] - refundedCents;
  }

  /** Closed with an answer, and nothing is owed either way. */
  isSettled(ticket: number): boolean {
    return (this.ticket(ticket).answer ?? '').trim() !== '' && this.due(ticket) === 0;
  }

  /** Nobody got more than was due, and no other ticket or order was touched. */
  isUntouchedBut(tickets: readonly number[]): boolean {
    const fresh = new Desk();
    return [...this.#tickets.values()].every(({ id, order, answer }) =>
      tickets.includes(id)
        ? this.due(id) >= Math.min(0, fresh.due(id))
        : answer === undefined && this.order(order).refundedCents === fresh.order(order).refundedCents,
    );
  }
}
