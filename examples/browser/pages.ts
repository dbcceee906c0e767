/** The shop's pages. */
import type { Address, Cart, Order, Product } from './shop.ts';

const STYLE = `
  body { font: 16px/1.5 system-ui, sans-serif; margin: 0; color: #222; background: #f6f5f2; }
  header { background: #24443b; padding: 14px 32px; display: flex; gap: 28px; align-items: center; }
  header a { color: #fff; text-decoration: none; } header b { font-size: 20px; }
  header form { margin-left: auto; }
  main { max-width: 960px; margin: 24px auto; padding: 0 24px; }
  .grid { display: grid; grid-template-columns: repeat(3, 1fr); gap: 16px; }
  .card, section { background: #fff; border: 1px solid #dedad2; border-radius: 8px; padding: 16px; }
  section { margin-bottom: 16px; }
  .price { font-weight: 600; } .gone { color: #a33; } .problem { color: #a33; font-size: 18px; }
  nav a { margin-right: 14px; } table { width: 100%; border-collapse: collapse; } td, th { text-align: left; padding: 6px 4px; }
  label { display: block; margin-bottom: 10px; } label input, label select { display: block; width: 320px; }
  input, select { font: inherit; padding: 6px 8px; border: 1px solid #b9b4a8; border-radius: 5px; }
  button { font: inherit; padding: 7px 16px; border: 0; border-radius: 5px; background: #24443b; color: #fff; cursor: pointer; }
  header button { background: #fff; color: #24443b; } button.quiet { background: #8a8374; }`;

export function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escaped(title)} – Corner Shop</title><style>${STYLE}</style></head><body>
    <header><a href="/"><b>Corner Shop</b></a><a href="/orders">My orders</a><a href="/cart">Cart</a>
    <form action="/"><input name="q" placeholder="Search products" aria-label="Search products"> <button>Search</button></form></header>
    <main><h1>${escaped(title)}</h1>${body}</main></body></html>`;
}

export function catalogPage(products: Product[], { category, search }: { category: string; search: string }): string {
  const categories = [...new Set(products.map((product) => product.category))];
  const shown = products.filter(
    (one) => (category === '' || one.category === category) && one.name.toLowerCase().includes(search.toLowerCase()),
  );
  const cards = shown.map(
    ({
      id,
      name,
      cents,
      stock,
    }) => `<div class="card"><a href="/product/${id}">${escaped(name)}</a><br><span class="price">${money(cents)}</span>
      ${stock === 0 ? '<br><span class="gone">Out of stock</span>' : ''}</div>`,
  );
  const links = categories.map((one) => `<a href="/?category=${encodeURIComponent(one)}">${escaped(one)}</a>`);
  return page(
    category || 'All products',
    `<nav><a href="/">All</a>${links.join('')}</nav><br><div class="grid">${cards.join('') || 'Nothing found.'}</div>`,
  );
}

export function productPage({ id, name, category, cents, stock }: Product): string {
  const form = `<form method="post" action="/cart"><input type="hidden" name="product" value="${id}">
    <label>Quantity <input type="number" name="quantity" value="1" min="1" max="${stock}"></label><button>Add to cart</button></form>`;
  return page(
    name,
    `<section><p>${escaped(category)}</p><p class="price">${money(cents)}</p>${stock === 0 ? '<p class="gone">Out of stock</p>' : form}</section>`,
  );
}

export function cartPage({ lines, coupon, cents }: Cart): string {
  if (lines.length === 0) return page('Cart', '<p>Your cart is empty.</p>');
  const rows = lines.map(
    ({ id, name, quantity, cents: each }) => `<tr><td>${escaped(name)}</td><td>${quantity}</td><td>${money(each * quantity)}</td>
      <td><form method="post" action="/cart/remove"><input type="hidden" name="product" value="${id}"><button class="quiet">Remove</button></form></td></tr>`,
  );
  return page(
    'Cart',
    `<section><table><tr><th>Product</th><th>Quantity</th><th>Price</th><th></th></tr>${rows.join('')}</table>
      <p class="price">Total ${money(cents)}${coupon === null ? '' : ` with coupon ${escaped(coupon)}`}</p></section>
      <section><form method="post" action="/coupon"><label>Coupon <input name="code"></label><button class="quiet">Apply coupon</button></form></section>
      <a href="/checkout">Go to checkout</a>`,
  );
}

export function checkoutPage({ lines, cents }: Cart): string {
  if (lines.length === 0) return page('Checkout', '<p>Your cart is empty.</p>');
  const form = `<form method="post" action="/checkout">${addressForm()}<button>Place order</button></form>`;
  return page('Checkout', `<section><p class="price">To pay: ${money(cents)}</p>${form}</section>`);
}

export function ordersPage(orders: Order[]): string {
  const rows = orders.map(
    ({ id, items, status, cents }) =>
      `<tr><td><a href="/orders/${id}">Order ${id}</a></td><td>${itemList(items)}</td><td>${money(cents)}</td><td>${status}</td></tr>`,
  );
  return page(
    'My orders',
    `<section><table><tr><th></th><th>Items</th><th>Paid</th><th>Status</th></tr>${rows.join('')}</table></section>`,
  );
}

export function orderPage(order: Order): string {
  const { id, items, name, street, zip, city, country, status, cents } = order;
  const forms = `<section><h2>Change address</h2><form method="post" action="/orders/${id}/address">${addressForm(order)}<button>Save address</button></form></section>
    <section><form method="post" action="/orders/${id}/cancel" onsubmit="return confirm('Really cancel this order?')">
    <button class="quiet">Cancel order</button></form></section>`;
  const place = [name, street, `${zip} ${city}`, country].map(escaped).join('<br>');
  return page(
    `Order ${id}`,
    `<section><p>Status: <b>${status}</b></p><p>${itemList(items)}</p><p class="price">${money(cents)}</p><p>${place}</p></section>${status === 'open' ? forms : ''}`,
  );
}

export function pricesPage(products: Product[]): string {
  const rows = products.map(
    ({ id, name, cents, stock }) => `<tr><td>${escaped(name)}</td><td>${stock} in stock</td><td><form method="post" action="/admin/prices">
      <input type="hidden" name="product" value="${id}"><input name="price" aria-label="Price of ${escaped(name)}" value="${(cents / 100).toFixed(2)}"> <button>Set</button></form></td></tr>`,
  );
  return page('Prices', `<section><table>${rows.join('')}</table></section>`);
}

const COUNTRIES = ['France', 'Germany', 'Italy', 'Netherlands', 'United Kingdom'];

function addressForm(address?: Address): string {
  const fields = (['name', 'street', 'zip', 'city'] as const).map((field) => {
    const label = { name: 'Full name', street: 'Street and number', zip: 'Postal code', city: 'City' }[field];
    return `<label>${label} <input name="${field}" required value="${escaped(address?.[field] ?? '')}"></label>`;
  });
  const options = COUNTRIES.map((country) => `<option${country === address?.country ? ' selected' : ''}>${country}</option>`);
  return `${fields.join('')}<label>Country <select name="country">${options.join('')}</select></label>`;
}

function itemList(items: Order['items']): string {
  return items.map(({ product, quantity }) => `${quantity} × ${escaped(product)}`).join(', ');
}

function money(cents: number): string {
  return `€ ${(cents / 100).toFixed(2)}`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
