import { Controller, Get, Header } from '@nestjs/common';
import { register } from 'prom-client';
import { Open } from '../sign-in/access.guard.js';

/** What Prometheus scrapes. It holds no id and no user; a public address would keep it to the inside all the same. */
@Controller('metrics')
@Open()
export class MetricsController {
  @Get()
  @Header('Content-Type', register.contentType)
  show(): Promise<string> {
    return register.metrics();
  }
}
