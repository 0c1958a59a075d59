import { Controller, Get, Logger, Module, Post, RequestMethod, Session, Version } from '@nestjs/common';
import { VERSION_NEUTRAL, VersioningType } from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import { RouterModule } from '@nestjs/core';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { SessionModule } from '../../lib/index.js';
import type { SessionModuleOptions } from '../../lib/index.js';
import { PLATFORMS, SECRET, startHttpApp } from '../support/http-app.js';

/** Which requests have a session, whatever Nest does to the paths of an application. */

const answer = (session: unknown) => ({ hasSession: session !== undefined });

@Controller()
class Root {
  @Get()
  root(@Session() session: unknown) {
    return answer(session);
  }

  @Get('plain')
  plain(@Session() session: unknown) {
    return answer(session);
  }

  @Version('1')
  @Get('v')
  versioned(@Session() session: unknown) {
    return answer(session);
  }

  @Version(['2', VERSION_NEUTRAL])
  @Get('both')
  both(@Session() session: unknown) {
    return answer(session);
  }
}

@Controller({ path: 'cats', version: '3' })
class Cats {
  @Get()
  all(@Session() session: unknown) {
    return answer(session);
  }

  @Get(':id/toys')
  toys(@Session() session: unknown) {
    return answer(session);
  }

  @Post(':id/toys')
  addToy(@Session() session: unknown) {
    return answer(session);
  }
}

@Controller({ path: 'tenant', host: ':tenant.example.test' })
class Tenant {
  @Get()
  home(@Session() session: unknown) {
    return answer(session);
  }
}

@Controller()
class Back {
  @Get('home')
  home(@Session() session: unknown) {
    return answer(session);
  }
}

@Module({ controllers: [Back] })
class BackModule {}

interface Case {
  readonly title: string;
  readonly options?: Partial<SessionModuleOptions>;
  readonly prepare?: (app: INestApplication) => void;
  readonly headers?: Readonly<Record<string, string>>;
  /** `GET`, unless the path says otherwise. */
  readonly covered?: readonly string[];
  readonly left?: readonly string[];
}

const uriVersions = (app: INestApplication) => void app.enableVersioning({ type: VersioningType.URI });
const defaultVersion = (app: INestApplication) =>
  void app.enableVersioning({ type: VersioningType.URI, defaultVersion: '9', prefix: 'ver' });

/** Every route unless told otherwise. */
const EVERYTHING: readonly Case[] = [
  { title: 'no prefix', covered: ['/', '/plain', '/area/home'] },
  {
    title: 'a global prefix',
    prepare: (app) => void app.setGlobalPrefix('api'),
    covered: ['/api', '/api/plain', '/api/area/home'],
  },
  {
    title: 'a global prefix that leaves out the root',
    prepare: (app) => void app.setGlobalPrefix('api', { exclude: ['/'] }),
    covered: ['/', '/?a=1', '/api/plain', '/api/area/home'],
  },
  {
    title: 'a global prefix that leaves out the root by an empty path and one method',
    prepare: (app) => void app.setGlobalPrefix('api', { exclude: [{ path: '', method: RequestMethod.GET }] }),
    covered: ['/', '/api/plain'],
  },
  {
    title: 'a global prefix that leaves out a wildcard',
    prepare: (app) => void app.setGlobalPrefix('/api/', { exclude: ['area/{*rest}', 'cats{/*rest}', 'plain'] }),
    covered: ['/api', '/plain', '/area/home'],
  },
  {
    title: 'a global prefix with a parameter',
    prepare: (app) => void app.setGlobalPrefix(':country/api', { exclude: ['/'] }),
    covered: ['/', '/nl/api/plain'],
  },
  {
    title: 'versions in the URI',
    prepare: uriVersions,
    covered: ['/', '/v1/v', '/v2/both', '/both', '/v3/cats', '/v3/cats/7/toys', 'POST /v3/cats/7/toys'],
  },
  {
    title: 'versions in the URI, a default, a prefix and the root left out',
    prepare: (app) => {
      app.setGlobalPrefix('api', { exclude: ['/', 'v', 'cats'] });
      defaultVersion(app);
    },
    covered: [
      '/ver9',
      '/ver1/v',
      '/api/ver2/both',
      '/api/both',
      '/ver3/cats',
      '/api/ver3/cats/7/toys',
      '/api/ver9/plain',
    ],
  },
  {
    title: 'versions in a header',
    prepare: (app) => void app.enableVersioning({ type: VersioningType.HEADER, header: 'x-version' }),
    headers: { 'x-version': '1' },
    covered: ['/v'],
  },
  {
    title: 'versions in the media type',
    prepare: (app) => void app.enableVersioning({ type: VersioningType.MEDIA_TYPE, key: 'v=' }),
    headers: { accept: 'application/json;v=3' },
    covered: ['/cats', '/cats/7/toys'],
  },
  {
    title: 'a host',
    headers: { host: 'ada.example.test' },
    covered: ['/tenant', '/'],
  },
];

