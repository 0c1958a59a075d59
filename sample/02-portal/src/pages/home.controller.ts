import { Controller, Get } from '@nestjs/common';
import { SessionValue } from 'nestjs-ha-session';
import { Page } from './page.decorator.js';
import type { OrderDraft, SubmittedOrder } from '../orders/order.js';
import { ORDER_STEPS, nextStep } from '../orders/order.js';

@Controller()
export class HomeController {
  @Get()
  @Page('home')
  show(
    @SessionValue('draft') draft: OrderDraft | undefined,
    @SessionValue('orders') orders: SubmittedOrder[] | undefined,
    @SessionValue('changes') changes: number | undefined,
  ) {
    const step = nextStep(draft ?? {});
    return {
      title: 'Home',
      draft,
      step,
      stepNumber: ORDER_STEPS.indexOf(step) + 1,
      stepCount: ORDER_STEPS.length,
      orders: orders ?? [],
      changes: changes ?? 0,
    };
  }
}
