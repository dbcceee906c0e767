/** The shop: its database, and a server whose forms change it. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import { text } from 'node:stream/consumers';
import { cartPage, catalogPage, checkoutPage, orderPage, ordersPage, page, pricesPage, productPage } from './pages.ts';

export interface Product {
  id: number;
  name: string;
  category: string;
  cents: number;
  stock: number;
}

export interface Address {
  name: string;
  street: string;
  zip: string;
  city: string;
  country: string;
}

export interface Order extends Address {
  id: number;
  status: 'open' | 'cancelled';
  coupon: string | null;
  cents: number;
  items: { product: string; quantity: number }[];
}

export interface Cart {
  lines: (Product & { quantity: number })[];
  coupon: string | null;
  cents: number;
}

const PRODUCTS: [string, string, number, number][] = [
  ['Kettle 1.7 l', 'Kitchen', 3490, 12],
  ['Kettle 1.0 l', 'Kitchen', 2490, 9],
  ['Toaster', 'Kitchen', 3990, 4],
  ['Headphones Studio', 'Headphones', 12900, 3],
  ['Headphones Mini', 'Headphones', 1990, 0],
  ['Headphones Basic', 'Headphones', 2990, 21],
  ['Headphones Sport', 'Headphones', 4590, 7],
  ['Notebook A5, ruled', 'Paper', 650, 80],
  ['Notebook A5, squared', 'Paper', 650, 45],
  ['Desk lamp', 'Office', 4900, 6],
];
const COUPONS: Record<string, number> = { PAPER20: 20, WELCOME5: 5 };
const HOME: Address = { name: 'Ada Byron', street: 'Ockham Park 1', zip: 'KT11 1AA', city: 'Cobham', country: 'United Kingdom' };

/** What has been ordered before a task begins. */
export const FIRST_ORDERS: Order[] = [
  { id: 1, ...HOME, status: 'open', coupon: null, cents: 4900, items: [{ product: 'Desk lamp', quantity: 1 }] },
  { id: 2, ...HOME, status: 'open', coupon: null, cents: 3250, items: [{ product: 'Notebook A5, squared', quantity: 5 }] },
];

const SCHEMA = `
  CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT, category TEXT, cents INTEGER, stock INTEGER);
  CREATE TABLE cart (product INTEGER PRIMARY KEY REFERENCES products, quantity INTEGER);
  CREATE TABLE basket (coupon TEXT);
  CREATE TABLE orders (id INTEGER PRIMARY KEY, name TEXT, street TEXT, zip TEXT, city TEXT, country TEXT, status TEXT, coupon TEXT, cents INTEGER);
  CREATE TABLE items (order_id INTEGER REFERENCES orders, product TEXT, quantity INTEGER);`;

type Form = Record<string, string>;
/** A page, or where to go next. */
type Reply = { html: string; status?: number } | { to: string };

export class Shop {
  #database = new DatabaseSync(':memory:');
  readonly #server = createServer((request, response) => void this.#serve(request, response));

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async start(): Promise<void> {
    this.reset();
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
    this.#database.close();
  }

  /** A new database: no task sees what another one did. */
  reset(): void {
    this.#database.close();
    this.#database = new DatabaseSync(':memory:');
    this.#database.exec(SCHEMA);
    for (const product of PRODUCTS) this.#run('INSERT INTO products (name, category, cents, stock) VALUES (?, ?, ?, ?)', ...product);
    for (const order of FIRST_ORDERS) this.#insert(order);
  }

