import type { CatalogueService, Product } from '../catalogue/catalogue.service.js';
import type { CartLine } from '../cart/cart-line.js';

export interface Approval {
  readonly costCentre: string;
  readonly approver: string;
  readonly reason: string;
}

/** A purchase order in progress; each step adds its part. */
export interface OrderDraft {
  readonly supplierId?: string;
  readonly lines?: readonly CartLine[];
  readonly approval?: Approval;
}

/** A purchase order that has left the portal. */
export interface SubmittedOrder {
  readonly number: string;
  readonly supplier: string;
  readonly lineCount: number;
  /** In cents. */
  readonly total: number;
  readonly submittedAt: string;
}

/** The steps in their order, as the paths call them. */
export const ORDER_STEPS = ['supplier', 'items', 'approval', 'review'] as const;
export type OrderStep = (typeof ORDER_STEPS)[number];

/** The first step that is still to be done. */
export function nextStep(draft: OrderDraft): OrderStep {
  if (!draft.supplierId) return 'supplier';
  if (!draft.lines?.length) return 'items';
  return draft.approval ? 'review' : 'approval';
}

export interface PricedLine extends CartLine {
  readonly product: Product;
  readonly total: number;
}

export function pricedLines(lines: readonly CartLine[], catalogue: CatalogueService): PricedLine[] {
  return lines.flatMap((line) => {
    const product = catalogue.product(line.sku);
    return product ? [{ ...line, product, total: product.price * line.quantity }] : [];
  });
}

export function totalOf(lines: readonly PricedLine[]): number {
  return lines.reduce((sum, line) => sum + line.total, 0);
}
