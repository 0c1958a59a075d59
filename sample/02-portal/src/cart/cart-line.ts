/** A product somebody means to order. */
export interface CartLine {
  readonly sku: string;
  readonly quantity: number;
}

export const MAX_QUANTITY = 999;

/** The cart with that much more of a product. */
export function withLine(cart: readonly CartLine[], { sku, quantity }: CartLine): CartLine[] {
  const before = cart.find((line) => line.sku === sku)?.quantity ?? 0;
  const line = { sku, quantity: Math.min(before + quantity, MAX_QUANTITY) };
  return before === 0 ? [...cart, line] : cart.map((other) => (other.sku === sku ? line : other));
}
