import { Inject, Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import type { SessionModuleAsyncOptions, SessionOptionsFactory } from '../../lib/options/async-session.options.js';
import { checkAsyncOptions } from '../../lib/options/async-session.options.js';
import type { SessionModuleOptions } from '../../lib/options/session.options.js';
import { faultsOf, MINIMUM } from './options-faults.support.js';

const OPTIONS = Symbol('options');
const SECRET = Symbol('secret');

@Module({ providers: [{ provide: SECRET, useValue: 'injected secret' }], exports: [SECRET] })
class ConfigurationModule {}

@Injectable()
class OptionsFactory implements SessionOptionsFactory {
  constructor(@Inject(SECRET) private readonly secret: string) {}
  createSessionOptions(): Promise<SessionModuleOptions> {
    return Promise.resolve({ ...MINIMUM, secret: this.secret });
  }
}

async function optionsFrom(options: SessionModuleAsyncOptions): Promise<unknown> {
  const providers = checkAsyncOptions(options).toProviders(OPTIONS);
  const module = await Test.createTestingModule({ imports: [...(options.imports ?? [])], providers }).compile();
  return module.get(OPTIONS);
}

describe('Options of forRootAsync', () => {
  const imports = [ConfigurationModule];
  const expected = { ...MINIMUM, secret: 'injected secret' };

  it('come from a factory with what it injects', async () => {
    const useFactory = (secret: string): SessionModuleOptions => ({ ...MINIMUM, secret });
    await expect(optionsFrom({ imports, inject: [SECRET], useFactory })).resolves.toEqual(expected);
  });

  it('come from a factory that injects nothing', async () => {
    await expect(optionsFrom({ useFactory: () => Promise.resolve(MINIMUM) })).resolves.toEqual(MINIMUM);
  });

  it('come from a class that the module makes', async () => {
    await expect(optionsFrom({ imports, useClass: OptionsFactory })).resolves.toEqual(expected);
  });

  it('come from a provider that exists', async () => {
    @Module({ imports, providers: [OptionsFactory], exports: [OptionsFactory] })
    class FactoryModule {}
    await expect(optionsFrom({ imports: [FactoryModule], useExisting: OptionsFactory })).resolves.toEqual(expected);
  });

  it.each([
    [{}, ': need one of useFactory, useClass and useExisting, which brings the options of forRoot.'],
    [undefined, ': must be an object with options, not undefined.'],
    [{ useFactory: {} }, 'useFactory: must be a function that returns the options, not an object.'],
    [
      { useClass: 'Options' },
      'useClass: must be a function (a class with a method createSessionOptions), not "Options".',
    ],
    [{ useExisting: null }, 'useExisting: must be the token of a provider with createSessionOptions, not null.'],
    [{ useFactory: () => MINIMUM, useClass: OptionsFactory }, 'useClass: stands beside useFactory: give one of them.'],
    [
      { useClass: OptionsFactory, inject: [SECRET] },
      'inject: has an effect with useFactory only: a class injects by its constructor. Leave it out.',
    ],
    [{ useFactory: () => MINIMUM, inject: SECRET }, 'inject: must be an array of providers, not a symbol.'],
    [
      { useFactory: () => MINIMUM, imports: ConfigurationModule },
      'imports: must be an array of modules, not a function.',
    ],
    [{ useFactory: () => MINIMUM, isGlobal: 1 }, 'isGlobal: must be true or false, not 1.'],
  ])('cannot be %j', (options, fault) => {
    expect(faultsOf(() => checkAsyncOptions(options))).toEqual([fault]);
  });

  it('get the nearest name suggested for an unknown one', () => {
    expect(faultsOf(() => checkAsyncOptions({ useFatcory: () => MINIMUM }))).toEqual([
      ': need one of useFactory, useClass and useExisting, which brings the options of forRoot.',
      'useFatcory: is not an option. Did you mean `useFactory`? Allowed: imports, inject, useFactory, useClass, useExisting, isGlobal.',
    ]);
  });

  it('are told all faults at once', () => {
    const options = { imports: 5, inject: 5, useFactory: 5, useClass: 5, useExisting: 5, isGlobal: 5 };
    const paths = faultsOf(() => checkAsyncOptions(options)).map((fault) => fault.split(': ')[0]);
    expect(new Set(paths)).toEqual(new Set(Object.keys(options)));
  });
});
