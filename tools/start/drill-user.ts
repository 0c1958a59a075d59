import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { DrillClient } from './drill-client.js';
import type { DrillTally } from './drill-tally.js';

/** The session as the portal tells it. */
interface PortalState {
  readonly cart: readonly { readonly sku: string; readonly quantity: number }[];
  readonly draft: { readonly supplierId?: string; readonly lines?: readonly unknown[]; readonly approval?: unknown };
  readonly orders: readonly { readonly number: string }[];
  readonly changes: number;
}

/** What must be in the session, by all that was acknowledged. */
interface Expected {
  cart: Record<string, number>;
  draft: object;
  orderCount: number;
  changes: number;
}

type Seen = Expected | 'signed out';

const SUPPLIERS = { nordbolt: 'NB-1008', helio: 'HL-0450', clarus: 'CL-0110' };
const APPROVAL = { costCentre: '4711', approver: 'Tomás Rey, finance', reason: 'Failover drill' };
const ORDERS_PER_SESSION = 3;
/** Cookies that are tried again and again after they were signed out: the latest. */
const KEPT_COOKIES = 30;

/** Waits where the drill wants its users to stand still. */
export interface DrillGate {
  isStopping(): boolean;
  pass(): Promise<void>;
}

/** What a user needs. */
export interface DrillUserOptions {
  readonly instances: readonly string[];
  readonly tally: DrillTally;
  readonly gate: DrillGate;
  /** Number of the user: who it is, and at which instance it begins. */
  readonly index: number;
  /** Between two steps. */
  readonly pauseMs: number;
  /** What is not there after that long is lost; what comes earlier was only read too soon. */
  readonly staleMs: number;
}

/**
 * Somebody who signs in, orders, and signs out again, step after step. After every step the session is read through the
 * other instance and compared with what was acknowledged until then.
 */
export class DrillUser {
  /** Cookies that were signed out, with the ids of their sessions. */
  signedOut: readonly { readonly cookie: string; readonly sid: string }[] = [];
  readonly #options: DrillUserOptions;
  #client: DrillClient;
  #expected: Expected | undefined;

  constructor(options: DrillUserOptions) {
    this.#options = options;
    this.#client = this.#newClient();
  }

  /** The id of the session, while signed in. */
  get sid(): string | undefined {
    return this.#expected && this.#client.sid;
  }

  /** Changes acknowledged in this session. */
  get changes(): number {
    return this.#expected?.changes ?? 0;
  }

