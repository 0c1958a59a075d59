/** What the benched application keeps in a session; grows like a real one, by cart lines and orders, not by one long string. */
export interface BenchSession {
  user: { id: string; name: string; email: string; roles: string[] };
  preferences: { locale: string; timeZone: string };
  transaction: { id: string; step: string; startedAt: string; amountCents: number };
  cart: CartLine[];
  orders: Order[];
  /** The one field that a change writes. */
  visits: number;
}

interface CartLine {
  sku: string;
  title: string;
  quantity: number;
  priceCents: number;
  options: { colour: string; size: string; isGift: boolean };
}

interface Order {
  id: string;
  placedAt: string;
  status: string;
  totalCents: number;
  lines: { sku: string; quantity: number }[];
  address: { street: string; city: string; country: string };
}

const WORDS =
  'amber basalt cedar delta ember fjord garnet harbour indigo juniper kelp lichen maple nimbus onyx pebble'.split(' ');

/** What express-session adds to the JSON of a session. */
const COOKIE_BYTES = 75;

/** A session whose JSON has about this many bytes; the same for the same arguments. @param seed - makes users differ */
export function makeSession(bytes: number, seed = 0): BenchSession {
  const random = pseudoRandom(seed + 1);
  const pick = (): string => WORDS[Math.floor(random() * WORDS.length)] ?? '';
  const id = (): string => Math.floor(random() * 2 ** 40).toString(36);
  const session: BenchSession = {
    user: { id: `u-${id()}`, name: `${pick()} ${pick()}`, email: `${pick()}@example.org`, roles: ['user', 'buyer'] },
    preferences: { locale: 'de-CH', timeZone: 'Europe/Zurich' },
    transaction: {
      id: id(),
      step: 'address',
      startedAt: new Date(1.7e12 + Math.floor(random() * 1e10)).toISOString(),
      amountCents: 4990,
    },
    cart: [],
    orders: [],
    visits: 1,
  };
  // Each addition is counted alone: measuring the whole each time would be quadratic.
  let size = JSON.stringify(session).length + COOKIE_BYTES;
  for (let turn = 0; size < bytes; turn += 1) {
    const added = turn % 2 === 0 ? makeCartLine(random, pick, id) : makeOrder(random, pick, id);
    if ('sku' in added) session.cart.push(added);
    else session.orders.push(added);
    size += JSON.stringify(added).length + 1;
  }
  return session;
}

function makeCartLine(random: () => number, pick: () => string, id: () => string): CartLine {
  return {
    sku: id(),
    title: `${pick()} ${pick()} ${pick()}`,
    quantity: 1 + Math.floor(random() * 5),
    priceCents: Math.floor(random() * 20_000),
    options: { colour: pick(), size: pick(), isGift: random() < 0.2 },
  };
}

function makeOrder(random: () => number, pick: () => string, id: () => string): Order {
  return {
    id: id(),
    placedAt: new Date(1.7e12 + Math.floor(random() * 1e10)).toISOString(),
    status: pick(),
    totalCents: Math.floor(random() * 90_000),
    lines: [
      { sku: id(), quantity: 1 },
      { sku: id(), quantity: 2 },
    ],
    address: { street: `${pick()} ${Math.floor(random() * 200)}`, city: pick(), country: 'CH' },
  };
}

/** Mulberry32: small, and good enough for test data that must be the same in every run. */
function pseudoRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
