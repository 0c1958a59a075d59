import type { CanActivate } from '@nestjs/common';
import { ForbiddenException, Inject, Injectable } from '@nestjs/common';
import { SessionService } from 'nestjs-ha-session';

/** Lets administrators at the monitor; the portal's own guard has seen to it that somebody is signed in. */
@Injectable()
export class OperatorGuard implements CanActivate {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  canActivate(): boolean {
    if (this.sessions.current()?.user?.role !== 'administrator')
      throw new ForbiddenException('Only for administrators');
    return true;
  }
}
