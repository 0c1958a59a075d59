import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { ForbiddenException, Inject, Injectable, UnauthorizedException } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { SessionService } from 'nestjs-ha-session';
import type { PortalRole } from './directory.service.js';

/** Open to everybody: the sign-in page, health, the lab. */
export const Open = Reflector.createDecorator<true>({ transform: () => true });

/** Open to one role only. */
export const ForRole = Reflector.createDecorator<PortalRole>();

/** Everything is closed to those who are not signed in, unless it says that it is open. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    @Inject(Reflector) private readonly reflector: Reflector,
    @Inject(SessionService) private readonly sessions: SessionService,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    const targets = [context.getHandler(), context.getClass()];
    if (this.reflector.getAllAndOverride(Open, targets) as true | undefined) return true;
    const user = this.sessions.current()?.user;
    if (!user) throw new UnauthorizedException('Please sign in');
    const role = this.reflector.getAllAndOverride(ForRole, targets) as PortalRole | undefined;
    if (role && user.role !== role) throw new ForbiddenException(`Only for the role ${role}`);
    return true;
  }
}
