import { Controller, Get, Module, Post, Req } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { makeSession } from './session-data.js';
import type { BenchSession } from './session-data.js';

interface BenchRequest {
  readonly session?: Partial<BenchSession>;
  readonly query: Record<string, string | undefined>;
}

/** Requests that reached the handler; what CPU time and Redis commands are divided by. */
export const served = { count: 0 };

/** Made once per size: the bench measures sessions, not the making of test data. */
const templates = new Map<number, BenchSession>();

function templateOf(bytes: number): BenchSession {
  const template = templates.get(bytes) ?? makeSession(bytes);
  templates.set(bytes, template);
  return template;
}

/** The same handlers for every variant; without a session they work on the template. */
@Controller()
export class BenchController {
  /** An established session is read. */
  @Get('read')
  read(@Req() { session }: BenchRequest): object {
    served.count += 1;
    const { user, cart, visits } = session?.user ? session : templateOf(0);
    return { name: user?.name, lines: cart?.length, visits };
  }

  /** One field of an established session changes. */
  @Post('change')
  change(@Req() { session = {} }: BenchRequest): object {
    served.count += 1;
    session.visits = (session.visits ?? 0) + 1;
    return { visits: session.visits };
  }

  /** A new session with all its fields. */
  @Post('login')
  login(@Req() { session = {}, query }: BenchRequest): object {
    served.count += 1;
    Object.assign(session, templateOf(Number(query['bytes'] ?? 0)));
    return { name: session.user?.name };
  }
}

/** The benched application. @param imports - the variant's own modules */
export function applicationModule(imports: readonly DynamicModule[]): DynamicModule {
  return { module: ApplicationModule, imports: [...imports] };
}

@Module({ controllers: [BenchController] })
class ApplicationModule {}
