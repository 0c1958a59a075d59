import type { FactoryProvider, InjectionToken, ModuleMetadata, Provider, Type } from '@nestjs/common';
import * as z from 'zod';
import { OptionFaults } from './option-faults.js';
import { callback, flag, list, satisfying } from './option-schemas.js';
import type { SessionModuleOptions } from './session.options.js';

/** A provider that knows the module's options, for `useClass` and `useExisting`. @public */
export interface SessionOptionsFactory {
  /** The options; asked for once, at start-up. */
  createSessionOptions(): SessionModuleOptions | Promise<SessionModuleOptions>;
}

/**
 * Options of `SessionModule.forRootAsync`: exactly one of `useFactory`, `useClass` and `useExisting`.
 *
 * @public
 */
export interface SessionModuleAsyncOptions {
  /** Modules whose providers the factory needs. */
  readonly imports?: ModuleMetadata['imports'] | undefined;
  /** Providers that `useFactory` gets as its arguments. */
  readonly inject?: FactoryProvider['inject'] | undefined;
  /** Returns the options. */
  readonly useFactory?: ((...args: never[]) => SessionModuleOptions | Promise<SessionModuleOptions>) | undefined;
  /** A class that the module makes, with what it injects. */
  readonly useClass?: Type<SessionOptionsFactory> | undefined;
  /** A provider that some imported module has. */
  readonly useExisting?: InjectionToken<SessionOptionsFactory> | undefined;
  /** Whether other modules can inject the providers without importing this one. @defaultValue true */
  readonly isGlobal?: boolean | undefined;
}

/** Where the options come from, checked. @internal */
export interface SessionOptionsSource {
  /** Providers that bring the options, not resolved yet, under a token. */
  toProviders(token: symbol): Provider[];
}

const schema = z.strictObject({
  imports: list<unknown>('an array of modules', 0).optional(),
  inject: list<unknown>('an array of providers', 0).optional(),
  useFactory: callback<NonNullable<SessionModuleAsyncOptions['useFactory']>>('that returns the options').optional(),
  useClass: callback<Type<SessionOptionsFactory>>('(a class with a method createSessionOptions)').optional(),
  useExisting: satisfying<InjectionToken<SessionOptionsFactory>>(
    'the token of a provider with createSessionOptions',
    isToken,
  ).optional(),
  isGlobal: flag().optional(),
});

const SOURCES = ['useFactory', 'useClass', 'useExisting'] as const;

/**
 * Checks the arguments of `forRootAsync` themselves; what the factory returns is checked at start-up.
 *
 * @param options - as the application gave them
 * @throws SessionConfigurationError when an argument is wrong; lists all faults with their paths.
 * @internal
 */
export function checkAsyncOptions(options: unknown): SessionOptionsSource {
  const faults = new OptionFaults();
  const given = faults.check(schema, options, { path: '', relatedNames: SOURCES });
  const named = SOURCES.filter((name) => given[name] !== undefined || faults.has(name));
  if (named.length === 0 && !faults.has(''))
    faults.add('', 'need one of useFactory, useClass and useExisting, which brings the options of forRoot.');
  for (const name of named.slice(1)) faults.add(name, `stands beside ${named[0]}: give one of them.`);
  if (given.inject?.length && given.useFactory === undefined && !faults.has('useFactory')) {
    faults.add('inject', 'has an effect with useFactory only: a class injects by its constructor. Leave it out.');
  }
  faults.throwIfAny(Object.keys(schema.shape));
  const { useFactory, useClass, useExisting } = given as SessionModuleAsyncOptions;
  const inject = given.inject as FactoryProvider['inject'];
  return {
    toProviders(token): Provider[] {
      if (useFactory) return [{ provide: token, useFactory, inject: [...(inject ?? [])] }];
      const factory = (useClass ?? useExisting) as InjectionToken;
      const ask = { provide: token, useFactory: askFactory, inject: [factory] };
      return useClass ? [{ provide: useClass, useClass }, ask] : [ask];
    },
  };
}

function askFactory(factory: SessionOptionsFactory): SessionModuleOptions | Promise<SessionModuleOptions> {
  return factory.createSessionOptions();
}

function isToken(value: unknown): boolean {
  return ['function', 'string', 'symbol', 'object'].includes(typeof value) && Boolean(value);
}