/** An exclusion by a bare path covers the path as its controller says it, in every version. */
const EXCLUDED: readonly Case[] = [
  { title: 'the root alone', options: { exclude: ['/'] }, covered: ['/plain'], left: ['/', '/?a=1'] },
  {
    title: 'the root alone, outside of a prefix',
    options: { exclude: ['/'] },
    prepare: (app) => void app.setGlobalPrefix('api', { exclude: ['/'] }),
    covered: ['/api/plain'],
    left: ['/'],
  },
  {
    title: 'a version in the URI',
    options: { exclude: ['v', 'both'] },
    prepare: uriVersions,
    covered: ['/', '/v3/cats', '/plain'],
    left: ['/v1/v', '/v2/both', '/both', '/v1/v?a=1'],
  },
  {
    title: 'a version in the URI, under a prefix',
    options: { exclude: ['/v', 'cats/{*rest}'] },
    prepare: (app) => {
      app.setGlobalPrefix('api');
      uriVersions(app);
    },
    covered: ['/api', '/api/v2/both', '/api/v3/cats'],
    left: ['/api/v1/v', '/api/v3/cats/7/toys', 'POST /api/v3/cats/7/toys'],
  },
  {
    title: 'a default version',
    options: { exclude: ['plain', { path: 'cats', method: RequestMethod.GET }] },
    prepare: defaultVersion,
    covered: ['/ver1/v', '/ver3/cats/7/toys'],
    left: ['/ver9/plain', '/ver3/cats'],
  },
  {
    title: 'one version that is named',
    options: { exclude: [{ path: 'both', method: RequestMethod.ALL, version: '2' }] },
    prepare: uriVersions,
    covered: ['/both', '/v1/v'],
    left: ['/v2/both'],
  },
  {
    title: 'one method',
    options: { exclude: [{ path: 'cats/:id/toys', method: RequestMethod.POST }] },
    prepare: uriVersions,
    covered: ['/v3/cats/7/toys'],
    left: ['POST /v3/cats/7/toys'],
  },
  {
    title: 'a version in a header',
    options: { exclude: ['v'] },
    prepare: (app) => void app.enableVersioning({ type: VersioningType.HEADER, header: 'x-version' }),
    headers: { 'x-version': '1' },
    covered: ['/'],
    left: ['/v'],
  },
  {
    title: 'a path of RouterModule',
    options: { exclude: ['area/{*rest}'] },
    prepare: (app) => void app.setGlobalPrefix('api'),
    covered: ['/api/plain'],
    left: ['/api/area/home'],
  },
  {
    title: 'a host',
    options: { exclude: ['tenant'] },
    headers: { host: 'ada.example.test' },
    covered: ['/plain'],
    left: ['/tenant'],
  },
];

const NAMED: readonly Case[] = [
  { title: 'the root', options: { forRoutes: ['/'] }, covered: ['/'] },
  {
    title: 'the root, outside of a prefix',
    options: { forRoutes: [{ path: '/', method: RequestMethod.GET }] },
    prepare: (app) => void app.setGlobalPrefix('api', { exclude: ['/'] }),
    covered: ['/'],
  },
  {
    title: 'a version in the URI',
    options: { forRoutes: ['v', { path: 'both', method: RequestMethod.GET }] },
    prepare: uriVersions,
    covered: ['/v1/v', '/v2/both', '/both'],
    left: ['/plain', '/v3/cats'],
  },
  {
    title: 'a version in the URI, under a prefix',
    options: { forRoutes: ['cats/:id/toys'] },
    prepare: (app) => {
      app.setGlobalPrefix('api');
      uriVersions(app);
    },
    covered: ['/api/v3/cats/7/toys', 'POST /api/v3/cats/7/toys'],
    left: ['/api/v3/cats', '/api/plain'],
  },
  {
    title: 'a controller',
    options: { forRoutes: [Cats] },
    prepare: (app) => {
      app.setGlobalPrefix('api', { exclude: ['/'] });
      uriVersions(app);
    },
    covered: ['/api/v3/cats', '/api/v3/cats/7/toys', 'POST /api/v3/cats/7/toys'],
    left: ['/', '/api/v1/v'],
  },
];

describe.each(PLATFORMS)('on %s', (platform) => {
  async function check({ options = {}, prepare, headers = {}, covered = [], left = [] }: Case): Promise<void> {
    const warn = vi.spyOn(Logger.prototype, 'warn');
    onTestFinished(() => {
      warn.mockRestore();
    });
    const { client, log } = await startHttpApp({
      platform,
      modules: [
        SessionModule.forRoot({ application: 'routes', secret: SECRET, ...options }),
        BackModule,
        RouterModule.register([{ path: 'area', module: BackModule }]),
      ],
      controllers: [Root, Cats, Tenant],
      ...(prepare && { prepare }),
    });
    const user = client();
    const seen: Record<string, unknown> = {};
    for (const line of [...covered, ...left]) {
      const [path = '', method = 'GET'] = line.split(' ').reverse();
      const { status, text } = await user.send(path, { method, headers });
      seen[line] = status < 300 ? (JSON.parse(text) as { hasSession: boolean }).hasSession : `${status} ${text}`;
    }
    const expected = [...covered.map((line) => [line, true]), ...left.map((line) => [line, false])];
    expect(seen).toEqual(Object.fromEntries(expected));
    expect(warn).not.toHaveBeenCalled();
    expect(log).toEqual([]);
  }

  it.each(EVERYTHING)('every route has a session with $title', check);
  it.each(EXCLUDED)('`exclude` leaves alone $title', check);
  it.each(NAMED)('`forRoutes` covers $title', check);
});