  /** Signs in, orders and signs out until the gate says stop. */
  async work(): Promise<void> {
    while (!this.#options.gate.isStopping()) {
      await this.#step(() => this.signIn());
      for (let order = 0; order < ORDERS_PER_SESSION && this.#expected && !this.#options.gate.isStopping(); order++) {
        await this.#order(order);
      }
      // Half of the users stay signed in for the whole drill.
      while (this.#options.index % 2 === 0 && this.#expected && !this.#options.gate.isStopping()) await this.#browse();
      if (!this.#options.gate.isStopping()) await this.#step(() => this.signOut());
    }
  }

  async signIn(): Promise<void> {
    if (this.#expected) return;
    const { index, tally } = this.#options;
    const user = ['ada', 'ben', 'chloe'][index % 3] ?? 'ada';
    const answer = await this.#client.post('/sign-in', { user, password: 'portal' }, '/');
    if (answer?.status !== 303) return;
    tally.count('logins');
    tally.count('acknowledged');
    this.#expected = { cart: {}, draft: {}, orderCount: 0, changes: 1 };
  }

  async signOut(): Promise<void> {
    if (!this.#expected) return;
    const { cookie, sid } = this.#client;
    const answer = await this.#client.post('/sign-out', {}, '/sign-in');
    if (answer?.status === 401) await this.readBack();
    if (answer?.status !== 303) return;
    this.#options.tally.count('logouts');
    this.signedOut = [...this.signedOut, { cookie, sid }].slice(-KEPT_COOKIES);
    this.#expected = undefined;
    this.#client = this.#newClient();
    await this.#checkSignedOut(cookie);
  }

  /** Tries all cookies that were signed out: each must be refused. */
  async checkSignedOut(): Promise<void> {
    for (const { cookie } of this.signedOut) await this.#checkSignedOut(cookie);
  }

  /** Reads the session back and compares it with what was acknowledged. */
  async readBack(): Promise<void> {
    const expected = this.#expected;
    if (!expected) return;
    const found = await this.#readUntil(this.#client, (state) => isDeepStrictEqual(state, expected));
    if (found === 'unanswered' || isDeepStrictEqual(found, expected)) return;
    // From here on the truth counts, so that one loss is counted once.
    if (found === 'signed out') {
      this.#options.tally.count('lost', expected.changes);
      this.#expected = undefined;
      this.#client = this.#newClient();
    } else {
      this.#options.tally.count('lost', Math.max(1, expected.changes - found.changes));
      this.#expected = found;
    }
  }

  async #checkSignedOut(cookie: string): Promise<void> {
    const client = this.#newClient();
    client.cookie = cookie;
    const found = await this.#readUntil(client, (state) => state === 'signed out');
    if (found === 'signed out' || found === 'unanswered') return;
    this.#options.tally.count('undone');
    this.signedOut = this.signedOut.filter((other) => other.cookie !== cookie);
  }

  /**
   * Reads the session through one instance after the other until it is right, and counts it as stale when it was not at
   * once. Resolves with what is there in the end.
   */
  async #readUntil(client: DrillClient, isRight: (state: Seen) => boolean): Promise<Seen | 'unanswered'> {
    const deadline = performance.now() + this.#options.staleMs;
    for (let isFirst = true; ; isFirst = false) {
      const answer = await client.get('/session', 200, 401);
      if (!answer) return 'unanswered';
      const seen = answer.status === 401 ? 'signed out' : summary(JSON.parse(answer.body) as PortalState);
      if (isRight(seen)) {
        if (!isFirst) this.#options.tally.count('stale');
        return seen;
      }
      if (performance.now() > deadline) return seen;
      await delay(100);
    }
  }

  async #order(number: number): Promise<void> {
    const suppliers = Object.keys(SUPPLIERS) as (keyof typeof SUPPLIERS)[];
    const supplier = suppliers[(this.#options.index + number) % suppliers.length] ?? 'nordbolt';
    const sku = SUPPLIERS[supplier];
    const lines = [{ sku, quantity: 2 }];
    await this.#change(
      '/cart',
      '/catalogue',
      { sku, quantity: '2' },
      (expected) => (expected.cart = { ...expected.cart, [sku]: (expected.cart[sku] ?? 0) + 2 }),
    );
    await this.#change(
      '/orders/new/supplier',
      '/orders/new/items',
      { supplier },
      (expected) => (expected.draft = { supplierId: supplier }),
    );
    await this.#change(
      '/orders/new/items',
      '/orders/new/approval',
      { [`quantity[${sku}]`]: '2' },
      (expected) => (expected.draft = { ...expected.draft, lines }),
    );
    await this.#change(
      '/orders/new/approval',
      '/orders/new/review',
      APPROVAL,
      (expected) => (expected.draft = { ...expected.draft, approval: APPROVAL }),
    );
    await this.#change('/orders/new/submit', '/orders', {}, (expected) => {
      const { [sku]: _, ...rest } = expected.cart;
      expected.cart = rest;
      expected.draft = {};
      expected.orderCount += 1;
    });
  }

  /** Keeps a session busy without filling it. */
  async #browse(): Promise<void> {
    const sku = 'HL-1180';
    await this.#change(
      '/cart',
      '/catalogue',
      { sku, quantity: '1' },
      (expected) => (expected.cart = { ...expected.cart, [sku]: 1 }),
    );
    await this.#change(`/cart/${sku}/remove`, '/cart', {}, (expected) => {
      const { [sku]: _, ...rest } = expected.cart;
      expected.cart = rest;
    });
  }

  /** One step: sends a form, and once it is acknowledged reads the session through the other instance. */
  async #change(
    path: string,
    leadsTo: string,
    form: Record<string, string>,
    apply: (expected: Expected) => unknown,
  ): Promise<void> {
    await this.#step(async () => {
      const expected = this.#expected;
      if (!expected) return;
      const answer = await this.#client.post(path, form, leadsTo);
      if (answer?.status === 401) await this.readBack();
      else if (answer) {
        apply(expected);
        expected.changes += 1;
        this.#options.tally.count('acknowledged');
        await this.readBack();
      } else await this.#acceptEither();
    });
  }

  /** After a request without an answer the change may be there or not: whatever is there is right. */
  async #acceptEither(): Promise<void> {
    const answer = await this.#client.get('/session', 200, 401);
    if (answer?.status === 200) this.#expected = summary(JSON.parse(answer.body) as PortalState);
  }

  async #step(act: () => Promise<void>): Promise<void> {
    const { gate, pauseMs } = this.#options;
    await gate.pass();
    if (gate.isStopping()) return;
    await act();
    await delay(pauseMs);
  }

  #newClient(): DrillClient {
    const { instances, tally, index } = this.#options;
    return new DrillClient(instances, tally, index);
  }
}

function summary({ cart, draft, orders, changes }: PortalState): Expected {
  return {
    cart: Object.fromEntries(cart.map(({ sku, quantity }) => [sku, quantity])),
    draft,
    orderCount: orders.length,
    changes,
  };
}