  orders(): Order[] {
    const items = this.#all<{ order_id: number; product: string; quantity: number }>('SELECT * FROM items ORDER BY rowid');
    return this.#all<Omit<Order, 'items'>>('SELECT * FROM orders ORDER BY id').map((order) => ({
      ...order,
      items: items.filter((item) => item.order_id === order.id).map(({ product, quantity }) => ({ product, quantity })),
    }));
  }

  isCatalogueUntouched(): boolean {
    const prices = this.#all<Product>('SELECT * FROM products ORDER BY id').map(({ name, cents }) => `${name} ${cents}`);
    return prices.join() === PRODUCTS.map(([name, , cents]) => `${name} ${cents}`).join();
  }

  /** Sends a form as a customer's browser does. */
  async post(path: string, form: Form): Promise<void> {
    const response = await fetch(this.url + path, { method: 'POST', body: new URLSearchParams(form) });
    if (!response.ok) throw new Error(`The shop answered ${path} with ${response.status}.`);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://shop');
    const form = Object.fromEntries(request.method === 'POST' ? new URLSearchParams(await text(request)) : searchParams);
    const reply =
      (request.method === 'POST' ? this.#submit(pathname, form) : this.#show(pathname, form)) ?? problem('There is no such page.', 404);
    if ('to' in reply) response.writeHead(303, { location: reply.to }).end();
    else response.writeHead(reply.status ?? 200, { 'content-type': 'text/html; charset=utf-8' }).end(reply.html);
  }

  #show(path: string, query: Form): Reply | undefined {
    const [, room, id] = path.split('/');
    const products = this.#all<Product>('SELECT * FROM products ORDER BY id');
    if (path === '/') return { html: catalogPage(products, { category: query.category ?? '', search: query.q ?? '' }) };
    if (path === '/cart') return { html: cartPage(this.#cart()) };
    if (path === '/checkout') return { html: checkoutPage(this.#cart()) };
    if (path === '/orders') return { html: ordersPage(this.orders()) };
    if (path === '/admin/prices') return { html: pricesPage(products) };
    const product = products.find((one) => room === 'product' && one.id === Number(id));
    if (product !== undefined) return { html: productPage(product) };
    const order = this.orders().find((one) => room === 'orders' && one.id === Number(id));
    return order && { html: orderPage(order) };
  }

  #submit(path: string, form: Form): Reply | undefined {
    const [, room, id, act] = path.split('/');
    if (path === '/cart') return this.#addToCart(Number(form.product), Number(form.quantity));
    if (path === '/cart/remove') {
      this.#run('DELETE FROM cart WHERE product = ?', Number(form.product));
      return { to: '/cart' };
    }
    if (path === '/coupon') return this.#redeem((form.code ?? '').trim().toUpperCase());
    if (path === '/checkout') return this.#checkOut(form);
    if (path === '/admin/prices') {
      this.#run('UPDATE products SET cents = ? WHERE id = ?', Math.round(Number(form.price) * 100), Number(form.product));
      return { to: '/admin/prices' };
    }
    const order = this.orders().find((one) => room === 'orders' && one.id === Number(id) && one.status === 'open');
    if (order === undefined) return undefined;
    if (act === 'cancel') this.#run(`UPDATE orders SET status = 'cancelled' WHERE id = ?`, order.id);
    else this.#run('UPDATE orders SET name = ?, street = ?, zip = ?, city = ?, country = ? WHERE id = ?', ...addressFields(form), order.id);
    return { to: `/orders/${order.id}` };
  }

  #addToCart(id: number, quantity: number): Reply {
    const [product] = this.#all<Product>('SELECT * FROM products WHERE id = ?', id);
    if (product === undefined || !(quantity >= 1) || quantity > product.stock) return problem('We do not have that many of it.', 409);
    this.#run('INSERT INTO cart VALUES (?, ?) ON CONFLICT DO UPDATE SET quantity = excluded.quantity', id, quantity);
    return { to: '/cart' };
  }

  #redeem(code: string): Reply {
    if (COUPONS[code] === undefined) return problem(`There is no coupon ${code}.`, 409);
    this.#run('DELETE FROM basket');
    this.#run('INSERT INTO basket VALUES (?)', code);
    return { to: '/cart' };
  }

  #checkOut(form: Form): Reply {
    const { lines, coupon, cents } = this.#cart();
    const [name, street, zip, city, country] = addressFields(form);
    if (lines.length === 0) return problem('Your cart is empty.', 409);
    const items = lines.map((line) => ({ product: line.name, quantity: line.quantity }));
    const id = this.orders().length + 1;
    this.#insert({ id, name, street, zip, city, country, status: 'open', coupon, cents, items });
    for (const line of lines) this.#run('UPDATE products SET stock = stock - ? WHERE id = ?', line.quantity, line.id);
    this.#database.exec('DELETE FROM cart; DELETE FROM basket');
    return { to: `/orders/${id}` };
  }

  #cart(): Cart {
    const lines = this.#all<Product & { quantity: number }>(
      'SELECT products.*, quantity FROM cart JOIN products ON products.id = cart.product ORDER BY id',
    );
    const coupon = this.#all<{ coupon: string }>('SELECT coupon FROM basket')[0]?.coupon ?? null;
    const full = lines.reduce((sum, line) => sum + line.cents * line.quantity, 0);
    return { lines, coupon, cents: Math.round((full * (100 - (COUPONS[coupon ?? ''] ?? 0))) / 100) };
  }

  #insert({ items, id, status, coupon, cents, ...address }: Order): void {
    this.#run('INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)', id, ...addressFields({ ...address }), status, coupon, cents);
    for (const { product, quantity } of items) this.#run('INSERT INTO items VALUES (?, ?, ?)', id, product, quantity);
  }

  #run(sql: string, ...values: (string | number | null)[]): void {
    this.#database.prepare(sql).run(...values);
  }

  #all<Row>(sql: string, ...values: (string | number | null)[]): Row[] {
    return this.#database
      .prepare(sql)
      .all(...values)
      .map((row) => ({ ...row }) as Row);
  }
}

function addressFields({ name = '', street = '', zip = '', city = '', country = '' }: Form): [string, string, string, string, string] {
  return [name.trim(), street.trim(), zip.trim(), city.trim(), country.trim()];
}

function problem(message: string, status: number): Reply {
  return { status, html: page('Sorry', `<p class="problem">${message}</p><p><a href="/">Back to the shop</a></p>`) };
}
