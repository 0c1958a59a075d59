import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { Header, Inject, Injectable, Render, UseInterceptors, applyDecorators } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { map } from 'rxjs';
import { PageContextService } from './page-context.service.js';

@Injectable()
class PageInterceptor implements NestInterceptor<object, object> {
  constructor(@Inject(PageContextService) private readonly context: PageContextService) {}

  intercept(_: ExecutionContext, next: CallHandler<object>): Observable<object> {
    return next.handle().pipe(map((content) => ({ ...content, page: this.context.take() })));
  }
}

/** The handler's object fills this view; what every page shows is added. No cache keeps it: it shows one user's session. */
export const Page = (view: string): MethodDecorator =>
  applyDecorators(Render(view), Header('Cache-Control', 'no-store'), UseInterceptors(PageInterceptor));
