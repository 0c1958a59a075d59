import { Controller, Get, Inject, UseFilters } from '@nestjs/common';
import { HealthCheck, HealthCheckService } from '@nestjs/terminus';
import { SessionHealthIndicator } from 'nestjs-ha-session/health';
import { JsonExceptionFilter } from '../pages/json-exception.filter.js';
import { Open } from '../sign-in/access.guard.js';

@Controller('health')
@Open()
@UseFilters(JsonExceptionFilter)
export class HealthController {
  constructor(
    @Inject(HealthCheckService) private readonly health: HealthCheckService,
    @Inject(SessionHealthIndicator) private readonly sessions: SessionHealthIndicator,
  ) {}

  @Get()
  @HealthCheck()
  check() {
    // Addresses too: all that runs here runs on this machine. A public route leaves `details` out.
    return this.health.check([() => this.sessions.isHealthy('sessions', { details: true })]);
  }
}
