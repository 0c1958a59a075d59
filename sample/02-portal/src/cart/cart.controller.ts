import { BadRequestException, Body, Controller, Get, Inject, Param, Post, Redirect } from '@nestjs/common';
import { CurrentSession, SessionValue } from 'nestjs-ha-session';
import { z } from 'zod';
import { Page } from '../pages/page.decorator.js';
import { CatalogueService } from '../catalogue/catalogue.service.js';
import { pricedLines, totalOf } from '../orders/order.js';
import type { PortalSession } from '../session-data.js';
import { recordChange } from '../session-data.js';
import type { CartLine } from './cart-line.js';
import { MAX_QUANTITY, withLine } from './cart-line.js';

const lineForm = z.object({
  sku: z.string().max(20),
  quantity: z.coerce.number().int().min(1).max(MAX_QUANTITY).default(1),
});

@Controller('cart')
export class CartController {
  constructor(@Inject(CatalogueService) private readonly catalogue: CatalogueService) {}

  @Get()
  @Page('cart')
  show(@SessionValue('cart') cart: CartLine[] | undefined) {
    const lines = pricedLines(cart ?? [], this.catalogue);
    return { title: 'Cart', lines, total: totalOf(lines) };
  }

  @Post()
  @Redirect('/catalogue', 303)
  add(@CurrentSession() session: PortalSession, @Body({ schema: lineForm }) line: z.infer<typeof lineForm>): void {
    const product = this.catalogue.product(line.sku);
    if (!product) throw new BadRequestException(`There is no product ${line.sku}`);
    session.cart = withLine(session.cart ?? [], line);
    recordChange(session, `${product.name} is in the cart`);
  }

  @Post(':sku/remove')
  @Redirect('/cart', 303)
  remove(@CurrentSession() session: PortalSession, @Param('sku') sku: string): void {
    session.cart = (session.cart ?? []).filter((line) => line.sku !== sku);
    recordChange(session, `${this.catalogue.product(sku)?.name ?? sku} is out of the cart`);
  }
}
