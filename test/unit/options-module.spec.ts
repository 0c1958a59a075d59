import { Test } from '@nestjs/testing';
import type { SessionModuleAsyncOptions, SessionModuleOptions } from 'nestjs-ha-session';
import { SESSION_STORE, SessionModule } from 'nestjs-ha-session';
import { describe, expect, it } from 'vitest';
import { faultsOf, MINIMUM } from './options-faults.support.js';

class Options implements SessionModuleOptions {
  readonly #secret = 'from a private field';
  readonly application = 'portal';
  get secret(): string {
    return this.#secret;
  }
}

async function start(module: ReturnType<typeof SessionModule.forRoot>): Promise<unknown> {
  const application = await Test.createTestingModule({ imports: [module] }).compile();
  const store: unknown = application.get(SESSION_STORE);
  await application.close();
  return store;
}

describe('SessionModule', () => {
  it('starts with options that are an instance of a class', async () => {
    await expect(start(SessionModule.forRoot(new Options()))).resolves.toBeDefined();
    await expect(start(SessionModule.forRootAsync({ useFactory: () => new Options() }))).resolves.toBeDefined();
  });

  it('is global unless it is told otherwise', () => {
    expect(SessionModule.forRoot(MINIMUM).global).toBe(true);
    expect(SessionModule.forRoot({ ...MINIMUM, isGlobal: false }).global).toBe(false);
    expect(SessionModule.forRootAsync({ useFactory: () => MINIMUM, isGlobal: false }).global).toBe(false);
  });

  it.each([
    [undefined, [': must be an object with options, not undefined.']],
    [{ ...MINIMUM, isGlobal: 'no' }, ['isGlobal: must be true or false, not "no".']],
    [{ ...MINIMUM, imports: [] }, [expect.stringContaining('imports: is not an option.')]],
  ])('refuses wrong options of forRoot at once: %j', (options, faults) => {
    expect(faultsOf(() => SessionModule.forRoot(options as unknown as SessionModuleOptions))).toEqual(faults);
  });

  it.each([undefined, {}, { useFactory: 5 }])('refuses wrong arguments of forRootAsync at once: %j', (options) => {
    expect(faultsOf(() => SessionModule.forRootAsync(options as unknown as SessionModuleAsyncOptions))).toHaveLength(1);
  });

  it('does not start when a factory returns wrong options', async () => {
    const useFactory = () => ({ ...MINIMUM, isGlobal: true, idleTimeoutMs: 5 });
    await expect(start(SessionModule.forRootAsync({ useFactory }))).rejects.toMatchObject({
      code: 'SESSION_CONFIG_INVALID',
      faults: [
        { path: 'idleTimeoutMs' },
        { path: 'isGlobal', message: expect.stringContaining('it stands beside `useFactory`') },
      ],
    });
  });
});
