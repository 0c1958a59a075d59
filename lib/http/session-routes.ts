import type { ServerResponse } from 'node:http';
import { Inject, Injectable, RequestMethod, VersioningType } from '@nestjs/common';
import type { MiddlewareConsumer } from '@nestjs/common';
import { ApplicationConfig, DiscoveryService, HttpAdapterHost, MetadataScanner, MiddlewareBuilder } from '@nestjs/core';
import type { ResolvedSessionOptions } from '../options/resolved-session.options.js';
import type { SessionHandler } from './session.middleware.js';
import type { RawRequest } from './raw-http.js';

type Route = ResolvedSessionOptions['forRoutes'][number];
type RouteInfo = Extract<Route, { readonly path: string }>;

/** Written with the leading slash and braces, it covers the root and every path, under a global prefix too, without a warning. */
const EVERY_ROUTE: RouteInfo = { path: '/{*splat}', method: RequestMethod.ALL };

/** Nest's own value for the methods of a route that is given as a bare path. */
const ANY_METHOD = -1 as unknown as RequestMethod;

/** Where Nest's `@Version()` and `@Controller({ version })` keep it: `VERSION_METADATA` of `@nestjs/common`. */
const VERSION_METADATA = '__version__';

/** Nest's notations for a route that covers the root: the root itself, and wildcards that may be empty. */
const COVERS_ROOT = /^\/?(?:$|\{|\*|\(\.\*\))/;

const ROOT_URL = /^\/*(?:\?|$)/;

/**
 * Mounts the session middleware on the routes that the options name, and mends what Nest's own mounting leaves out.
 *
 * @internal
 */
@Injectable()
export class SessionRoutes {
  constructor(
    @Inject(ApplicationConfig) private readonly application: ApplicationConfig,
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(MetadataScanner) private readonly scanner: MetadataScanner,
  ) {}

  mount(
    consumer: MiddlewareConsumer,
    middleware: SessionHandler,
    { forRoutes, exclude }: Pick<ResolvedSessionOptions, 'forRoutes' | 'exclude'>,
  ): void {
    const proxy = consumer.apply(middleware);
    if (exclude.length > 0) proxy.exclude(...(this.inEveryVersion(exclude) as typeof exclude));
    proxy.forRoutes(...(forRoutes.length > 0 ? this.inEveryVersion(forRoutes) : [EVERY_ROUTE]));
    this.mountAtRootOutsidePrefix(consumer);
  }

  /** A bare path stands for the path as its controller says it. Nest reads it without the version that a URI has before it. */
  private inEveryVersion<T extends Route>(routes: readonly T[]): (T | RouteInfo)[] {
    const versions = this.versionsInPaths();
    if (versions.length === 0) return [...routes];
    return routes.flatMap((route) => {
      if (typeof route === 'function' || (typeof route === 'object' && route.version !== undefined)) return [route];
      const { path, method } = typeof route === 'string' ? { path: route, method: ANY_METHOD } : route;
      return [route, { path, method, version: versions }];
    });
  }

  private versionsInPaths(): string[] {
    const versioning = this.application.getVersioning();
    if (versioning?.type !== VersioningType.URI) return [];
    const declared = this.discovery.getControllers().flatMap(({ metatype }) => {
      if (typeof metatype !== 'function') return [];
      const prototype = metatype.prototype as Record<string, object>;
      const handlers = this.scanner.getAllMethodNames(prototype).map((name) => prototype[name] as object);
      return [metatype, ...handlers].flatMap((owner) => Reflect.getMetadata(VERSION_METADATA, owner) as unknown);
    });
    // A route that is neutral is covered by its bare path.
    const all = [versioning.defaultVersion, ...declared].flat();
    return [...new Set(all.filter((version): version is string => typeof version === 'string'))];
  }

  /**
   * Nest's adapter for Fastify mounts the root under the global prefix, also when the prefix leaves it out
   * (`setGlobalPrefix('api', { exclude: ['/'] })`). What the consumer has built for the root runs there too.
   */
  private mountAtRootOutsidePrefix(consumer: MiddlewareConsumer): void {
    const { httpAdapter } = this.host;
    if (httpAdapter.getType() !== 'fastify' || !(consumer instanceof MiddlewareBuilder)) return;
    const { exclude = [] } = this.application.getGlobalPrefixOptions();
    if (!exclude.some(({ pathRegex }) => pathRegex.test('/'))) return;
    for (const { middleware, forRoutes } of consumer.build()) {
      const methods = (forRoutes as RouteInfo[])
        .filter(({ path }) => COVERS_ROOT.test(path))
        .map(({ method }) => method);
      if (methods.length === 0) continue;
      // A class of Nest's, which leaves alone what is excluded.
      const [Mounted] = middleware as [new () => { use: SessionHandler }];
      const mounted = new Mounted();
      const isMeant = (method: string | undefined): boolean =>
        methods.some(
          (meant) => meant === ANY_METHOD || meant === RequestMethod.ALL || RequestMethod[meant] === method,
        ) ||
        (method === 'HEAD' && methods.includes(RequestMethod.GET));
      httpAdapter.use((request: RawRequest, response: ServerResponse, next: () => void) => {
        if (ROOT_URL.test(request.originalUrl ?? request.url ?? '') && isMeant(request.method)) {
          mounted.use(request, response, next);
        } else next();
      });
    }
  }
}
