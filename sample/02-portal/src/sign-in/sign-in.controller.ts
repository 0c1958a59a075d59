import { Body, Controller, Get, Inject, Post, Query, Redirect, Req } from '@nestjs/common';
import type { Request } from 'express';
import { CurrentSession, SessionValue } from 'nestjs-ha-session';
import { z } from 'zod';
import { Page } from '../pages/page.decorator.js';
import type { PortalSession } from '../session-data.js';
import { recordChange } from '../session-data.js';
import { Open } from './access.guard.js';
import type { PortalUser } from './directory.service.js';
import { DEMO_PASSWORD, DEMO_USERS, DirectoryService } from './directory.service.js';

const signInForm = z.object({
  user: z.string().trim().min(1, 'Choose a user').max(64),
  password: z.string().min(1, 'Enter the password').max(200),
  next: z.string().max(200).default('/'),
});

@Controller()
export class SignInController {
  constructor(@Inject(DirectoryService) private readonly directory: DirectoryService) {}

  @Get('sign-in')
  @Open()
  @Page('sign-in')
  form(@SessionValue('user') user: PortalUser | undefined, @Query('next') next?: unknown) {
    return { title: 'Sign in', users: DEMO_USERS, password: DEMO_PASSWORD, user, next: localPath(next) };
  }

  @Post('sign-in')
  @Open()
  @Redirect()
  async signIn(@Body({ schema: signInForm }) form: z.infer<typeof signInForm>, @Req() request: Request) {
    const user = this.directory.authenticate(form.user, form.password);
    const next = localPath(form.next);
    if (!user) {
      request.session.notice = { kind: 'fault', text: 'User or password is wrong' };
      return { url: `/sign-in?next=${encodeURIComponent(next)}`, statusCode: 303 };
    }
    // A new id at every sign-in: whoever planted a cookie before gains nothing by it.
    await request.session.regenerate();
    request.session.user = user;
    recordChange(request.session, `Good to see you, ${user.name.split(' ')[0] ?? user.name}`);
    return { url: next, statusCode: 303 };
  }

  @Post('sign-out')
  @Redirect('/sign-in', 303)
  signOut(@CurrentSession() session: PortalSession): Promise<void> {
    return session.destroy();
  }
}

/** Only a path of this portal: nobody is sent elsewhere after signing in. */
function localPath(value: unknown): string {
  return typeof value === 'string' && /^\/(?![/\\])[\w\-/.]*$/.test(value) ? value : '/';
}
