/** What customers want, what the shop's orders must be afterwards, and the forms that get there. */
import { FIRST_ORDERS, type Order } from './shop.ts';

interface Goal {
  request: string;
  expected: Order[];
  steps: [path: string, form: Record<string, string>][];
}

const [lamp, books] = FIRST_ORDERS as [Order, Order];
const ada = { name: 'Ada Byron', street: '12 St James Square', zip: 'SW1Y 4LB', city: 'London', country: 'United Kingdom' };
const office = { name: 'Ada Byron', street: 'Hauptstr. 7', zip: '10827', city: 'Berlin', country: 'Germany' };

export const GOALS: Record<string, Goal> = {
  buy: {
    request: `Buy three of the "Kettle 1.0 l", sent to Ada Byron, 12 St James Square, SW1Y 4LB London, United Kingdom.`,
    steps: [
      ['/cart', { product: '2', quantity: '3' }],
      ['/checkout', ada],
    ],
    expected: [
      lamp,
      books,
      { id: 3, ...ada, status: 'open', coupon: null, cents: 7470, items: [{ product: 'Kettle 1.0 l', quantity: 3 }] },
    ],
  },
  cheapest: {
    request: `Order one of the cheapest headphones that are in stock, to Ada Byron, Hauptstr. 7, 10827 Berlin, Germany.`,
    steps: [
      ['/cart', { product: '6', quantity: '1' }],
      ['/checkout', office],
    ],
    expected: [
      lamp,
      books,
      { id: 3, ...office, status: 'open', coupon: null, cents: 2990, items: [{ product: 'Headphones Basic', quantity: 1 }] },
    ],
  },
  coupon: {
    request: `Order two of the "Notebook A5, ruled" with the coupon PAPER20, to Ada Byron, Hauptstr. 7, 10827 Berlin, Germany.`,
    steps: [
      ['/cart', { product: '8', quantity: '2' }],
      ['/coupon', { code: 'PAPER20' }],
      ['/checkout', office],
    ],
    expected: [
      lamp,
      books,
      { id: 3, ...office, status: 'open', coupon: 'PAPER20', cents: 1040, items: [{ product: 'Notebook A5, ruled', quantity: 2 }] },
    ],
  },
  move: {
    request: `The order with the desk lamp must go to the new office: Ada Byron, Hauptstr. 7, 10827 Berlin, Germany. Change its address.`,
    steps: [['/orders/1/address', office]],
    expected: [{ ...lamp, ...office }, books],
  },
  cancel: {
    request: `Cancel the order with the notebooks.`,
    steps: [['/orders/2/cancel', {}]],
    expected: [lamp, { ...books, status: 'cancelled' }],
  },
};
