import { randomInt } from 'node:crypto';
import { BadRequestException, Body, Controller, Get, Inject, Param, Post, Redirect } from '@nestjs/common';
import { CurrentSession, SessionValue } from 'nestjs-ha-session';
import { Page } from '../pages/page.decorator.js';
import { CatalogueService } from '../catalogue/catalogue.service.js';
import type { PortalSession } from '../session-data.js';
import { recordChange } from '../session-data.js';
import type { CartLine } from '../cart/cart-line.js';
import type { ApprovalForm, ItemsForm, SupplierForm } from './order.forms.js';
import { approvalForm, itemsForm, supplierForm } from './order.forms.js';
import type { OrderDraft, SubmittedOrder } from './order.js';
import { ORDER_STEPS, nextStep, pricedLines, totalOf } from './order.js';

const KEPT_ORDERS = 20;
const APPROVERS = ['Ingrid Falk, head of operations', 'Tomás Rey, finance', 'Yuki Mori, site manager'];

/**
 * A purchase order in four steps. Every step is stored in the session before its answer leaves, so the next step may be
 * answered by any instance, and a Redis primary may die between any two of them.
 */
@Controller('orders')
export class OrderController {
  constructor(@Inject(CatalogueService) private readonly catalogue: CatalogueService) {}

  @Get()
  @Page('orders')
  list(
    @SessionValue('orders') orders: SubmittedOrder[] | undefined,
    @SessionValue('draft') draft: OrderDraft | undefined,
  ) {
    return { title: 'Orders', orders: orders ?? [], draft, next: nextStep(draft ?? {}) };
  }

  @Get('new')
  @Redirect()
  start(@SessionValue('draft') draft: OrderDraft | undefined) {
    return { url: `/orders/new/${nextStep(draft ?? {})}`, statusCode: 303 };
  }

  @Get('new/:step')
  @Page('order-step')
  step(
    @Param('step') step: string,
    @SessionValue('draft') stored: OrderDraft | undefined,
    @SessionValue('cart') cart: CartLine[] | undefined,
  ) {
    const draft = stored ?? {};
    const current = ORDER_STEPS.find((name) => name === step);
    const reached = nextStep(draft);
    if (!current || ORDER_STEPS.indexOf(current) > ORDER_STEPS.indexOf(reached)) {
      throw new BadRequestException('First complete the steps before this one');
    }
    const { catalogue } = this;
    const lines = pricedLines(draft.lines ?? [], catalogue);
    const suggested = new Map((draft.lines ?? cart ?? []).map(({ sku, quantity }) => [sku, quantity]));
    return {
      title: 'New order',
      step: current,
      steps: ORDER_STEPS,
      reached,
      draft,
      suppliers: catalogue.suppliers,
      supplier: draft.supplierId ? catalogue.supplier(draft.supplierId) : undefined,
      products: draft.supplierId ? catalogue.productsOf(draft.supplierId) : [],
      suggested,
      approvers: APPROVERS,
      lines,
      total: totalOf(lines),
    };
  }

  @Post('new/supplier')
  @Redirect('/orders/new/items', 303)
  chooseSupplier(@CurrentSession() session: PortalSession, @Body({ schema: supplierForm }) form: SupplierForm): void {
    const supplier = this.catalogue.supplier(form.supplier);
    if (!supplier) throw new BadRequestException('There is no such supplier');
    // Another supplier has other products; the approval may stay.
    const { lines, ...rest } = session.draft ?? {};
    const isSame = session.draft?.supplierId === supplier.id;
    session.draft = { ...rest, supplierId: supplier.id, ...(isSame && lines ? { lines } : {}) };
    recordChange(session, `${supplier.name} it is`);
  }

  @Post('new/items')
  @Redirect('/orders/new/approval', 303)
  chooseItems(@CurrentSession() session: PortalSession, @Body({ schema: itemsForm }) form: ItemsForm): void {
    const supplierId = requireStep(session, 'items').supplierId ?? '';
    const lines = this.catalogue
      .productsOf(supplierId)
      .map(({ sku }) => ({ sku, quantity: form.quantity[sku] ?? 0 }))
      .filter((line) => line.quantity > 0);
    if (lines.length === 0) throw new BadRequestException('Order at least one item');
    session.draft = { ...session.draft, lines };
    recordChange(session, lines.length === 1 ? 'One item chosen' : `${lines.length} items chosen`);
  }

  @Post('new/approval')
  @Redirect('/orders/new/review', 303)
  approve(@CurrentSession() session: PortalSession, @Body({ schema: approvalForm }) form: ApprovalForm): void {
    if (!APPROVERS.includes(form.approver)) throw new BadRequestException('Choose who approves');
    session.draft = { ...requireStep(session, 'approval'), approval: form };
    recordChange(session, 'Approval is on its way');
  }

  @Post('new/submit')
  @Redirect('/orders', 303)
  submit(@CurrentSession() session: PortalSession): void {
    const { supplierId = '', lines = [] } = requireStep(session, 'review');
    const priced = pricedLines(lines, this.catalogue);
    const order: SubmittedOrder = {
      number: `PO-${String(randomInt(100_000, 1_000_000))}`,
      supplier: this.catalogue.supplier(supplierId)?.name ?? supplierId,
      lineCount: priced.length,
      total: totalOf(priced),
      submittedAt: new Date().toISOString(),
    };
    session.orders = [order, ...(session.orders ?? [])].slice(0, KEPT_ORDERS);
    session.cart = (session.cart ?? []).filter((line) => !lines.some(({ sku }) => sku === line.sku));
    delete session.draft;
    recordChange(session, `Order ${order.number} is submitted`);
  }

  @Post('new/discard')
  @Redirect('/orders', 303)
  discard(@CurrentSession() session: PortalSession): void {
    delete session.draft;
    recordChange(session, 'The order in progress is discarded');
  }
}

/** The draft, when all steps before this one are done. */
function requireStep(session: PortalSession, step: 'items' | 'approval' | 'review'): OrderDraft {
  const draft = session.draft ?? {};
  if (ORDER_STEPS.indexOf(nextStep(draft)) < ORDER_STEPS.indexOf(step)) {
    throw new BadRequestException('First complete the steps before this one');
  }
  return draft;
}
