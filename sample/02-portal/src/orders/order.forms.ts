import { z } from 'zod';
import { MAX_QUANTITY } from '../cart/cart-line.js';

export const supplierForm = z.object({ supplier: z.string({ error: 'Choose a supplier' }).max(40) });
export type SupplierForm = z.infer<typeof supplierForm>;

/** A field per product: `quantity[SKU]`, empty or 0 for none. */
export const itemsForm = z.object({
  quantity: z.record(z.string().max(20), z.coerce.number().int('Whole numbers only').min(0).max(MAX_QUANTITY)),
});
export type ItemsForm = z.infer<typeof itemsForm>;

export const approvalForm = z.object({
  costCentre: z
    .string()
    .trim()
    .regex(/^\d{4}$/, 'A cost centre has four digits'),
  approver: z.string().trim().min(1, 'Choose who approves').max(80),
  reason: z.string().trim().min(3, 'Say in a few words what it is for').max(300),
});
export type ApprovalForm = z.infer<typeof approvalForm>;
